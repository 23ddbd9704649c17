"""The Warehouse port on Athena: the same answers as the embedded one's, by the same tests over both."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_access.asking import Asking
from data_access.aws import athena_results
from data_access.backends import Backends
from data_access.embedded.cache import EmbeddedCache
from data_access.model import Sql, Version
from data_access.ports import QueryError, Warehouse
from data_access.query_errors import QueryFailed
from data_access.questions import QUESTIONS
from tests.app.shop import shop
from tests.athena.double import Outcome
from tests.athena.parts import Athena, athena_over
from tests.builders import EVERYONE, after, embedded, event, table

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """A warehouse and the lake below it."""

    warehouse: Warehouse
    backends: Backends

    @property
    def version(self) -> Version:
        return self.backends.lake.snapshot()

    def ask(self, text: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.table(text, **params).to_pylist()
        return found

    def table(self, text: str, **params: Any) -> pa.Table:
        return self.warehouse.table(Sql(text, params), self.version)


Opener = Callable[[Iterable[Mapping[str, Any]]], Place]


@pytest.fixture(params=["embedded", "athena"])
def over(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens a warehouse over some events."""
    with ExitStack() as stack:

        def opened(events: Iterable[Mapping[str, Any]] = ()) -> Place:
            backends = embedded(tmp_path, events)
            if request.param == "embedded":
                return Place(backends.warehouse, backends)
            return Place(stack.enter_context(athena_over(backends)).warehouse, backends)

        yield opened


@pytest.fixture
def athena(tmp_path: Path) -> Iterator[Athena]:
    with athena_over(embedded(tmp_path, [event()])) as found:
        yield found


HARD = (
    "",
    " ",
    "it's",
    'a "quoted" one',
    '""',
    "a,b;c",
    "two\nlines",
    "two\r\nlines",
    "\n",
    "NULL",
    "null",
    "NaN",
    "\\N",
    "\\",
    "tab\t",
    "Grüße ☃ 你好 👩‍👩‍👧",
    "'; drop table events; --",
    ":name",
    "=1+1",
    "%s {}",
)


def test_values_are_bound(over: Opener) -> None:
    place = over([event("it's"), event("other")])
    found = place.ask("select count(*) as n from events where event_name = :name", name="it's")
    assert found == [{"n": 1}]


def test_texts_come_back_as_they_were_stored(over: Opener) -> None:
    place = over([event(page_title=text, at=after(seconds=n)) for n, text in enumerate(HARD)])
    found = place.table("select page_title from events order by ts")["page_title"].to_pylist()
    assert found == list(HARD)


def test_no_text_is_not_the_empty_text(over: Opener) -> None:
    place = over([event(page_path=path, at=after(seconds=n)) for n, path in enumerate(["", None, "x"])])
    text = "select page_path, page_path is null as missing from events order by ts"
    assert [tuple(row.values()) for row in place.ask(text)] == [("", False), (None, True), ("x", False)]
    alone = place.table("select page_path from events order by ts")
    assert alone["page_path"].to_pylist() == ["", None, "x"]


TYPED = {
    "n": (2**53 + 1, pa.int64()),
    "x": (0.1, pa.float64()),
    "s": ("text", pa.string()),
    "b": (False, pa.bool_()),
    "d": (date(2024, 2, 29), pa.date32()),
    "t": (datetime(2024, 2, 29, 23, 59, 59, 999999), pa.timestamp("us")),  # noqa: DTZ001
}
KINDS = {"n": "bigint", "x": "double", "s": "varchar", "b": "boolean", "d": "date", "t": "timestamp(6)"}


def test_every_kind_of_value_has_its_type(over: Opener) -> None:
    chosen = ", ".join(f"cast(:{name} as {kind}) as {name}" for name, kind in KINDS.items())
    missing = ", ".join(f"cast(null as {kind}) as no_{name}" for name, kind in KINDS.items())
    found = over([event()]).table(
        f"select {chosen}, {missing} from events", **{name: value for name, (value, _) in TYPED.items()}
    )
    wanted = [*TYPED.items(), *((f"no_{name}", (None, kind)) for name, (_, kind) in TYPED.items())]
    assert found.schema == pa.schema([(name, kind) for name, (_, kind) in wanted])
    assert found.to_pylist() == [{name: value for name, (value, _) in wanted}]


NUMBERS = (
    0.0,
    -0.0,
    0.1 + 0.2,
    1e7,
    9999999.999,
    0.001,
    0.000999,
    -1e-5,
    5e-324,
    1.7976931348623157e308,
    2.0**63,
)


def test_numbers_are_exact_to_the_last_digit(over: Opener) -> None:
    place = over([event(revenue=number, at=after(seconds=n)) for n, number in enumerate(NUMBERS)])
    found = place.table("select revenue from events order by ts")["revenue"].to_pylist()
    assert [number.hex() for number in found] == [number.hex() for number in NUMBERS]
    odd = (
        "select cast('NaN' as double) as a, cast('Infinity' as double) as b, cast('-Infinity' as double) as c"
    )
    (row,) = place.ask(f"{odd} from events limit 1")
    assert math.isnan(row["a"])
    assert (row["b"], row["c"]) == (math.inf, -math.inf)


