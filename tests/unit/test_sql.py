"""Filters to WHERE, conditions and buckets, on the engine they are for."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from data_access.backends import Backends
from data_access.conditions import read
from data_access.model import Condition, Filters, Scope, Sql, UsageError
from data_access.sql import (
    Params,
    column,
    condition,
    holds,
    in_list,
    to_engine,
    utc_span,
    value_or_unknown,
    where,
)
from tests.builders import EVERYONE, embedded, event, moment

DAY = date(2024, 3, 1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    return embedded(
        Path(tmp_path_factory.mktemp("shop")),
        [
            event("a", country="DE", properties={"n": "10", "x": {"y": "deep"}}, revenue=10.0),
            event("b", country="FR", properties={"n": "9"}, is_bot=True),
            event("c", country="", properties={"n": "many"}, site="blog"),
            event("d", country=None),
        ],
    )


def named(shop: Backends, text: str, params: Params) -> str:
    """The names of the events that a condition keeps, in one word."""
    sql = Sql(f"select event_name from events where {text} order by 1", params.values)
    rows: list[dict[str, Any]] = shop.warehouse.table(sql, shop.lake.snapshot()).to_pylist()
    return "".join(row["event_name"] for row in rows)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("properties.n=10", "a"),
        ("properties.n=10,9", "ab"),
        ("properties.n!=10", "bcd"),
        ("properties.n~an", "c"),
        ("properties.n~an,9", "bc"),
        ("properties.n!~an", "abd"),
        ("properties.n>9", "a"),
        ("properties.n>=9", "ab"),
        ("properties.n<10", "b"),
        ("properties.n<=10", "ab"),
        ("properties.x.y=deep", "a"),
        ("properties.x.y=", "bcd"),
        ("country=DE", "a"),
        ("country=", "cd"),
        ("country!=", "ab"),
        ("country=unknown", "cd"),
        ("country=unknown,DE", "acd"),
        ("country!=unknown,DE", "b"),
        ("country!=DE", "bcd"),
        ("country~R", "b"),
        ("revenue=10", "a"),
        ("revenue=10.0,7", "a"),
        ("revenue!=10", "bcd"),
        ("revenue=-1", ""),
        ("revenue=", "bcd"),
        ("revenue=unknown,10", "abcd"),
        ("revenue>9.5", "a"),
        ("!(revenue>9.5)", "bcd"),
        ("!(revenue<9.5)", "abcd"),
        ("is_bot=true", "b"),
        ("country=DE;revenue>1|properties.n=9", "ab"),
        ("country=DE;(revenue>99|properties.n=9)", ""),
        ("!(country=DE|country=)", "b"),
        ("!(country=DE;revenue=10)", "bcd"),
        ("!()", ""),
        ("()|country=DE", "abcd"),
    ],
)
def test_conditions(shop: Backends, text: str, kept: str) -> None:
    params = Params({})
    assert named(shop, holds(read(text), params), params) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("entry_page=/a", "hp"),
        ("exit_page=/b", "hp"),
        ("exit_page~b", "hp"),
        ("entry_page!=/a", "nv"),
        ("entry_page=", "nv"),
        ("entry_page!=", "hp"),
        ("entry_page=unknown,/a", "hnpv"),
        ("entry_page!=unknown,/b", "hp"),
        ("!(entry_page=/a);event_name=n", "n"),
        ("entry_page>3", ""),
        ("!(entry_page>3)", "hnpv"),
    ],
)
def test_a_session_s_dimension_is_that_of_all_its_events(tmp_path: Path, text: str, kept: str) -> None:
    """An event without any session (n) has no entry page, as one of a session without page views (v)."""
    later = moment("2024-03-01 12:01")
    visits = embedded(
        tmp_path,
        [
            event("h", event_type="page_view", page_path="/a"),
            event("p", later, event_type="page_view", page_path="/b"),
            event("n", visitor_id=None),
            event("v", event_type="custom", visitor_id=2),
        ],
    )
    params = Params({})
    assert named(visits, holds(read(text), params), params) == kept


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Condition("properties.n", ">", ("x",)), "properties.n is compared with 'x'; a number is needed"),
        (Condition("revenue", "=", ("nan",)), "revenue is compared with 'nan'; a number is needed"),
        (Condition("revenue", ">", ("1", "2")), "revenue > takes one number, not 2"),
        (Condition("revenue", ">"), "revenue > takes one number, not 0"),
        (Condition("revenue", "~", ("1",)), "revenue is a number; it takes = != > >= < <="),
        (Condition("revenue", "!~", ("1",)), "revenue is a number"),
        (Condition("country", "~"), "country~ is no comparison"),
        (Condition("country", "like", ("x",)), "it takes = != ~ !~ > >= < <="),
        (Condition("n", "=", ("x",)), "'n' is no dimension"),
        (Condition("session_key", "=", ("1",)), "'session_key' is no dimension"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(asked: Condition, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        condition(asked, Params({}))
    assert message in str(raised.value)


@pytest.mark.parametrize("name", ["events", "a;b", "properties.", "properties.a-b", "x.y", "ts", "a'b"])
def test_no_outside_text_becomes_an_identifier(name: str) -> None:
    with pytest.raises(UsageError, match="is no dimension; it takes properties"):
        column(name)


@pytest.mark.parametrize(
    ("filters", "scope", "kept"),
    [
        (Filters(DAY, DAY, bots="in"), EVERYONE, "abcd"),
        (Filters(DAY, DAY), EVERYONE, "acd"),
        (Filters(DAY, DAY, bots="only"), EVERYONE, "b"),
        (Filters(date(2024, 3, 2), date(2024, 3, 3), bots="in"), EVERYONE, ""),
        (Filters(DAY, DAY, bots="in"), Scope("x", frozenset({"blog"})), "c"),
        (Filters(DAY, DAY, bots="in"), Scope("x", frozenset()), ""),
        (Filters(DAY, DAY, bots="in", where=read("country=DE,FR")), EVERYONE, "ab"),
        (Filters(DAY, DAY, bots="in", where=read("country=DE|event_name=d")), EVERYONE, "ad"),
        (Filters(DAY, DAY, bots="in", where=read("country=FR;event_name=a")), EVERYONE, ""),
        (Filters(DAY, DAY, bots="in", where=read("!()")), EVERYONE, ""),
        (
            Filters(DAY, DAY, bots="in", where=read("site=shop|site=blog")),
            Scope("x", frozenset({"blog"})),
            "c",
        ),
    ],
)
def test_where(shop: Backends, filters: Filters, scope: Scope, kept: str) -> None:
    params = Params({})
    assert named(shop, where(filters, scope, params), params) == kept


def test_missing_and_blank_are_unknown(shop: Backends) -> None:
    sql = Sql(f"select {value_or_unknown('country')} as v, count(*) as n from events group by 1 order by 1")
    found = shop.warehouse.table(sql, shop.lake.snapshot()).to_pylist()
    assert found == [{"v": "DE", "n": 1}, {"v": "FR", "n": 1}, {"v": "unknown", "n": 2}]


def test_an_empty_list_keeps_nothing() -> None:
    assert in_list("site", (), Params({})) == "1 = 0"


def test_equal_values_share_a_placeholder_and_kinds_do_not() -> None:
    params = Params({})
    assert [params.add(v) for v in ("a", 1, "a", 1.0, True, "1")] == [
        ":p0",
        ":p1",
        ":p0",
        ":p2",
        ":p3",
        ":p4",
    ]
    assert list(params.values.values()) == ["a", 1, 1.0, True, "1"]


@pytest.mark.parametrize(
    ("day", "hours", "start"),
    [
        (date(2024, 3, 31), 23, moment("2024-03-30 23:00")),
        (date(2024, 7, 1), 24, moment("2024-06-30 22:00")),
        (date(2024, 10, 27), 25, moment("2024-10-26 22:00")),
    ],
)
def test_local_days_can_have_23_or_25_hours(day: date, hours: int, start: datetime) -> None:
    found = utc_span(Filters(day, day, "Europe/Berlin"))
    assert found[0] == start
    assert (found[1] - found[0]).total_seconds() == hours * 3600


def test_tables_are_replaced_and_keep_their_names() -> None:
    text = to_engine("select events.ts from events where ts > :p0", "duckdb", (("events", "lake_events"),))
    assert text == "SELECT events.ts FROM lake_events AS events WHERE ts > $p0"
