"""From the log to the raw table: once, in order, with what is unreadable reported; and back by replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_access.events import EVENT_SCHEMA
from data_access.iceberg.tables import RAW
from data_access.live import Reason, Refused
from data_access.records import Head, batch_of, sealed
from pipeline import lake_writer
from pipeline.contracts import FieldError
from pipeline.dead_letters import replay
from pipeline.envelope import Item
from tests.builders import embedded, read
from tests.door import Door, server_event


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(embedded(tmp_path))


def raw_ids(door: Door) -> list[str]:
    lake: Any = door.backends.lake
    return sorted(lake.open_table(RAW).scan().to_arrow()["event_id"].to_pylist())


def test_what_is_logged_reaches_the_lake_in_one_commit(door: Door) -> None:
    for number in range(3):
        door.send({"eventName": "page_view", "eventId": f"e{number}", "sessionId": "s"})
    assert door.lake.step() == 3
    assert door.lake.step() == 0
    lake: Any = door.backends.lake
    raw = lake.open_table(RAW)
    epoch = door.backends.log.epoch
    assert len(raw.metadata.snapshots) == 1
    assert raw.current_snapshot().summary["streamgauge.sequences"] == f"{epoch}:1-3"
    assert door.backends.lake.ingested("log-") == {f"log-{epoch}-1-3": 3}
    assert door.backends.log.offsets()["lake"] == door.backends.lake.log_offset(epoch) == 3


def test_a_writer_thought_dead_adds_nothing_twice(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The zombie reads, others write, then it goes on."""
    door.send({"eventName": "a", "eventId": "e1"})
    lake = door.backends.lake
    stale = lake.log_offset(door.backends.log.epoch)
    door.lake.drain()
    door.send({"eventName": "b", "eventId": "e2"})
    monkeypatch.setattr(lake, "log_offset", lambda _: stale)
    door.lake.step()
    monkeypatch.undo()
    assert raw_ids(door) == ["e1"]
    door.lake.drain()
    assert raw_ids(door) == ["e1", "e2"]


def test_an_append_must_begin_where_the_lake_ends(door: Door) -> None:
    lake, nothing = door.backends.lake, EVENT_SCHEMA.empty_table()
    assert not lake.append_log(nothing, "e", 3, 5)
    assert lake.append_log(nothing, "e", 0, 5)
    assert not lake.append_log(nothing, "e", 0, 7)
    assert (lake.log_offset("e"), lake.log_offset("other")) == (5, 0)


def test_a_killed_writer_goes_on_where_the_lake_is(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.send({"eventName": "a", "eventId": "e1"})
    monkeypatch.setattr(door.backends.log, "commit", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        door.lake.step()
    monkeypatch.undo()
    assert door.lake.step() == 0
    assert (raw_ids(door), door.backends.log.offsets()["lake"]) == (["e1"], 1)


def test_one_unreadable_event_among_others_is_a_dead_letter(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.batch(*[server_event(user_id=f"u{n}") for n in range(7)])
    real = lake_writer.enrich

    def enrich(table: Any, rules: Any) -> pa.Table:
        if "u3" in table["user_id"].to_pylist():
            raise pa.ArrowInvalid("a value no column can hold")
        return real(table, rules)

    monkeypatch.setattr(lake_writer, "enrich", enrich)
    assert door.lake.step() == 7
    assert len(raw_ids(door)) == 6
    (letter,) = door.backends.log.letters(10)
    assert letter.refused.reason is Reason.UNREADABLE
    assert (letter.refused.sequence, letter.refused.event_type) == (4, "page_view")
    monkeypatch.undo()
    assert replay(door.backends.log, 10) == replay_of(1, 0)
    door.settle()
    assert sorted(read(door.backends, "events")["user_id"].to_pylist()) == [f"u{n}" for n in range(7)]
    assert replay(door.backends.log, 10) == replay_of(0, 0)


def replay_of(replayed: int, refused: int) -> Any:
    from pipeline.dead_letters import Replayed

    return Replayed(replayed, refused)


def test_bytes_that_are_no_envelope_are_dead_letters_one_by_one(door: Door) -> None:
    door.backends.log.append(b"not ours", 2)
    door.server()
    assert door.settle().added == 1
    assert [letter.refused.sequence for letter in door.backends.log.letters(10)] == [2, 1]
    assert replay(door.backends.log, 10) == replay_of(0, 2)


def test_reported_and_killed_before_the_lake_moved_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.backends.log.append(b"not ours", 1)
    monkeypatch.setattr(door.backends.lake, "append_log", lambda *_: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            door.lake.step()
    monkeypatch.undo()
    door.lake.drain()
    assert len(door.backends.log.letters(10)) == 1


def test_what_was_turned_away_can_be_replayed_when_it_is_understood(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.batch(server_event(event_type="api_call"), server_event(event_type="hologram"))
    assert replay(door.backends.log, 10) == replay_of(0, 1)
    monkeypatch.setattr("pipeline.contracts.cloudpulse.EVENT_TYPES", ("hologram", "api_call"))
    assert replay(door.backends.log, 10, "another site") == replay_of(0, 0)
    assert replay(door.backends.log, 10) == replay_of(1, 0)
    door.settle()
    assert sorted(read(door.backends, "events")["event_type"].to_pylist()) == ["api_call", "hologram"]


def test_sent_is_stored_and_dead_letters_exactly(door: Door) -> None:
    for number in range(40):
        event = server_event(user_id=f"u{number}")
        door.batch(event | ({"source": "fax"} if number % 3 == 0 else {}), event)
    door.settle()
    stored = read(door.backends, "events").num_rows
    assert (stored, sum(door.backends.log.refusals().values())) == (80 - 14, 14)


def test_an_item_alone_is_the_same_event() -> None:
    head = Head("shop", 1_773_000_000_000, "UA/1", "DE", clickstream=True, skip=(1,), ids=("made",))
    item = Item(
        7, b'{"eventName":"x","timestamp":"2026-03-08T20:00:00Z"}', head, "2026-03-08T20:00:09Z", "made"
    )
    from data_access.live import Record
    from pipeline.envelope import items

    (again,) = items(Record(7, 7, item.draft()["received_at"], item.alone()))
    assert again.draft() == item.draft()
    assert again.draft()["event_id"] == "made"


def test_an_envelope_whose_ids_do_not_fit_is_refused() -> None:
    from data_access.live import Record
    from pipeline.envelope import items

    body = sealed(Head("shop", 0), batch_of(b"{}"))
    with pytest.raises((FieldError, ValueError)):
        list(items(Record(1, 3, None, body)))  # type: ignore[arg-type]
    assert Refused("s", Reason.MISSING, "f", "m", b"").sequence is None
