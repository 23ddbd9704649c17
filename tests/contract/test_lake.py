"""The Lake port: what curation makes of raw events, and that readers only ever see it whole."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.backends import Backends
from data_access.embedded import curation
from data_access.events import ORDER_SCHEMA, SESSION_SCHEMA
from data_access.model import Sql, Version
from data_access.ports import CurateResult
from tests.builders import after, embedded, event, moment, read, table
from tests.depth import examples

CURATED = ("events", "sessions", "orders")
Row = dict[str, Any]


def add(backends: Backends, *rows: Row) -> CurateResult:
    backends.lake.append(table(rows))
    return backends.lake.curate()


def rows(backends: Backends, name: str, version: Version | None = None) -> list[Row]:
    """A table's rows in a stable order."""
    sql = Sql(f"select * from {name}")
    found = backends.warehouse.table(sql, version or backends.lake.snapshot()).to_pylist()
    return sorted(found, key=lambda row: str(sorted(row.items(), key=lambda item: item[0])))


def spans(backends: Backends) -> list[tuple[datetime, datetime, int]]:
    """Start, end and number of events of each session."""
    return sorted((r["session_start"], r["session_end"], r["events"]) for r in rows(backends, "sessions"))


def consistent(backends: Backends) -> None:
    """Every event's session is in the sessions table with the same start and the right size."""
    kept = {r["session_key"]: r for r in rows(backends, "sessions")}
    counted: dict[int, int] = {}
    for row in rows(backends, "events"):
        if row["session_key"] is not None:
            counted[row["session_key"]] = counted.get(row["session_key"], 0) + 1
            assert kept[row["session_key"]]["session_start"] == row["session_start"]
    assert counted == {key: row["events"] for key, row in kept.items()}


# Distinct events


def test_an_empty_lake_has_empty_tables(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    assert backends.lake.curate() == CurateResult(0, 0, 0)
    assert [rows(backends, name) for name in CURATED] == [[], [], []]
    assert backends.lake.snapshot().complete_to is None


def test_an_event_is_kept_once_within_a_batch(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    late = event("second", event_id="x", received_at=after(minutes=1))
    assert add(backends, late, event("first", event_id="x")) == CurateResult(2, 1, 1)
    assert [row["event_name"] for row in rows(backends, "events")] == ["first"]


def test_an_event_is_kept_once_across_batches(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event("first", event_id="x")])
    before = rows(backends, "events")
    assert add(backends, event("again", event_id="x", at=after(days=3))) == CurateResult(1, 0, 0)
    assert rows(backends, "events") == before


def test_the_same_id_on_two_sites_is_two_events(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(event_id="x"), event(event_id="x", site="blog")])
    assert {row["site"] for row in rows(backends, "events")} == {"shop", "blog"}


def test_curating_again_adds_nothing_and_keeps_the_version(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    version = backends.lake.snapshot()
    assert backends.lake.curate() == CurateResult(0, 0, 0)
    assert backends.lake.snapshot() == version


def test_append_refuses_a_wrong_schema(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    with pytest.raises((ValueError, KeyError)):
        backends.lake.append(pa.table({"event_id": ["x"]}))
    assert backends.lake.curate().raw_rows == 0


def test_event_times_are_cut_to_the_millisecond(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=after(microseconds=1999))])
    assert read(backends, "events")["ts"].to_pylist() == [after(milliseconds=1)]


def test_version_says_how_far_the_data_reaches(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=after(hours=2)), event()])
    assert backends.lake.snapshot().complete_to == after(hours=2)
    add(backends, event(at=after(hours=1)))
    assert backends.lake.snapshot().complete_to == after(hours=2)


def test_ingested_counts_batches_by_prefix(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    add(backends, event(ingest_id="a-1"), event(ingest_id="a-1"), event(ingest_id="b-1"))
    assert backends.lake.ingested("a-") == {"a-1": 2}
    assert backends.lake.ingested("c-") == {}


# Sessions


def test_thirty_minutes_idle_stay_together(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(), event(at=after(minutes=30))])
    assert spans(backends) == [(after(), after(minutes=30), 2)]


