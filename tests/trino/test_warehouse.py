"""The Warehouse port on a real Trino."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pyarrow as pa
import pytest
import requests
from trino.exceptions import TrinoUserError

from data_access.embedded.lake import EmbeddedLake
from data_access.model import Sql
from data_access.query_errors import (
    NotAllowed,
    NotReached,
    QueryCancelled,
    QueryFailed,
    QueryTimedOut,
    ScanCapHit,
)
from data_access.settings import SettingsError
from data_access.trino.warehouse import BATCH_ROWS, TrinoWarehouse
from tests.builders import after, embedded, event, moment, table
from tests.trino.asked import only_when_asked
from tests.trino.ground import Lake, opened, settings_of
from tests.trino.server import VERSION, Server

only_when_asked()

NAMES = ["it's", '"; drop table events --', "a\\b", "ä😀", "%s :p0 ?", ""]
HEAVY = (
    "select count(*) as n from events as a cross join events as b cross join events as c"
    " where a.event_id || b.event_id <> c.event_id || 'secret'"
)


@pytest.fixture(scope="module")
def lake(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    events = [event(name, after(minutes=n)) for n, name in enumerate(NAMES)]
    events += [event("many", after(hours=1, milliseconds=n), revenue=n / 8) for n in range(20_000)]
    return opened(server, "port", embedded(tmp_path_factory.mktemp("port"), events))


def asked(lake: Lake, text: str, **params: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.on_trino(Sql(text, params)).to_pylist()
    return found


def test_the_engine_says_its_version(lake: Lake) -> None:
    asked(lake, "select count(*) as n from events")
    assert lake.trino.engine == f"Trino {VERSION}"


@pytest.mark.parametrize("name", NAMES)
def test_values_are_values(lake: Lake, name: str) -> None:
    text = "select count(*) as n, :name as same from events where event_name = :name"
    assert asked(lake, text, name=name) == [{"n": 1, "same": name}]


def test_every_kind_of_value_arrives_as_it_is(lake: Lake) -> None:
    values = {
        "whole": 2**63 - 1,
        "part": 0.1 + 0.2,
        "small": -5e-324,
        "yes": True,
        "day": date(2024, 2, 29),
        "at": moment("1969-12-31 23:59:59.123456"),
        "nothing": None,
    }
    listed = ", ".join(f":{name} as {name}" for name in values)
    assert asked(lake, f"select {listed} where :yes", **values) == [values]


TYPES = {
    "cast(1 as bigint)": pa.int64(),
    "1": pa.int32(),
    "1.5e0": pa.float64(),
    "cast('nan' as double)": pa.float64(),
    "cast(1.25 as decimal(38, 4))": pa.decimal128(38, 4),
    "'text'": pa.string(),
    "true": pa.bool_(),
    "date '2024-03-01'": pa.date32(),
    "timestamp '2024-03-01 12:00:00.123456'": pa.timestamp("us"),
    "to_utf8('a')": pa.binary(),
    "null": pa.null(),
}


@pytest.mark.parametrize("kind", ["bigint", "double", "varchar", "boolean", "date", "timestamp"])
def test_a_column_of_nulls_has_its_type(lake: Lake, kind: str) -> None:
    sql = Sql(f"select cast(null as {kind}) as a, 1 as b")
    assert lake.on_trino(sql).equals(lake.on_duckdb(sql))


@pytest.mark.parametrize("value", TYPES)
def test_types_are_duckdbs(lake: Lake, value: str) -> None:
    value = value.replace("'nan'", "'NaN'")
    sql = Sql(f"select {value} as a")
    ours, theirs = lake.on_duckdb(sql), lake.on_trino(sql)
    assert theirs.schema == ours.schema
    assert repr(theirs.to_pylist()) == repr(ours.to_pylist())
    assert theirs.schema.field("a").type == TYPES.get(value, pa.float64())


def test_the_schema_is_that_of_the_answer(lake: Lake) -> None:
    sql = Sql("select ts, revenue, count(*) over () as n from events order by ts")
    assert lake.trino.schema(sql, lake.version) == lake.on_trino(sql).schema


def test_the_schema_of_a_heavy_question_costs_nothing(lake: Lake) -> None:
    started = time.monotonic()
    assert lake.trino.schema(Sql(HEAVY), lake.version) == pa.schema([("n", pa.int64())])
    assert time.monotonic() - started < 20


def test_an_answer_without_rows_has_its_types(lake: Lake) -> None:
    found = lake.on_trino(Sql("select * from events where event_name = 'none'"))
    assert found.num_rows == 0
    assert found.schema.field("ts").type == pa.timestamp("us")


def test_it_says_how_much_it_read(lake: Lake) -> None:
    read: list[int] = []
    lake.trino.table(Sql("select sum(revenue) as s from events"), lake.version, read.append)
    assert len(read) == 1
    assert read[0] > 10_000


# What is there to be seen


def test_a_table_without_a_snapshot_is_empty(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = opened(server, "nothing", embedded(tmp_path_factory.mktemp("nothing")))
    assert dict(empty.version.tables)["events"] == 0
    assert asked(empty, "select count(*) as n from events join orders on orders.site = events.site") == [
        {"n": 0}
    ]


def test_rows_that_are_not_published_are_not_there(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    backends = embedded(tmp_path_factory.mktemp("published"), [event()])
    known = opened(server, "published", backends)
    before = known.version
    assert isinstance(backends.lake, EmbeddedLake)
    events = backends.lake.open_table("events")
    events.append(events.scan().to_arrow())  # as a curation that was killed before it published
    assert server.execute("select count(*) from published.streamgauge.events") == [[2]]
    assert asked(known, "select count(*) as n from events") == [{"n": 1}]
    backends.lake.append(table([event(), event()]))
    backends.lake.curate()
    assert asked(known, "select count(*) as n from events") == [{"n": 3}]
    old = known.trino.table(Sql("select count(*) as n from events"), before)
    assert old.to_pylist() == [{"n": 1}]


def test_trino_cannot_write_to_the_lake(server: Server, lake: Lake) -> None:
    for text in ("delete from port.streamgauge.events", "create table port.streamgauge.x (a bigint)"):
        with pytest.raises(TrinoUserError, match="Access Denied"):
            server.execute(text)


# Streams


def test_streams_come_in_bounded_batches(lake: Lake) -> None:
    sql = Sql("select ts from events where event_name = 'many' order by events.ts")
    batches = list(lake.trino.stream(sql, lake.version))
    assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
    expected = [after(hours=1, milliseconds=n) for n in range(20_000)]
    assert pa.Table.from_batches(batches)["ts"].to_pylist() == expected


def test_a_stream_without_rows_ends(lake: Lake) -> None:
    assert list(lake.trino.stream(Sql("select ts from events where 1 = 0"), lake.version)) == []


LONG = "select a.ts, a.event_id, b.properties from events as a cross join events as b"


def test_a_stream_left_early_is_cancelled(server: Server, lake: Lake) -> None:
    stream = lake.trino.stream(Sql(LONG), lake.version)
    assert next(stream).num_rows > 0
    stream.close()  # type: ignore[attr-defined]
    assert state_of(server, LONG) == ("FAILED", "USER_CANCELED")


def test_a_stream_that_is_dropped_is_cancelled(server: Server, lake: Lake) -> None:
    text = LONG.replace("b.properties", "b.ts as other")

    def caller() -> None:
        for _ in lake.trino.stream(Sql(text), lake.version):
            raise ConnectionResetError("the browser went away")

    with pytest.raises(ConnectionResetError):
        caller()
    assert state_of(server, text) == ("FAILED", "USER_CANCELED")


def test_a_stream_tells_what_it_read_when_it_is_over(lake: Lake) -> None:
    sql, whole, streamed = Sql("select ts, event_id from events"), list[int](), list[int]()
    lake.trino.table(sql, lake.version, whole.append)
    stream = lake.trino.stream(sql, lake.version, streamed.append)
    next(stream)
    assert streamed == []
    assert sum(batch.num_rows for batch in stream) > 0
    assert streamed == whole
    assert whole[0] > 0


def test_a_stream_left_early_tells_what_it_read(lake: Lake) -> None:
    told: list[int] = []
    stream = lake.trino.stream(Sql(LONG), lake.version, told.append)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(told) == 1


def test_who_reads_slowly_gets_all_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty, clock = other(lake, query_seconds=2), time.monotonic
    stream = hasty.stream(
        Sql("select a.ts from events as a cross join (values 1, 2, 3, 4) as b"), lake.version
    )
    rows = next(stream).num_rows
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 60)
    assert rows + sum(batch.num_rows for batch in stream) == 4 * (20_000 + len(NAMES))


def state_of(server: Server, text: str) -> tuple[str, str]:
    """How the last query with the text's beginning ended."""
    part = text.split(" from ")[0].lower().replace("'", "''")
    wanted = (
        "select state, error_code from system.runtime.queries"
        f" where source = 'streamgauge' and lower(query) like '{part}%' order by created desc limit 1"
    )
    ((state, error),) = server.execute(wanted)
    return str(state), str(error)


