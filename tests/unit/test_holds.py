"""Conditions on the engine against a plain evaluator: every event, and every group with its complement."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.backends import Backends
from data_access.model import Condition, Group, Sql
from data_access.sql import Params, holds
from tests.builders import NOON, embedded, event

TEXTS = (None, "", "unknown", "DE", "de", "D", "1", "10", "-2.5", "1e3", "a;b|c", "%", "'")
PATHS = ("/a", "/b", "/a/b", "")
NUMBERS = (None, 0.0, -1.0, 1.0, 10.0, -2.5)
EVENTS = 240

Row = dict[str, Any]


def _events() -> list[Row]:
    """Events of a few sessions and of nobody, with every kind of value in every kind of column."""
    chance = random.Random(11)
    return [
        event(
            "n",
            NOON + timedelta(seconds=number),
            event_type=chance.choice(["page_view", "custom"]),
            page_path=chance.choice(PATHS),
            visitor_id=chance.choice([None, *range(25)]),
            country=chance.choice(TEXTS),
            revenue=chance.choice(NUMBERS),
            is_bot=chance.random() < 0.5,
            properties={"x": {"y": text}} if (text := chance.choice(TEXTS)) else {},
        )
        for number in range(EVENTS)
    ]


ROWS = _events()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    return embedded(Path(tmp_path_factory.mktemp("holds")), ROWS)


# The plain evaluator: nothing of it is shared with the product


def value_of(row: Row, name: str, entries: dict[Any, str]) -> str | float | None:
    if name == "properties.x.y":
        found = json.loads(row["properties"]).get("x")
        return found["y"] if found else None
    if name == "entry_page":
        return entries.get(row["visitor_id"])
    if name == "is_bot":
        return "true" if row["is_bot"] else "false"
    value: str | float | None = row[name]
    return value


def entry_pages(rows: list[Row]) -> dict[Any, str]:
    """The first page of each visitor's only session."""
    found: dict[Any, str] = {}
    for row in rows:
        if row["event_type"] == "page_view" and row["visitor_id"] is not None:
            found.setdefault(row["visitor_id"], row["page_path"])
    return found


def meets(condition: Condition, value: str | float | None) -> bool:
    match condition.operator:
        case "!=" | "!~":
            return not meets(replace(condition, operator=condition.operator[1]), value)
        case "=":
            return any(_same(value, wanted) for wanted in condition.values or ("",))
        case "~":
            return any(wanted in str(value or "") for wanted in condition.values)
    left, right = _number(value), float(condition.values[0])
    if left is None:
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[
        condition.operator
    ]


def _same(value: str | float | None, wanted: str) -> bool:
    if wanted in ("", "unknown"):
        return value in (None, "", wanted)
    return value == float(wanted) if isinstance(value, float) else value == wanted


def _number(value: str | float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def says(group: Group, row: Row, entries: dict[Any, str]) -> bool:
    found = [
        says(p, row, entries) if isinstance(p, Group) else meets(p, value_of(row, p.name, entries))
        for p in group.parts
    ]
    return (not found or (all(found) if group.how == "all" else any(found))) != group.negated


# Any group there is

NAMES = st.sampled_from(["country", "properties.x.y", "is_bot", "entry_page", "page_path"])
WORDS = st.sampled_from([*(text for text in TEXTS if text), *PATHS[:3], "true", "b", "/"])
SOME = st.lists(WORDS, max_size=3).map(tuple)
FIGURES = st.sampled_from(["0", "-1", "1", "10", "1000", "-2.5", "9.99"])
ORDERS = st.sampled_from([">", ">=", "<", "<="])
CONDITIONS = st.one_of(
    st.builds(Condition, NAMES, st.sampled_from(["=", "!="]), SOME),
    st.builds(Condition, NAMES, st.sampled_from(["~", "!~"]), SOME.filter(bool)),
    st.builds(Condition, NAMES | st.just("revenue"), ORDERS, st.tuples(FIGURES)),
    st.builds(
        Condition,
        st.just("revenue"),
        st.sampled_from(["=", "!="]),
        st.lists(FIGURES | st.just("unknown"), max_size=3).map(tuple),
    ),
)


def _groups(depth: int) -> st.SearchStrategy[Group]:
    parts = CONDITIONS | _groups(depth - 1) if depth else CONDITIONS
    how = st.sampled_from(["all", "any"])
    return st.builds(Group, how, st.lists(parts, max_size=3).map(tuple), st.booleans())


@settings(deadline=None, max_examples=25)
@given(groups=st.lists(_groups(2), min_size=1, max_size=8))
def test_the_engine_says_what_the_evaluator_says(lake: Backends, groups: list[Group]) -> None:
    found, entries = answers(lake, groups), entry_pages(ROWS)
    for number, group in enumerate(groups):
        expected = {row["event_id"]: says(group, row, entries) for row in ROWS}
        assert {key: answer[number] for key, answer in found.items()} == expected, group


@settings(deadline=None, max_examples=10)
@given(groups=st.lists(_groups(2), min_size=1, max_size=8))
def test_a_group_and_its_complement_add_up_to_all(lake: Backends, groups: list[Group]) -> None:
    complements = [Group("all", (group,), negated=True) for group in groups]
    found = answers(lake, groups + complements)
    assert len(found) == EVENTS
    for answer in found.values():
        kept, left = answer[: len(groups)], answer[len(groups) :]
        assert [one != other for one, other in zip(kept, left, strict=True)] == [True] * len(groups)


def answers(lake: Backends, groups: list[Group]) -> dict[str, list[bool | None]]:
    """What the engine says of every event, group by group, in one question."""
    params = Params({})
    columns = ", ".join(f"{holds(group, params)} as g{number}" for number, group in enumerate(groups))
    sql = Sql(f"select event_id, {columns} from events", params.values)
    found = lake.warehouse.table(sql, lake.lake.snapshot()).to_pylist()
    return {row.pop("event_id"): list(row.values()) for row in found}