def test_a_millisecond_more_is_a_new_session(tmp_path: Path) -> None:
    later = after(minutes=30, milliseconds=1)
    backends = embedded(tmp_path, [event(), event(at=later)])
    assert spans(backends) == [(after(), after(), 1), (later, later, 1)]


def test_sessions_belong_to_a_visitor_and_a_site(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(), event(visitor_id=2), event(site="blog")])
    assert len(spans(backends)) == 3
    consistent(backends)


def test_an_event_of_nobody_has_no_session(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(visitor_id=None)])
    assert [row["session_key"] for row in rows(backends, "events")] == [None]
    assert spans(backends) == []


def test_the_sources_own_session_id_comes_before_the_visitor(tmp_path: Path) -> None:
    rows_ = [event(session_id="s1", visitor_id=1), event(session_id="s1", visitor_id=2)]
    backends = embedded(tmp_path, [*rows_, event(session_id="s2", visitor_id=1)])
    assert [size for _, _, size in spans(backends)] == [1, 2]
    consistent(backends)


def test_a_session_runs_over_midnight(tmp_path: Path) -> None:
    times = ["2024-03-01 23:50", "2024-03-02 00:10", "2024-03-02 00:35"]
    backends = embedded(tmp_path)
    for at in times:
        add(backends, event(at=at))
    first, _, last = (datetime.fromisoformat(at) for at in times)
    assert spans(backends) == [(first, last, 3)]
    consistent(backends)


def test_a_late_event_joins_two_sessions(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(), event(at=after(minutes=50))])
    assert len(spans(backends)) == 2
    add(backends, event(at=after(minutes=25)))
    assert spans(backends) == [(after(), after(minutes=50), 3)]
    consistent(backends)


def test_a_late_event_joins_sessions_over_midnight(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-01 23:45"), event(at="2024-03-02 00:30")])
    add(backends, event(at="2024-03-01 23:20"), event(at="2024-03-02 00:05"))
    start, end = moment("2024-03-01 23:20"), moment("2024-03-02 00:30")
    assert spans(backends) == [(start, end, 4)]
    consistent(backends)


def test_a_late_event_moves_the_session_of_a_day_that_gains_nothing(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-02 00:10"), event(at="2024-03-02 12:00")])
    add(backends, event(at="2024-03-01 23:50"))
    assert spans(backends)[0] == (moment("2024-03-01 23:50"), moment("2024-03-02 00:10"), 2)
    consistent(backends)


def test_a_session_says_what_its_first_and_last_events_said(tmp_path: Path) -> None:
    backends = embedded(
        tmp_path,
        [
            event("add", channel="direct", country="DE", device="mobile"),
            event(at=after(minutes=1), page_path="/in", channel="email", country="FR"),
            event(at=after(minutes=2), page_path="/out", is_bot=True),
            event("buy", at=after(minutes=3), page_path="/not-a-view"),
        ],
    )
    (session,) = rows(backends, "sessions")
    wanted = {
        "site": "shop",
        "visitor_id": 1,
        "events": 4,
        "page_views": 2,
        "entry_page": "/in",
        "exit_page": "/out",
        "entry_channel": "direct",
        "country": "DE",
        "device": "mobile",
        "is_bot": True,
    }
    assert wanted.items() <= session.items()


@pytest.mark.parametrize(("first", "entry"), [(None, None), ("https://a.example/", "https://a.example/")])
def test_where_a_session_came_from_is_the_referrer_of_its_first_page(
    tmp_path: Path, first: str | None, entry: str | None
) -> None:
    """The second page is reached from the first one: that is not where the session came from."""
    own = "https://shop.example/in"
    views = [event(referrer=first), event(at=after(minutes=1), referrer=own)]
    backends = embedded(tmp_path, [event("start", at=after(seconds=-1), referrer="app"), *views])
    assert [row["entry_referrer"] for row in rows(backends, "sessions")] == [entry]


@pytest.mark.parametrize("order", [1, -1])
def test_pages_of_one_moment_go_by_their_ids(tmp_path: Path, order: int) -> None:
    """Logs know seconds: whatever order they are read in, a session has the same first and last page."""
    views = [event(event_id=name, page_path=f"/{name}", country=name) for name in ("a", "b", "c")]
    (session,) = rows(embedded(tmp_path, views[::order]), "sessions")
    assert [session[name] for name in ("entry_page", "exit_page", "country")] == ["/a", "/c", "a"]


def test_a_session_without_pages_came_from_its_first_referrer(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event("ping"), event("ping", at=after(minutes=1), referrer="https://a/")])
    assert [row["entry_referrer"] for row in rows(backends, "sessions")] == ["https://a/"]


# Orders


def test_an_order_is_its_first_event(tmp_path: Path) -> None:
    bought = event("buy", order_id="o1", revenue=9.5, currency="EUR", visitor_id=4)
    backends = embedded(tmp_path, [bought, event(order_id=""), event()])
    add(backends, event("mail", at=after(days=1), order_id="o1", revenue=1.0))
    (order,) = rows(backends, "orders")
    assert order["ts"] == after()
    assert (order["revenue"], order["currency"], order["visitor_id"]) == (9.5, "EUR", 4)


def test_a_late_event_moves_an_order_to_its_day(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(order_id="o1", revenue=2.0), event(order_id="o2", revenue=3.0)])
    add(backends, event(at=after(days=-2), order_id="o1", revenue=1.0))
    found = {row["order_id"]: (row["ts"], row["revenue"]) for row in rows(backends, "orders")}
    assert found == {"o1": (after(days=-2), 1.0), "o2": (after(), 3.0)}


