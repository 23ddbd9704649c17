"""The funnel's SQL against explicit search, on small logs full of ties, repeats and overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_access.embedded.duck import connect
from data_access.events import CURATED_SCHEMA
from data_access.model import Filters
from data_access.questions import QUESTIONS, Ask
from data_access.settings import load
from data_access.sql import to_engine
from tests.builders import EVERYONE, event, moment, table
from tests.depth import examples
from tests.funnel_oracle import Event, Options, Row, Step, answer, same

START = moment("2024-03-01")
FUNNEL = QUESTIONS["funnel.steps"]
OPERATORS = ("=", "=", "!=", "~", ">", ">=", "<", "<=")


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The product's DuckDB, over no lake."""
    folder = tmp_path_factory.mktemp("duck")
    connection = connect(load({"data_dir": folder, "query_threads": 1}, {}), folder)
    yield connection
    connection.close()


def ours(duck: duckdb.DuckDBPyConnection, log: list[Event], options: Options) -> list[Row]:
    """The product's answer: its SQL on DuckDB and its finish."""
    rows = [
        event(
            e.name,
            START + timedelta(milliseconds=e.ms),
            visitor_id=e.user,
            session_key=e.session,
            country=e.country,
            properties=e.properties or {},
        )
        for e in log
    ]
    values = {
        "steps": ",".join(step.text for step in options.steps),
        "window": "period" if options.window is None else f"{options.window // 1000}s",
        "unit": options.unit,
        "order": options.order,
        "breakdown": options.breakdown,
    }
    day = START.date()
    ask = Ask(Filters(day, day, bots="in"), EVERYONE, values)
    sql = FUNNEL.sql(ask)
    cursor = duck.cursor()
    cursor.register("events", table(rows, CURATED_SCHEMA))
    found = cursor.sql(to_engine(sql.text, "duckdb"), params=dict(sql.params)).to_arrow_table()
    cursor.close()
    return FUNNEL.finish(found, ask).to_pylist()


moments = st.sampled_from([0, 0, 1, 999, 1000, 1001, 1500, 2000, 2001, 3000, 4000])
names = st.sampled_from("aaabbc")
values = st.sampled_from(["1", "2", "3", "12", "x"])
events = st.builds(
    Event,
    ms=moments,
    name=names,
    user=st.sampled_from([1, 1, 2, None]),
    session=st.sampled_from([7, 7, 8, None]),
    properties=st.dictionaries(st.sampled_from(["p", "q"]), values, max_size=2),
    country=st.sampled_from([None, "", "DE", "FR"]),
)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, str, str]:
    operator = draw(st.sampled_from(OPERATORS))
    wanted = st.sampled_from(["1", "2", "3"]) if operator[0] in "<>" else values
    return draw(st.sampled_from(["p", "p", "q"])), operator, draw(wanted)


plain = st.builds(Step, names)
steps = st.one_of(
    plain, plain, st.builds(Step, names, st.lists(conditions(), min_size=1, max_size=2).map(tuple))
)
funnels = st.builds(
    Options,
    steps=st.lists(steps, min_size=2, max_size=5).map(tuple),
    window=st.sampled_from([None, 1000, 2000, 3000]),
    unit=st.sampled_from(["user", "session"]),
    order=st.sampled_from(["ordered", "strict", "any"]),
    breakdown=st.sampled_from(["", "", "country", "properties.p"]),
)
logs = st.lists(events, max_size=14).filter(
    lambda log: all(sum(e.name == name for e in log) <= 7 for name in "abc")
)


