"""Parts add up to the whole: segments and their complements, rows of tables, days."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access import conditions, segments
from data_access.metrics import METRICS
from data_access.model import Condition, Group
from data_access.questions import QUESTIONS
from data_access.questions.products import DIMENSIONS as PRODUCT_DIMENSIONS
from data_access.questions.products import STEPS
from data_access.sql import ALL_DIMENSIONS
from tests.builders import EVERYONE
from tests.contract.random_shop import ALL_ROWS, ASKED, FROM, TO, Row, Shop, local_day
from tests.depth import examples

DAYS = [date.fromisoformat(FROM) + timedelta(days=n) for n in range(7)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(Path(tmp_path_factory.mktemp("shop")))


def additive(name: str) -> list[str]:
    """A question's metrics that add up over parts of the events; a share is of its own answer."""
    return [m for m in QUESTIONS[name].metrics if METRICS[m].additive and m != "share"]


def sums(rows: list[Row], metrics: list[str]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) for name in metrics}


# A segment and its complement

LEAVES = [
    "country=DE,FR", "country!=DE", "country=", "country!=", "page_path~/sale", "page_path!~/sale,help",
    "properties.plan=free", "properties.plan!=free", "properties.plan=", "properties.cart.total>12",
    "properties.cart.total<=12.5", "revenue>=20.5", "revenue!=20.5,unknown", "revenue=", "product_price<10",
    "is_bot=true", "site=shop", "product_id=", "search_term=pen",
    "event_name=checkout_complete", "product_brand=Acme",
    "entry_page=/,/help", "entry_page=", "entry_page!=", "exit_page~sale", "exit_page!=/sale",
    "entry_channel=Email", "entry_utm_campaign=spring", "entry_utm_campaign!~spring",
    "entry_referrer!=unknown",
]  # fmt: skip
"""Every operator, over columns, numbers, JSON and sessions."""


def groups(depth: int) -> st.SearchStrategy[Group]:
    leaf = st.sampled_from(LEAVES).map(lambda text: conditions.read(text).parts[0])
    parts: st.SearchStrategy[Condition | Group] = leaf | groups(depth - 1) if depth else leaf
    how = st.sampled_from(["all", "any"])
    return st.builds(Group, how, st.lists(parts, min_size=1, max_size=3).map(tuple), st.booleans())


def test_every_question_with_metrics_that_add_up_is_asked() -> None:
    assert {name for name in QUESTIONS if additive(name)} == {name for name, _ in ASKED}


def add_up(name: str, whole: list[Row], *parts: list[Row]) -> None:
    """Row by row, every additive metric of the parts sums up to that of the whole."""
    metrics = QUESTIONS[name].metrics
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in (row for part in parts for row in part):
        key = tuple(value for column, value in row.items() if column not in metrics)
        found.setdefault(key, Counter()).update({m: row[m] for m in additive(name)})
    for row in whole:
        key = tuple(value for column, value in row.items() if column not in metrics)
        assert {m: found[key][m] for m in additive(name)} == {m: row[m] for m in additive(name)}, key
    assert len(found) == len(whole)


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_condition_and_its_opposite_share_out_every_event(shop: Shop, leaf: str) -> None:
    whole = shop.kpis("overview.kpis")
    kept, left = (shop.kpis("overview.kpis", where=where) for where in (leaf, f"!({leaf})"))
    assert 0 < kept["events"] < whole["events"]
    add_up("overview.kpis", [whole], [kept], [left])


@settings(max_examples=examples(12, 25), deadline=None, derandomize=True, database=None)
@given(asked=st.sampled_from(ASKED), group=groups(2))
def test_any_conditions_and_their_complement_add_up_to_all(
    shop: Shop, asked: tuple[str, dict[str, str]], group: Group
) -> None:
    name, params = asked
    where = conditions.write(group)
    kept, left = (shop.ask(name, where=text, **params) for text in (where, f"!({where})"))
    add_up(name, shop.ask(name, **params), kept, left)


@settings(max_examples=examples(5, 8), deadline=None, derandomize=True, database=None)
@given(asked=st.sampled_from(ASKED), group=groups(1), bots=st.sampled_from(["in", "out"]))
def test_a_saved_segment_and_its_complement_add_up_beside_other_filters(
    shop: Shop, asked: tuple[str, dict[str, str]], group: Group, bots: str
) -> None:
    name, params = asked
    if any(c.name == "is_bot" for c in conditions.conditions(group)):
        return  # no part of a segment
    saved = segments.save(shop.backends.documents, "tester", "drawn", group, shared=True)
    beside = params | {"bots": bots, "device": "mobile,unknown", "where": "event_name!=ping"}
    kept, left = (shop.ask(name, segment=text, **beside) for text in (saved.id, f"!{saved.id}"))
    add_up(name, shop.ask(name, **beside), kept, left)


def test_bots_and_people_add_up(shop: Shop) -> None:
    """All but orders: one that a bot and a person sent counts with either."""
    for name, params in ASKED:
        if name not in ("products.kpis", "products.by", "products.missing", "products.over_time"):
            people, bots = (shop.ask(name, **params, bots=which) for which in ("out", "only"))
            add_up(name, shop.ask(name, **params), people, bots)