# In pieces or at once

events = st.builds(
    lambda minute, visitor, session, order, key: {
        "minute": minute,
        "visitor_id": visitor,
        "session_id": session,
        "order_id": order,
        "event_id": f"k{key}",
    },
    minute=st.sampled_from([0, 10, 25, 30, 45, 55, 60, 80, 85, 90, 120, 700, 720, 735, 750, 1500, 2200]),
    visitor=st.sampled_from([1, 1, 1, 2, None]),
    session=st.sampled_from([None, None, None, "s"]),
    order=st.sampled_from([None, None, "o1", "o2"]),
    key=st.integers(0, 30),
)


def made(drawn: list[Row]) -> list[Row]:
    """Events that differ in every time (to the ms), one for an id: no tie for "first of"."""
    distinct = {row["event_id"]: row for row in drawn}
    return [
        event(
            "page_view" if n % 2 else "click",
            moment("2024-03-01 12:00") + timedelta(minutes=row["minute"], milliseconds=n),
            **{k: v for k, v in row.items() if k != "minute"},
            received_at=moment("2024-03-09"),
            page_path=f"/{n}",
            country=f"C{n}",
            revenue=float(n),
        )
        for n, row in enumerate(distinct.values())
    ]


@settings(max_examples=examples(5, 12), deadline=None, derandomize=True, database=None)
@given(drawn=st.lists(events, min_size=3, max_size=14), data=st.data())
def test_curating_in_any_pieces_equals_curating_at_once(drawn: list[Row], data: st.DataObject) -> None:
    whole = made(drawn)
    order = data.draw(st.permutations(whole))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(order) - 1)), max_size=3)))
    pieces = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        at_once, in_pieces = embedded(Path(one), whole), embedded(Path(two))
        for piece in pieces:
            add(in_pieces, *piece, *piece[:1])
        for name in CURATED:
            assert rows(in_pieces, name) == rows(at_once, name)
        consistent(in_pieces)


# Readers and writers at once


