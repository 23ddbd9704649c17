"""The lake that Athena curates, against the embedded one: the same events give the same tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from data_access.aws import curation_sql, lake
from data_access.aws.curation_sql import Days, Span, spans
from data_access.curation import LAYOUT_VERSION
from data_access.events import LOGGED
from data_access.iceberg.published import Published
from data_access.leases import LeaseHeld
from data_access.ports import CurateResult, QueryError
from tests.athena.double import Fault, Outcome
from tests.athena.lakes import AthenaLake, athena_lake, glue_lake
from tests.builders import after, embedded, event, table
from tests.contract.test_lake import made
from tests.contract.test_lake import rows as rows_of

SEEDS = range(int(os.environ.get("LAKE_SEEDS", "1")))
SHOPS = 12
MINUTES = [0, 10, 25, 30, 45, 55, 60, 80, 85, 90, 120, 700, 720, 735, 750, 1500, 2200]
ALL = ("events", "sessions", "orders", "intake")
Row = dict[str, Any]


@pytest.fixture
def athena(tmp_path: Path) -> Iterator[AthenaLake]:
    with athena_lake(tmp_path) as found:
        yield found


def pieces_of(rows: list[Row], draw: Random) -> list[list[Row]]:
    """Some rows in any order, in three pieces."""
    order = draw.sample(rows, len(rows))
    cuts = sorted(draw.sample(range(1, len(order)), 2))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def same(found: AthenaLake, folder: Path, pieces: list[list[Row]], names: tuple[str, ...] = ALL) -> None:
    """Curate pieces on Athena and embedded, and compare everything."""
    wanted = embedded(folder)
    for piece in pieces:
        for rows in (found.lake, wanted.lake):
            rows.append(table(piece))
        done, expected = found.curate(), wanted.lake.curate()
        assert (done.raw_rows, done.added) == (expected.raw_rows, expected.added)
    for name in names:
        assert merged(found.rows(name)) == merged(rows_of(wanted, name)), name
    assert found.lake.snapshot().complete_to == wanted.lake.snapshot().complete_to


def merged(rows: list[Row]) -> list[Row]:
    """Rows of the intake table are counts: a minute's may be in several."""
    if not rows or "received" not in rows[0]:
        return rows
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        key = tuple((k, v) for k, v in row.items() if k not in ("received", "duplicates", "late"))
        own = sums.setdefault(key, [0, 0, 0])
        own[:] = [a + row[b] for a, b in zip(own, ("received", "duplicates", "late"), strict=True)]
    return sorted((dict(key) | {"sums": own} for key, own in sums.items()), key=str)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_events_give_the_same_tables(seed: int, tmp_path: Path) -> None:
    """Many small shops at once, each with its own sessions, orders and repeated ids; in three pieces."""
    draw, rows = Random(seed), []
    for n in range(SHOPS):
        drawn = [drawn_event(draw) for _ in range(draw.randrange(3, 12))]
        rows += [row | {"site": f"shop{n}"} for row in made(drawn)]
    pieces = [[*piece, *piece[:5]] for piece in pieces_of(rows, draw)]
    with athena_lake(tmp_path / "one") as found:
        same(found, tmp_path / "two", pieces)