def test_two_columns_may_have_one_name(over: Opener) -> None:
    found = over([event()]).table("select 'x' as a, cast(2 as bigint) as a from events")
    assert [column.to_pylist() for column in found.columns] == [["x"], [2]]


def test_an_error_holds_no_sql(over: Opener) -> None:
    place = over([event()])
    with pytest.raises(QueryError) as raised:
        place.ask("select secret_column from events")
    assert "secret_column" not in str(raised.value)


def test_a_schema_is_that_of_the_answer(over: Opener) -> None:
    place = over([event()])
    text = "select ts, event_name, visitor_id, revenue, is_bot from events where site = :site"
    sql = Sql(text, {"site": "shop"})
    assert place.warehouse.schema(sql, place.version) == place.warehouse.table(sql, place.version).schema


def test_streams_come_in_bounded_batches(over: Opener) -> None:
    place = over([event(at=after(milliseconds=n)) for n in range(45_000)])
    sql = Sql("select ts from events order by events.ts")
    batches = list(place.warehouse.stream(sql, place.version))
    assert max(batch.num_rows for batch in batches) <= 8_000
    assert pa.Table.from_batches(batches)["ts"].to_pylist() == [after(milliseconds=n) for n in range(45_000)]


def test_a_stream_left_early_leaves_nothing_behind(over: Opener) -> None:
    place = over([event(at=after(milliseconds=n)) for n in range(20_000)])
    stream = place.warehouse.stream(Sql("select event_id from events"), place.version)
    assert next(stream).num_rows > 0
    stream.close()  # type: ignore[attr-defined]
    assert place.ask("select count(*) as n from events") == [{"n": 20_000}]


def test_empty_tables_have_columns_and_no_rows(over: Opener) -> None:
    place = over(())
    text = "select event_name, ts, count(*) as n from events group by 1, 2"
    sql = Sql(text)
    wanted = pa.schema([("event_name", pa.string()), ("ts", pa.timestamp("us")), ("n", pa.int64())])
    assert place.table(text) == wanted.empty_table()
    assert place.warehouse.schema(sql, place.version) == wanted
    assert sum(batch.num_rows for batch in place.warehouse.stream(sql, place.version)) == 0
    assert place.ask("select count(*) as n from orders") == [{"n": 0}]


def test_an_older_version_answers_as_it_did(over: Opener) -> None:
    place = over([event("first")])
    older = place.version
    place.backends.lake.append(table([event("second", at=after(days=1))]))
    place.backends.lake.curate()
    sql = Sql("select event_name from events order by ts")
    assert place.warehouse.table(sql, older)["event_name"].to_pylist() == ["first"]
    assert place.warehouse.table(sql, place.version)["event_name"].to_pylist() == ["first", "second"]


def test_rows_that_are_not_published_are_not_seen(over: Opener) -> None:
    place = over([event()])
    rows = place.table("select * from events")
    events = place.backends.lake.open_table("events")  # type: ignore[attr-defined]
    events.append(rows.cast(events.schema().as_arrow()))
    assert place.ask("select count(*) as n from events") == [{"n": 1}]


# What Athena has beside the port


def test_texts_of_any_kind_come_back(athena: Athena) -> None:
    texts = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(texts, min_size=1, max_size=8))
    def check(values: list[str | None]) -> None:
        rows = " union all ".join(f"select {n} as n, cast(:v{n} as varchar) as v" for n in range(len(values)))
        sql = Sql(f"select v from ({rows}) as found order by n", {f"v{n}": v for n, v in enumerate(values)})
        assert athena.warehouse.table(sql, Version(()))["v"].to_pylist() == values

    check()