def test_an_old_version_stays_whole(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(order_id="o1"), event(at=after(minutes=50))])
    old = backends.lake.snapshot()
    before = [rows(backends, name, old) for name in CURATED]
    add(backends, event(at=after(minutes=25)), event(at=after(days=-1), order_id="o1"))
    assert [rows(backends, name, old) for name in CURATED] == before
    assert [rows(backends, name) for name in CURATED] != before


def test_readers_see_whole_versions_while_curation_runs(tmp_path: Path) -> None:
    """Each batch adds one session, one order and two events: no reader may ever see another ratio."""
    backends = embedded(tmp_path)
    done = []

    def write() -> None:
        for n in range(6):
            at = after(hours=n)
            add(backends, event(at=at, order_id=f"o{n}"), event(at=at + timedelta(minutes=1)))
        done.append(True)

    def watch() -> set[tuple[int, int, int]]:
        seen = set()
        while not done:
            version = backends.lake.snapshot()
            events_, sessions, orders = (len(rows(backends, name, version)) for name in CURATED)
            seen.add((events_, sessions, orders))
        return seen

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        pool.submit(write).result()
        seen = set().union(*(w.result() for w in watchers))
    assert seen <= {(2 * n, n, n) for n in range(7)}
    assert tuple(len(rows(backends, name)) for name in CURATED) == (12, 6, 6)


def _crash(*_: Any) -> None:
    raise RuntimeError("killed")


@pytest.mark.parametrize("where", ["_write_sessions", "_write_orders", "_publish"])
@pytest.mark.parametrize("start", [[], [event("old", at=after(minutes=-50), order_id="o0")]])
def test_a_crash_between_commits_is_never_seen_and_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, start: list[Row]
) -> None:
    backends = embedded(tmp_path, start)
    before, version = [rows(backends, name) for name in CURATED], backends.lake.snapshot()
    backends.lake.append(table([event("new", event_id="n", at=after(minutes=-25), order_id="o1")]))
    with monkeypatch.context() as patch:
        patch.setattr(curation, where, _crash)
        with pytest.raises(RuntimeError, match="killed"):
            backends.lake.curate()

    again = embedded(tmp_path)
    for reader in (backends, again):
        assert reader.lake.snapshot().tables == version.tables
        assert [rows(reader, name) for name in CURATED] == before
    assert again.lake.curate().added == 1
    assert {row["event_name"] for row in rows(again, "events")} == {row["event_name"] for row in start} | {
        "new"
    }
    assert len(rows(again, "orders")) == len(start) + 1
    assert len(rows(again, "sessions")) == 1
    consistent(again)


def test_two_appenders_lose_nothing(tmp_path: Path) -> None:
    one, two = embedded(tmp_path), embedded(tmp_path)

    def fill(backends: Backends, name: str) -> None:
        for n in range(8):
            backends.lake.append(table([event(event_id=f"{name}{n}"), event(event_id=f"{name}{n}+")]))

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(fill, one, "a"), pool.submit(fill, two, "b")]:
            work.result()
    assert one.lake.curate() == CurateResult(32, 32, 1)
    assert len(rows(two, "events")) == 32


def test_appends_during_curation_wait_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backends = embedded(tmp_path)
    publish = curation._publish

    def late(*arguments: Any) -> None:
        monkeypatch.undo()
        backends.lake.append(table([event("late")]))
        publish(*arguments)

    backends.lake.append(table([event("early")]))
    monkeypatch.setattr(curation, "_publish", late)
    assert backends.lake.curate().added == 1
    assert backends.lake.health()["rows_waiting_for_curation"] == 1
    assert backends.lake.curate().added == 1
    assert {row["event_name"] for row in rows(backends, "events")} == {"early", "late"}


# Maintenance


def many(folder: Path) -> Backends:
    """A lake whose first of three days has four files in each table that can have them."""
    backends = embedded(folder)
    for n in range(4):
        add(backends, event(at=after(hours=n), order_id=f"o{n}"), event(at=after(days=n % 2 + 1, hours=n)))
    return backends