def drawn_event(draw: Random) -> Row:
    """What ``made`` makes an event of."""
    return {
        "minute": draw.choice(MINUTES),
        "visitor_id": draw.choice([1, 1, 1, 2, None]),
        "session_id": draw.choice([None, None, None, "s"]),
        "order_id": draw.choice([None, None, "o1", "o2"]),
        "event_id": f"k{draw.randrange(30)}",
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_are_followed_out_of_the_days_that_are_read(seed: int, tmp_path: Path) -> None:
    """Nothing but the days of the new events is read, and sessions that go on for days are whole."""
    draw, rows = Random(seed), []
    for visitor in range(SHOPS):
        at = after(minutes=draw.randrange(3000))
        for n in range(draw.randrange(2, 160)):
            rows.append(event(at=at, visitor_id=visitor, page_path=f"/{n}"))
            gap = draw.choice([20, 29, 29, 29, 29, 31, 200, 1600] if visitor % 2 else [1, 29, 29])
            at += timedelta(minutes=gap, milliseconds=visitor)
    with athena_lake(tmp_path / "one", curation_days=0) as found:
        same(found, tmp_path / "two", pieces_of(rows, draw))


def test_a_late_event_joins_two_sessions_of_days(tmp_path: Path) -> None:
    """The second session, which the late event moves, goes on behind the last day that is read at first."""
    first = [event(at=after(minutes=20 * n)) for n in range(3)]
    second = [event(at=after(minutes=70 + 20 * n)) for n in range(300)]
    late = [event(at=after(minutes=55))]
    with athena_lake(tmp_path / "one", curation_days=0) as found:
        same(found, tmp_path / "two", [first + second, late])
        assert len(found.rows("sessions")) == 1


def test_an_event_that_comes_again_much_later_counts_once(athena: AthenaLake) -> None:
    athena.add(event("first", event_id="x"))
    assert athena.add(event("again", event_id="x", at=after(days=7))) == CurateResult(1, 0, 0)
    assert [row["event_name"] for row in athena.rows("events")] == ["first"]


def logged(place: int, **columns: Any) -> Row:
    return event(ingest_id=f"{LOGGED}events/shard-{place}", **columns)


def test_a_row_that_firehose_brings_again_is_no_row(athena: AthenaLake) -> None:
    first, other = logged(1, event_id="x"), logged(2, event_id="y")
    athena.add(first, first, other)
    athena.add(first, logged(3, event_id="z"))
    assert len(athena.rows("events")) == 3
    assert merged(athena.rows("intake"))[0]["sums"] == [3, 0, 0]


def test_an_event_that_its_sender_sent_again_is_a_duplicate_once(athena: AthenaLake) -> None:
    again = logged(2, event_id="x")
    athena.add(logged(1, event_id="x"), again)
    athena.add(again)
    athena.add(logged(3, event_id="x"))
    assert merged(athena.rows("intake"))[0]["sums"] == [3, 2, 0]


def test_curating_again_adds_nothing_and_keeps_the_version(athena: AthenaLake) -> None:
    athena.add(event())
    version, asked = athena.lake.snapshot(), len(athena.double.texts)
    assert athena.curate() == CurateResult(0, 0, 0)
    assert athena.lake.snapshot() == version
    assert len(athena.double.texts) == asked


def test_rounds_take_the_files_of_whole_snapshots(
    athena: AthenaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation_sql, "MOST_FILES", 2)
    for n in range(5):
        athena.lake.append(table([event(at=after(days=n)), event(at=after(hours=12, days=n))]))
    assert athena.curate() == CurateResult(10, 10, 10)
    assert sum("insert into" in text and "intake" in text for text in athena.double.texts) == 5


def test_more_files_than_can_be_named_are_all_that_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation_sql, "MOST_FILES", 1)
    first = [event(at=after(days=n), event_id=f"e{n}") for n in range(3)]
    second = [event(at=after(days=n), event_id=f"e{n + 1}") for n in range(3)]
    with athena_lake(tmp_path / "one") as found:
        same(found, tmp_path / "two", [first, second])
        assert any('"$path" not in' in text for text in found.double.texts)


def test_more_days_than_athena_writes_at_once_are_written_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation_sql, "MOST_DAYS", 2)
    rows = [event(at=after(days=n), order_id=f"o{n}", revenue=1.0) for n in range(5)]
    late = [event(at=after(days=n, minutes=-20), order_id=f"o{n}") for n in range(5)]
    with athena_lake(tmp_path / "one") as found:
        same(found, tmp_path / "two", [rows, late])
        assert sum("merge into" in text and ".sessions" in text for text in found.double.texts) == 6


def test_spans_are_all_time() -> None:
    days = [datetime(2024, 3, n).date() for n in range(1, 6)]  # noqa: DTZ001
    assert spans(days) == [Span()]
    assert spans([]) == [Span()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curation_sql, "MOST_DAYS", 2)
        assert spans(days) == [Span(None, days[2]), Span(days[2], days[4]), Span(days[4], None)]


FAULTS = [Outcome("FAILED", "ICEBERG_COMMIT_ERROR"), Outcome("CANCELLED", "by somebody")]


@pytest.mark.parametrize("place", [1, 5, 8])
def test_what_fails_half_way_is_never_seen_and_done_by_the_next(athena: AthenaLake, place: int) -> None:
    athena.add(event("old", at=after(minutes=-50), order_id="o0"))
    before, version = [athena.rows(name) for name in ALL], athena.lake.snapshot()
    athena.lake.append(table([event("new", at=after(minutes=-25), order_id="o1")]))
    athena.double.reset()
    athena.double.next(*[Outcome()] * place, FAULTS[place % 2])
    with pytest.raises(QueryError):
        athena.lake.curate()
    athena.clock.now += 10
    assert athena.lake.snapshot() == version
    assert [athena.rows(name) for name in ALL] == before
    athena.double.reset()
    assert athena.curate().added == 1
    assert [(row["events"]) for row in athena.rows("sessions")] == [2]
    assert len(athena.rows("orders")) == 2
    assert len(athena.rows("intake")) == 2