# Errors


def other(lake: Lake, **settings: object) -> TrinoWarehouse:
    """A warehouse over the same lake with some settings of its own."""
    known = lake.trino._settings
    return TrinoWarehouse(replace(known, **settings))  # type: ignore[arg-type]


def test_a_query_that_takes_too_long_is_stopped_on_trino_too(server: Server, lake: Lake) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimedOut, match="stopped after 2 s"):
        other(lake, query_seconds=2).table(Sql(HEAVY), lake.version)
    assert time.monotonic() - started < 15
    assert state_of(server, HEAVY) == ("FAILED", "USER_CANCELED")
    assert asked(lake, "select count(*) as n from events") == [{"n": 20_000 + len(NAMES)}]


def test_trino_has_a_limit_of_its_own_for_callers_that_die(server: Server, lake: Lake) -> None:
    asked(lake, "select 1 as a_limit_of_its_own")
    query = server.execute(
        "select query_id from system.runtime.queries where query = 'SELECT 1 AS a_limit_of_its_own'"
    )[0][0]
    user = {"X-Trino-User": lake.trino._settings.trino_user}
    known = requests.get(f"{server.url}/v1/query/{query}", headers=user, timeout=10).json()["session"]
    assert known["systemProperties"] == {"query_max_run_time": "130s"}
    assert (known["source"], known["timeZoneKey"], known["clientTags"]) == ("streamgauge", 0, ["streamgauge"])