def data_files(backends: Backends) -> set[Path]:
    return set((backends.settings.data_dir / "lake").rglob("*.parquet"))


def test_compaction_keeps_rows_and_has_fewer_files(tmp_path: Path) -> None:
    backends = many(tmp_path)
    before = [rows(backends, name) for name in CURATED]
    result = backends.lake.maintain(datetime(2024, 3, 20, tzinfo=UTC))
    assert result.days_compacted > 0
    assert result.files_after < result.files_before
    assert [rows(backends, name) for name in CURATED] == before
    health = backends.lake.health()
    assert health["tables"]["raw_events"] | {"bytes": 0, "snapshots": 0} == {
        "rows": 8,
        "files": 3,
        "bytes": 0,
        "snapshots": 0,
    }
    assert health["rows_waiting_for_curation"] == 0


def test_compaction_leaves_the_present_day_alone(tmp_path: Path) -> None:
    backends = many(tmp_path)
    result = backends.lake.maintain(datetime(2024, 3, 1, 23, tzinfo=UTC))
    assert (result.days_compacted, result.files_after) == (0, result.files_before)


def test_curation_goes_on_after_compaction(tmp_path: Path) -> None:
    backends = many(tmp_path)
    backends.lake.maintain(datetime.now(UTC) + timedelta(days=9))
    assert backends.lake.curate() == CurateResult(0, 0, 0)
    assert add(backends, event(at=after(minutes=10), order_id="new")).added == 1
    assert (len(rows(backends, "events")), len(rows(backends, "orders"))) == (9, 5)
    consistent(backends)


def test_maintenance_curates_what_waits(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    backends.lake.append(table([event()]))
    backends.lake.maintain(datetime.now(UTC))
    assert len(rows(backends, "events")) == 1


def test_expiry_drops_old_snapshots_and_their_files(tmp_path: Path) -> None:
    backends = many(tmp_path)
    before, files = [rows(backends, name) for name in CURATED], data_files(backends)
    result = backends.lake.maintain(datetime.now(UTC) + timedelta(days=9))
    assert result.snapshots_expired > 0
    assert result.orphans_deleted > 0
    assert result.bytes_freed > 0
    assert len(data_files(backends)) < len(files)
    assert [rows(backends, name) for name in CURATED] == before
    assert [rows(embedded(tmp_path), name) for name in CURATED] == before
    assert all(t["snapshots"] <= 1 for t in backends.lake.health()["tables"].values())


def test_a_recent_version_stays_readable_after_maintenance(tmp_path: Path) -> None:
    backends = many(tmp_path)
    version = backends.lake.snapshot()
    before = [rows(backends, name, version) for name in CURATED]
    assert backends.lake.maintain(datetime.now(UTC)).snapshots_expired == 0
    assert [rows(embedded(tmp_path), name, version) for name in CURATED] == before


def test_the_sweep_takes_only_old_files_that_nothing_names(tmp_path: Path) -> None:
    backends = many(tmp_path)
    lake = backends.settings.data_dir / "lake"
    folder = next(iter(data_files(backends))).parent
    old, young, other = folder / "old.parquet", folder / "young.parquet", lake / "notes.txt"
    long_ago = time.time() - 72 * 3600
    for path in (old, young, other):
        path.write_bytes(b"x")
    for path in lake.rglob("*"):
        if path not in (young,) and path.is_file():
            os.utime(path, (long_ago, long_ago))
    named = data_files(backends) - {old, young}
    result = backends.lake.maintain(datetime.now(UTC) - timedelta(hours=1))
    assert not old.exists()
    assert young.exists()
    assert other.exists()
    assert named <= data_files(backends)
    assert result.orphans_deleted >= 1


def test_the_lake_has_the_documented_columns(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(order_id="o")])
    assert read(backends, "sessions").schema.names == SESSION_SCHEMA.names
    assert read(backends, "orders").schema.names == ORDER_SCHEMA.names