def test_a_curation_that_was_killed_keeps_others_away_for_a_while(
    athena: AthenaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    athena.lake.append(table([event()]))
    with monkeypatch.context() as patch:
        patch.setattr(type(athena.documents), "delete", lambda *_: False)
        athena.double.fail("StartQueryExecution", Fault("InvalidRequestException", "killed"))
        with pytest.raises(QueryError):
            athena.lake.curate()
    with pytest.raises(LeaseHeld):
        athena.lake.curate()
    athena.clock.now += lake.TURN_SECONDS
    assert athena.lake.curate().added == 1


def test_a_turn_is_given_back(athena: AthenaLake) -> None:
    assert athena.curate() == athena.curate()


def test_an_older_layout_is_made_anew(tmp_path: Path) -> None:
    first, repeated = logged(1, event_id="x", order_id="o"), logged(2, event_id="x")
    with athena_lake(tmp_path, [first, repeated, first, event("b", at=after(days=1))]) as found:
        before = {name: merged(found.rows(name)) for name in ALL}
        events_table = found.lake.open_table("events")
        replace(Published.of(events_table), layout=LAYOUT_VERSION - 1).write(events_table)
        for name in ("sessions", "orders", "intake"):
            found.lake.open_table(name).delete()
        assert found.curate() == CurateResult(0, 0, 0)
        assert {name: merged(found.rows(name)) for name in ALL} == before
        assert Published.of(found.lake.open_table("events")).layout == LAYOUT_VERSION


def test_maintenance_keeps_the_rows_in_fewer_files(athena: AthenaLake) -> None:
    for n in range(3):
        athena.add(event(at=after(minutes=n)), event(at=after(days=2, minutes=n)))
    old = athena.lake.snapshot()
    before = [athena.rows(name) for name in ALL]
    done = athena.lake.maintain(after(days=2))
    athena.clock.now += 10
    assert done.files_after < done.files_before
    assert athena.lake.snapshot() != old
    assert [athena.rows(name) for name in ALL] == before
    assert athena.add(event(at=after(minutes=9))).added == 1


def test_maintenance_goes_on_while_there_is_more_to_do(athena: AthenaLake) -> None:
    for n in range(2):
        athena.add(event(at=after(minutes=n)))
    athena.double.reset()
    athena.double.next(Outcome("FAILED", "ICEBERG_OPTIMIZE_MORE_RUNS_REQUIRED: run it again"))
    athena.lake.maintain(after(days=2))
    assert [text for text in athena.double.texts if "optimize" in text][0:2] == athena.double.texts[0:2]


def test_the_version_is_asked_for_every_few_seconds(athena: AthenaLake) -> None:
    before = athena.lake.snapshot()
    other = type(athena.lake)(
        athena.lake._clients, athena.settings, athena.documents, None, athena.clock.time, athena.lake._catalog
    )
    other.append(table([event()]))
    other.curate()
    assert athena.lake.snapshot() == before
    athena.clock.now += lake.FRESH_SECONDS
    assert athena.lake.snapshot() == other.snapshot() != before


def test_all_of_it_on_a_server() -> None:
    """On moto it is the app's (tests/app)."""
    with glue_lake("ministack") as found:
        found.add(event("a", event_id="x"), event("b", at=after(minutes=9)))
        found.add(event("late", at=after(minutes=-9), order_id="o"), event("again", event_id="x"))
        assert {row["event_name"] for row in found.rows("events")} == {"a", "b", "late"}
        assert [(row["session_start"], row["events"]) for row in found.rows("sessions")] == [
            (after(minutes=-9), 3)
        ]
        assert [row["order_id"] for row in found.rows("orders")] == ["o"]
        assert sum(row["duplicates"] for row in found.rows("intake")) == 1
        assert found.lake.health()["rows_waiting_for_curation"] == 0


@pytest.mark.parametrize(
    ("days", "reach", "ranges"),
    [
        ([], 3, []),
        ([1], 0, [(1, 1)]),
        ([5, 1, 2], 0, [(1, 2), (5, 5)]),
        ([4, 8], 2, [(2, 10)]),
        ([4, 9], 2, [(2, 11)]),
        ([4, 10], 2, [(2, 6), (8, 12)]),
    ],
)
def test_days_around(days: list[int], reach: int, ranges: list[tuple[int, int]]) -> None:
    def day(n: int) -> Any:
        return datetime(2024, 3, n).date()  # noqa: DTZ001

    found = Days.around([day(n) for n in days], reach)
    assert [(a.day, b.day) for a, b in found.ranges] == ranges