def test_a_query_that_somebody_kills_says_so(server: Server, lake: Lake) -> None:
    text = HEAVY.replace("secret", "killed")
    with killing(server, "killed"), pytest.raises(QueryCancelled):
        lake.on_trino(Sql(text))


@contextmanager
def killing(server: Server, mark: str) -> Iterator[None]:
    """Kills the query with a mark in its text as soon as it runs."""

    def kill() -> None:
        find = (
            "select query_id from system.runtime.queries where state = 'RUNNING'"
            f" and source = 'streamgauge' and query like '%''{mark}''%'"
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for (query,) in server.execute(find):
                server.execute(f"call system.runtime.kill_query('{query}', 'no reason')")
                return

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()


FAILING = {
    "select secret_column from events": QueryFailed,
    "select 1 / count(*) as secret from events where 1 = 0": QueryFailed,
    "select array_agg(rpad(a.event_id, 2000, 'x')) as secret"
    " from events as a cross join events as b": ScanCapHit,
}


@pytest.mark.parametrize("text", FAILING)
def test_an_error_holds_no_sql(lake: Lake, text: str) -> None:
    with pytest.raises(FAILING[text]) as raised:
        lake.on_trino(Sql(text))
    assert "secret" not in str(raised.value)
    assert "select" not in str(raised.value).lower()


def test_a_lake_that_is_not_there_is_the_settings_fault(lake: Lake) -> None:
    for wrong in ({"trino_catalog": "no such"}, {"trino_schema": "no such"}):
        with pytest.raises(NotAllowed):
            other(lake, **wrong).table(Sql("select ts from events"), lake.version)


def test_a_trino_that_is_not_there_cannot_be_reached(lake: Lake) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotReached):
        other(lake, trino_url=url).table(Sql("select 1 as a"), lake.version)


def test_a_trino_that_says_nothing_is_given_up(lake: Lake) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(NotReached):
            other(lake, trino_url=url, query_seconds=2).table(Sql("select 1 as a"), lake.version)
        assert time.monotonic() - started < 20


STATUSES = {401: NotAllowed, 403: NotAllowed, 500: QueryFailed, 503: NotReached}


@pytest.mark.parametrize("status", STATUSES)
def test_refusals_on_the_way_are_worded(lake: Lake, status: int) -> None:
    with answering(status) as url, pytest.raises(STATUSES[status]) as raised:
        other(lake, trino_url=url).table(Sql("select 1 as secret"), lake.version)
    assert "secret" not in str(raised.value)


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server in Trino's place that answers everything with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, *_: object) -> None:
            pass

    place = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=place.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{place.server_port}"
    finally:
        place.shutdown()
        place.server_close()


def test_a_password_is_not_sent_in_the_clear(server: Server) -> None:
    with pytest.raises(SettingsError, match="https"):
        TrinoWarehouse(settings_of(server, "port", trino_password="x"))
