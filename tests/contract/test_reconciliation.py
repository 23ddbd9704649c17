"""Live counts against the real lake: they agree, or every difference has its reason."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.backends import Backends
from data_access.live import Places, Sighting
from data_access.model import Scope
from data_access.reconciliation import Line, Report, Verdict, reconcile
from pipeline import lake_writer
from tests.builders import embedded, event, table
from tests.door import Door, server_event, utc

NOW = datetime(2026, 3, 9, 12, 30, 30)  # noqa: DTZ001 - naive UTC
EVERYONE = Scope("tester")


def clock() -> float:
    return NOW.replace(tzinfo=UTC).timestamp()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(embedded(tmp_path), clock)


def report(backends: Backends, scope: Scope = EVERYONE, **more: Any) -> Report:
    own = backends
    return reconcile(own.following, own.log, own.counters, own.lake, own.asking, scope, clock=clock, **more)


def lines(door: Door) -> dict[tuple[str, str], Line]:
    found = report(door.backends).lines
    return {(f"{line.minute:%H:%M}", line.event_type): line for line in found}


def test_nothing_logged_gives_no_lines(door: Door) -> None:
    door.backends.lake.append(table([event(at=NOW)]))
    door.backends.lake.curate()
    assert report(door.backends).lines == (), "imports do not come through the log"


def test_what_was_counted_is_in_the_lake(door: Door) -> None:
    door.server(timestamp=utc(NOW - timedelta(minutes=3)))
    door.server(event_type="error")
    door.settle()
    found = lines(door)
    assert {key: (line.live, line.final, line.verdict) for key, line in found.items()} == {
        ("12:27", "page_view"): (1, 1, Verdict.AGREES),
        ("12:30", "error"): (1, 1, Verdict.AGREES),
    }
    assert report(door.backends).places == Places(2, 2, 2)


def test_duplicates_late_and_early_events_are_told(door: Door) -> None:
    again = server_event(event_id="6f9619ff-8b86-d011-b42d-00c04fc964ff")
    door.batch(again, again, again)
    door.server(timestamp=utc(NOW - timedelta(hours=23, minutes=30)))
    door.server(timestamp=utc(NOW - timedelta(hours=25)))
    door.server(timestamp=utc(NOW + timedelta(minutes=6)))
    door.settle()
    found = lines(door)
    here = found["12:30", "page_view"]
    assert (here.live, here.final, here.duplicates, here.moved_in) == (5, 1, 2, 2)
    assert (here.unexplained, here.verdict) == (0, Verdict.EXPLAINED)
    early = found["12:36", "page_view"]
    assert (early.live, early.final, early.moved_out, early.verdict) == (0, 1, 1, Verdict.EXPLAINED)
    assert found["13:00", "page_view"].verdict is Verdict.AGREES, "23.5 hours late counts in its own minute"


def test_a_minute_settles_when_the_lake_has_all_of_it(door: Door) -> None:
    door.server()
    door.live.step()
    assert lines(door)["12:30", "page_view"].verdict is Verdict.SETTLING
    door.settle()
    assert lines(door)["12:30", "page_view"].verdict is Verdict.AGREES
    door.server()
    door.live.step()
    assert lines(door)["12:30", "page_view"].verdict is Verdict.SETTLING
    door.lake.drain()
    assert lines(door)["12:30", "page_view"].verdict is Verdict.SETTLING, "raw, but not curated"


def test_a_lake_ahead_of_the_live_counts_settles_too(door: Door) -> None:
    door.server()
    door.lake.drain()
    door.backends.lake.curate()
    assert lines(door)["12:30", "page_view"].verdict is Verdict.SETTLING


def test_a_lost_and_a_doubled_count_are_unexplained(door: Door) -> None:
    door.server()
    door.settle()
    minute = next(iter(door.backends.counters.items(0)))[1]
    door.backends.counters.fold("somewhere else", 0, 1, [Sighting(1, "shop", minute, "page_view")])
    (line,) = report(door.backends).unexplained
    assert (line.live, line.final, line.unexplained) == (2, 1, 1)
    door.backends.counters.expire(minute + 1)
    (line,) = report(door.backends).unexplained
    assert (line.live, line.unexplained) == (0, -1)


def test_an_unreadable_event_is_a_reason(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.server()

    def enrich(*_: Any) -> None:
        raise pa.ArrowInvalid("no")

    monkeypatch.setattr(lake_writer, "enrich", enrich)
    door.lake.drain()
    monkeypatch.undo()
    door.server()
    door.settle()
    line = lines(door)["12:30", "page_view"]
    assert (line.live, line.final, line.unreadable, line.verdict) == (2, 1, 1, Verdict.EXPLAINED)


def test_a_resent_event_that_an_import_brought_first_is_a_duplicate(door: Door) -> None:
    known = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    door.backends.lake.append(table([event(at=NOW, event_id=known)]))
    door.backends.lake.curate()
    door.server(event_id=known)
    door.settle()
    line = lines(door)["12:30", "page_view"]
    assert (line.live, line.final, line.duplicates, line.verdict) == (1, 0, 1, Verdict.EXPLAINED)


def test_a_scope_sees_its_sites_only(door: Door) -> None:
    door.server()
    door.settle()
    assert report(door.backends, Scope("x", frozenset({"blog"}))).lines == ()
    assert len(report(door.backends, Scope("x", frozenset({"shop"}))).lines) == 1


def test_only_whole_hours_back_are_looked_at(door: Door) -> None:
    door.server(timestamp=utc(NOW - timedelta(hours=3)))
    door.settle()
    assert report(door.backends, hours=2).since == datetime(2026, 3, 9, 10)  # noqa: DTZ001
    assert report(door.backends, hours=2).lines == ()
    assert len(report(door.backends, hours=3).lines) == 1


STEP = st.one_of(
    st.tuples(
        st.just("send"),
        st.lists(
            st.tuples(
                st.integers(0, 4), st.sampled_from((0, 1, 1500, -8, -3)), st.sampled_from(("click", "error"))
            ),
            min_size=1,
            max_size=4,
        ),
    ),
    st.tuples(st.sampled_from(("live", "lake", "curate", "import")), st.just([])),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=3, max_size=9))
def test_whatever_is_sent_in_whatever_order_nothing_is_unexplained(
    steps: list[tuple[str, list[Any]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        door = Door(embedded(Path(folder)), clock)
        lake = door.backends.lake
        for what, sent in steps:
            if what == "send":
                door.batch(
                    *(
                        server_event(
                            event_id=f"00000000-0000-0000-0000-00000000000{number}",
                            timestamp=utc(NOW - timedelta(minutes=ago)),
                            event_type=kind,
                        )
                        for number, ago, kind in sent
                    )
                )
            elif what == "import":
                lake.append(table([event(at=NOW, event_id="00000000-0000-0000-0000-000000000000")]))
            else:
                {"live": door.live.step, "lake": door.lake.drain, "curate": lake.curate}[what]()
            assert report(door.backends).unexplained == ()
        door.settle()
        final = report(door.backends)
        assert final.unexplained == ()
        assert all(line.settled for line in final.lines)
        assert sum(line.live for line in final.lines) == door.backends.log.head()
        door.backends.log.close()