@settings(
    max_examples=examples(80, 250),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(log=logs, options=funnels)
def test_funnel_equals_explicit_search(
    duck: duckdb.DuckDBPyConnection, log: list[Event], options: Options
) -> None:
    same(ours(duck, log, options), answer(log, options))


dense = st.lists(st.builds(Event, ms=st.integers(0, 3), name=st.sampled_from("abcd")), max_size=9)
chains = st.lists(st.sampled_from("abc"), min_size=3, max_size=4).map(lambda n: tuple(map(Step, n)))


@settings(max_examples=examples(40, 100), deadline=None, derandomize=True, database=None)
@given(log=dense, options=st.builds(Options, chains, order=st.sampled_from(["strict", "strict", "any"])))
def test_crowded_moments_equal_explicit_search(
    duck: duckdb.DuckDBPyConnection, log: list[Event], options: Options
) -> None:
    same(ours(duck, log, options), answer(log, options))


A, B, A1 = Step("a"), Step("b"), Step("a", (("p", "=", "1"),))

CASES = {
    "the window includes its end": (
        [Event(0, "a"), Event(2000, "b")],
        Options((A, B), 2000),
        [1, 1],
    ),
    "one millisecond more is too late": ([Event(0, "a"), Event(2001, "b")], Options((A, B), 2000), [1, 0]),
    "a later start reaches deeper": (
        [Event(0, "a"), Event(1500, "a"), Event(3000, "b")],
        Options((A, B), 2000),
        [1, 1],
    ),
    "equal times are in order": ([Event(5, "b"), Event(5, "a")], Options((A, B)), [1, 1]),
    "a repeated step needs another event": ([Event(0, "a")], Options((A, A)), [1, 0]),
    "one event does not serve two overlapping steps": (
        [Event(0, "a", properties={"p": "1"})],
        Options((A, A1)),
        [1, 0],
    ),
    "overlapping steps share out a moment's events": (
        [Event(0, "a", properties={"p": "1"}), Event(0, "a")],
        Options((A, A1)),
        [1, 1],
    ),
    "strict has nothing between": (
        [Event(0, "a"), Event(1, "c"), Event(2, "b")],
        Options((A, B), order="strict"),
        [1, 0],
    ),
    "ordered may have something between": (
        [Event(0, "a"), Event(1, "c"), Event(2, "b")],
        Options((A, B)),
        [1, 1],
    ),
    "strict has nothing beside a step in the middle either": (
        [Event(0, "a"), Event(1, "b"), Event(1, "c"), Event(2, "d")],
        Options((A, B, Step("d")), order="strict"),
        [1, 1, 0],
    ),
    "strict puts the events of one moment as it helps": (
        [Event(0, "a"), Event(1, "c"), Event(1, "b")],
        Options((A, B), order="strict"),
        [1, 1],
    ),
    "any takes the steps backwards": ([Event(0, "b"), Event(1, "a")], Options((A, B), order="any"), [1, 1]),
    "ordered does not": ([Event(0, "b"), Event(1, "a")], Options((A, B)), [1, 0]),
    "sessions of one user are apart": (
        [Event(0, "a", session=7), Event(1, "b", session=8)],
        Options((A, B), unit="session"),
        [1, 0],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_definition(duck: duckdb.DuckDBPyConnection, case: str) -> None:
    log, options, reached = CASES[case]
    found = ours(duck, log, options)
    assert [row["reached"] for row in found] == reached
    same(found, answer(log, options))


def test_any_order_times_stay_within_the_window(duck: duckdb.DuckDBPyConnection) -> None:
    """The second round, not the first, leads to step 3: 11 s would be longer than the window."""
    one = {"p": "1"}
    log = [Event(0, "a"), Event(1000, "b"), Event(10_000, "a", properties=one)]
    log += [Event(11_000, "a"), Event(12_000, "b")]
    options = Options((A, B, A1), 2000, order="any")
    found = ours(duck, log, options)
    assert found[2]["median_seconds"] == 0.0
    same(found, answer(log, options))


def test_breakdown_takes_the_value_of_the_start(duck: duckdb.DuckDBPyConnection) -> None:
    log = [Event(0, "a", country="DE"), Event(1, "a", country=""), Event(2, "b", country="FR")]
    options = Options((A, B), breakdown="country")
    found = ours(duck, log, options)
    assert [(row["country"], row["reached"]) for row in found] == [
        ("DE", 1),
        ("DE", 1),
        ("unknown", 1),
        ("unknown", 1),
    ]
    same(found, answer(log, options))


def test_percentiles_interpolate(duck: duckdb.DuckDBPyConnection) -> None:
    """Waits of 1, 2, 4 and 8 s: the median lies between the middle two, p90 at 2.7 of ranks 0 to 3."""
    log = [Event(0, "a", user=n) for n in range(4)]
    log += [Event(1000 * 2**n, "b", user=n) for n in range(4)]
    found = ours(duck, log, Options((A, B)))
    assert found[1]["median_seconds"] == 3.0
    assert found[1]["p90_seconds"] == pytest.approx(6.8)
