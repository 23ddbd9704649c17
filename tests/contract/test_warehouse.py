"""The Warehouse port: bounded in time and memory, and shut in the lake's folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from data_access.backends import Backends
from data_access.embedded.duck import connect
from data_access.model import Sql
from data_access.ports import QueryError
from data_access.settings import load
from tests.builders import after, embedded, event, moment


def ask(backends: Backends, text: str, **params: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = backends.warehouse.table(
        Sql(text, params), backends.lake.snapshot()
    ).to_pylist()
    return found


def test_values_are_bound(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event("it's"), event("other")])
    assert ask(backends, "select count(*) as n from events where event_name = :name", name="it's") == [
        {"n": 1}
    ]


def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=after(seconds=n)) for n in range(3000)], query_seconds=1)
    heavy = (
        "select count(*) as n from events a, events b, events c"
        " where a.session_key + b.session_key <> c.visitor_id"
    )
    with pytest.raises(QueryError, match="stopped after 1 s"):
        ask(backends, heavy)
    assert ask(backends, "select count(*) as n from events") == [{"n": 3000}]


def test_an_error_holds_no_sql(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    with pytest.raises(QueryError) as raised:
        ask(backends, "select secret_column from events")
    assert "secret_column" not in str(raised.value)


def test_streams_come_in_bounded_batches(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=after(milliseconds=n)) for n in range(45_000)])
    sql = Sql("select ts from events order by events.ts")
    batches = list(backends.warehouse.stream(sql, backends.lake.snapshot()))
    assert max(batch.num_rows for batch in batches) <= 8_000
    assert pa.Table.from_batches(batches)["ts"].to_pylist() == [after(milliseconds=n) for n in range(45_000)]


def test_a_stream_left_early_leaves_nothing_behind(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=after(milliseconds=n)) for n in range(45_000)])
    stream = backends.warehouse.stream(Sql("select event_id from events"), backends.lake.snapshot())
    assert next(stream).num_rows > 0
    stream.close()  # type: ignore[attr-defined]
    assert ask(backends, "select count(*) as n from events") == [{"n": 45_000}]


MIDNIGHTS = [moment(f"2024-03-0{day}") for day in range(1, 6)]
EDGES = [m + timedelta(milliseconds=ms) for m in MIDNIGHTS for ms in (-1, 0, 1)]


def test_the_span_never_changes_an_answer(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=at) for at in EDGES])
    text = "select count(*) as n from events where ts >= :a and ts < :b"
    for start in EDGES:
        for end in EDGES[EDGES.index(start) :]:
            sql = Sql(text, {"a": start, "b": end}, span=(start, end))
            found = backends.warehouse.table(sql, backends.lake.snapshot()).to_pylist()
            assert found == [{"n": EDGES.index(end) - EDGES.index(start)}]


def test_the_span_keeps_files_of_other_days_closed(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=at) for at in MIDNIGHTS])
    lake = backends.lake
    for file in lake.files("events", lake.snapshot()):  # type: ignore[attr-defined]
        if file.day != MIDNIGHTS[2].date():
            Path(file.path).unlink()
    span = MIDNIGHTS[2], MIDNIGHTS[2] + timedelta(hours=23)
    text = "select count(*) as n from events"
    assert backends.warehouse.table(Sql(text, span=span), lake.snapshot()).to_pylist() == [{"n": 1}]
    with pytest.raises(QueryError):
        ask(backends, text)


def test_questions_cannot_read_outside_the_lake(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    backends = embedded(tmp_path, [event()])
    with pytest.raises(QueryError):
        ask(backends, f"select * from read_csv('{secret}')")


def test_duckdb_is_shut_in_the_lakes_folder(tmp_path: Path) -> None:
    lake, secret = tmp_path / "lake", tmp_path / "secret.csv"
    lake.mkdir()
    for path in (secret, lake / "inside.csv"):
        path.write_text("a\n1\n")
    connection = connect(load({"data_dir": tmp_path / "data"}, {}), lake)
    assert connection.sql(f"select * from read_csv('{lake}/inside.csv')").fetchall() == [(1,)]
    refused = (
        f"select * from read_csv('{secret}')",
        f"select * from '{lake}/../secret.csv'",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/other.db' as other",
        "set enable_external_access = true",
        "install httpfs",
    )
    for statement in refused:
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
    connection.close()
    assert not (tmp_path / "out.csv").exists()