# Rows of a table


@pytest.mark.parametrize("by", [*ALL_DIMENSIONS, "properties.plan", "properties.cart.total"])
def test_every_breakdown_has_all_events_and_page_views(shop: Shop, by: str) -> None:
    rows = shop.ask("events.mix", by=by, **ALL_ROWS)
    assert sums(rows, ["events"])["events"] == shop.kpis("overview.kpis")["events"]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    views = sums(shop.ask("traffic.by", by=by, **ALL_ROWS), ["page_views"])
    assert views["page_views"] == shop.kpis("traffic.kpis")["page_views"] > 0


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("name", ["events", "traffic", "products"])
def test_intervals_add_up(shop: Shop, name: str, interval: str) -> None:
    """Through a change of the clock, and with weeks and months that begin before the period."""
    metrics = additive(f"{name}.over_time")
    whole = shop.kpis({"events": "overview"}.get(name, name) + ".kpis")
    rows = shop.ask(f"{name}.over_time", interval=interval)
    assert sums(rows, metrics) == {m: whole[m] for m in metrics}
    assert all(whole[m] > 0 for m in metrics)


def test_weekdays_and_hours_add_up(shop: Shop) -> None:
    whole = shop.kpis("overview.kpis") | shop.kpis("traffic.kpis")
    found = sums(shop.ask("traffic.by_weekday_and_hour"), ["events", "page_views"])
    assert found == {name: whole[name] for name in found}


def test_login_states_add_up(shop: Shop) -> None:
    rows = shop.ask("events.by_login_state")
    assert sums(rows, ["events"])["events"] == shop.kpis("overview.kpis")["events"]


@pytest.mark.parametrize("by", PRODUCT_DIMENSIONS)
def test_products_and_what_names_none_add_up(shop: Shop, by: str) -> None:
    metrics = [*STEPS, "orders", "revenue"]
    named, rest = shop.ask("products.by", by=by, **ALL_ROWS), shop.kpis("products.missing", by=by)
    whole, both = shop.kpis("products.kpis"), sums([*named, rest], metrics)
    assert both == {m: whole[m] for m in metrics}
    assert rest["events"] == sum(rest[step] for step in STEPS) > 0
    assert all(sums(named, metrics)[m] > 0 for m in metrics)


def test_products_and_events_that_name_none_add_up(shop: Shop) -> None:
    for by in PRODUCT_DIMENSIONS:
        named = sums(shop.ask("products.top", by=by, **ALL_ROWS), ["events"])["events"]
        nameless = shop.kpis("overview.kpis", where="product_id=;product_name=")["events"]
        assert named + nameless == shop.kpis("overview.kpis")["events"]


def test_searches_add_up(shop: Shop) -> None:
    rows = shop.ask("products.searches", **ALL_ROWS)
    assert sums(rows, ["searches"])["searches"] == shop.kpis("products.kpis")["searches"] > 0
    assert all(0 <= row["followed"] <= row["searches"] for row in rows)


def test_new_and_returning_visitors_add_up(shop: Shop) -> None:
    whole = shop.kpis("traffic.kpis")
    rows = shop.ask("traffic.new_and_returning")
    assert [row["visitor"] for row in rows] == ["new", "returning", "unknown"]
    assert sums(rows, ["visitors", "page_views"]) == {m: whole[m] for m in ("visitors", "page_views")}
    assert rows[2]["visitors"] == 0 < rows[2]["page_views"]


# Periods

COUNTS = ["events", "page_views", *STEPS, "searches"]


@pytest.mark.parametrize("cut", [0, 2, 5])
def test_two_halves_of_a_period_add_up(shop: Shop, cut: int) -> None:
    """All but orders: one whose events lie in both halves counts in each."""
    halves = [(DAYS[0], DAYS[cut]), (DAYS[cut + 1], DAYS[-1])]
    found = [_counts(shop, first.isoformat(), last.isoformat()) for first, last in halves]
    assert Counter(found[0]) + Counter(found[1]) == Counter(_counts(shop, FROM, TO))


def _counts(shop: Shop, first: str, last: str) -> dict[str, float]:
    span = {"from": first, "to": last}
    asked = [shop.kpis(f"{page}.kpis", **span) for page in ("overview", "traffic", "products")]
    return {name: next(row[name] for row in asked if name in row) for name in COUNTS}


def test_the_counts_are_those_of_the_events_that_went_in(shop: Shop) -> None:
    days = Counter(local_day(row["ts"]) for row in shop.rows)
    for day in DAYS:
        found = shop.kpis("overview.kpis", **{"from": str(day), "to": str(day)})
        assert found["events"] == days[str(day)] > 0


def test_an_export_has_as_many_rows_as_there_are_events(shop: Shop) -> None:
    raw = {"from": FROM, "to": TO, "bots": "in"}
    export = shop.backends.asking.export("explore.events", raw, EVERYONE)
    assert sum(batch.num_rows for batch in export.batches) == shop.kpis("overview.kpis")["events"]