@pytest.mark.parametrize(("part", "block"), [(700, 900), (64, 5_000), (10_000, 300)])
def test_an_answer_is_whole_however_it_is_cut(
    part: int, block: int, athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cuts fall into values, their quotes and their line ends."""
    monkeypatch.setattr(athena_results, "_PART_BYTES", part)
    monkeypatch.setattr(athena_results, "_BLOCK_BYTES", block)
    values = [HARD[n % len(HARD)] * (n % 4) for n in range(100)]
    rows = " union all ".join(f"select {n} as n, :v{n} as v" for n in range(len(values)))
    sql = Sql(f"select n, v from ({rows}) as found order by n", {f"v{n}": v for n, v in enumerate(values)})
    assert athena.warehouse.table(sql, Version(()))["v"].to_pylist() == values
    assert athena.double.count("GET") > 1 or part == 10_000


def test_bytes_are_told_also_of_a_query_that_was_too_big(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    (file,) = backends.lake.files("events", backends.lake.snapshot())  # type: ignore[attr-defined]
    sql = Sql("select event_name from events")
    for cap in (None, file.size, file.size - 1):
        scanned: list[int] = []
        with athena_over(backends, cap=cap) as athena:
            if cap == file.size - 1:
                with pytest.raises(QueryError):
                    athena.warehouse.table(sql, backends.lake.snapshot(), scanned.append)
            else:
                athena.warehouse.table(sql, backends.lake.snapshot(), scanned.append)
        assert scanned == [file.size]


def test_queries_run_in_the_workgroup_and_database_of_the_settings(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    with athena_over(backends, athena_workgroup="analysts") as athena:
        athena.warehouse.table(Sql("select 1 as n from events"), backends.lake.snapshot())
        (asked,) = athena.double.bodies("StartQueryExecution")
    assert asked["WorkGroup"] == "analysts"
    assert asked["QueryExecutionContext"] == {"Database": "streamgauge"}
    assert "ResultConfiguration" not in asked


def test_a_schema_reads_no_byte_and_no_file(athena: Athena, tmp_path: Path) -> None:
    version = embedded(tmp_path).lake.snapshot()
    athena.warehouse.schema(Sql("select * from events"), version)
    assert athena.double.count("GET") == 0
    (text,) = athena.double.texts
    assert text.endswith("LIMIT 0")


def test_the_same_question_asked_again_is_another_query(athena: Athena) -> None:
    sql = Sql("select 1 as n")
    for _ in range(2):
        athena.warehouse.table(sql, Version(()))
    tokens = {body["ClientRequestToken"] for body in athena.double.bodies("StartQueryExecution")}
    assert len(tokens) == 2


def test_looks_become_rarer(athena: Athena) -> None:

    athena.double.next(Outcome(looks=30))
    athena.warehouse.table(Sql("select 1 as n"), Version(()))
    slept = athena.clock.slept
    assert 0.08 <= slept[0] <= 0.12
    assert min(slept[10:30]) >= 1.6
    assert max(slept) <= 2.4


def test_a_question_that_is_too_long_is_not_sent(athena: Athena) -> None:
    sql = Sql("select :long as long", {"long": "x" * 300_000})
    with pytest.raises(QueryFailed, match="Choose fewer values"):
        athena.warehouse.table(sql, Version(()))
    assert athena.double.asked == []


# Questions

RAW = {
    "data.values": {"dimension": "country"},
    "funnel.steps": {"steps": "home_view,product_view,checkout_complete"},
}
"""What questions need that have no default."""


def raw_of(name: str, backends: Backends) -> dict[str, str]:
    if name == "sessions.timeline":
        rows = backends.warehouse.table(
            Sql("select max(session_key) as k from sessions"), backends.lake.snapshot()
        )
        return {"session": str(rows["k"][0].as_py())}
    return RAW.get(name, {})


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backends, Asking]]:
    """A small shop, asked the embedded way and Athena's."""
    end = datetime(2024, 3, 11)  # noqa: DTZ001
    backends = embedded(tmp_path_factory.mktemp("shop"), shop(40, 12, end=end), time_zone="Europe/Berlin")
    with athena_over(backends) as athena:
        cache = EmbeddedCache(tmp_path_factory.mktemp("cache"), 64)
        yield backends, replace(backends.asking, warehouse=athena.warehouse, cache=cache)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_the_same_answer(name: str, shops: tuple[Backends, Asking]) -> None:
    backends, asking = shops
    raw = raw_of(name, backends)
    wanted, found = backends.asking.ask(name, raw, EVERYONE), asking.ask(name, raw, EVERYONE)
    assert found.table.schema == wanted.table.schema
    assert found.rows == wanted.rows
    assert found.stamp.engine == "Amazon Athena"


# One execution per question and data version


def asked_once(athena: Athena) -> None:
    assert max(Counter(athena.double.texts).values()) == 1


def test_fifty_that_ask_the_same_at_once_start_one_query(athena: Athena, tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    cache = EmbeddedCache(tmp_path / "cache", 64)
    asking = replace(backends.asking, warehouse=athena.warehouse, cache=cache)
    with ThreadPoolExecutor(50) as askers:
        found = list(askers.map(lambda _: asking.ask("data.extent", {}, EVERYONE).rows, range(50)))
    assert found == [backends.asking.ask("data.extent", {}, EVERYONE).rows] * 50
    assert athena.double.count("StartQueryExecution") == 1


def test_fifty_that_ask_from_two_processes_start_one_query(athena: Athena, tmp_path: Path) -> None:
    arguments = [athena.double.url, athena.settings.lake_bucket, str(tmp_path / "data"), "25"]
    asker = [sys.executable, "-m", "tests.athena.asker", *arguments]
    running = [subprocess.Popen(asker, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=100)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert [text.split() for text in told] == [["25", "1"]] * 2
    assert athena.double.count("StartQueryExecution") == 1
