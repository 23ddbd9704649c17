"""The demo data: believable, repeatable, with its incident."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_access.events import EVENT_SCHEMA
from pipeline.demo import make_demo
from pipeline.rules import Visit, load_rules
from pipeline.urls import split_url

END = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo() -> pa.Table:
    started = time.perf_counter()
    table = pa.concat_tables(make_demo(60, 7, END))
    # Six seconds on an idle machine; twice that when tests run beside one another.
    assert time.perf_counter() - started < 20
    return table


def rows(table: pa.Table, **equal: Any) -> list[dict[str, Any]]:
    for name, value in equal.items():
        table = table.filter(pc.equal(table[name], value))
    return table.to_pylist()


def test_size_span_and_schema(demo: pa.Table) -> None:
    assert demo.schema.equals(EVENT_SCHEMA)
    assert 270_000 < demo.num_rows < 330_000
    assert pc.count_distinct(demo["event_id"]).as_py() == demo.num_rows
    span = pc.min_max(demo["ts"]).as_py()
    end = END.replace(tzinfo=None)
    assert end - timedelta(days=60) <= span["min"] < end - timedelta(days=59)
    assert end - timedelta(hours=2) < span["max"] < end
    assert set(demo["site"].to_pylist()) == {"shop"}


def test_the_same_seed_and_end_give_the_same_events() -> None:
    first, second = (pa.concat_tables(make_demo(3, 5, END)) for _ in range(2))
    other = pa.concat_tables(make_demo(3, 6, END))
    assert first.equals(second)
    assert not set(first["event_id"].to_pylist()) & set(other["event_id"].to_pylist())
    assert set(first["ingest_id"].to_pylist()) == {"demo-5-000000"}


def test_less_than_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 1 or more"):
        next(make_demo(0, 7, END))


def test_the_funnel_narrows(demo: pa.Table) -> None:
    people = demo.filter(pc.invert(demo["is_bot"]))
    names = Counter(people["event_name"].to_pylist())
    steps = [names[n] for n in ("product_view", "add_to_cart_click", "checkout_start", "checkout_complete")]
    assert steps == sorted(steps, reverse=True)
    assert 0.15 < steps[3] / steps[1] < 0.5
    expected = (
        "search home_view category_view page_view remove_from_cart_click wishlist_toggle login_success error"
    )
    assert set(expected.split()) <= set(names)


def test_mobile_checkouts_fail_for_three_days_and_the_errors_say_so(demo: pa.Table) -> None:
    def conversion(device: str, from_day: int, days: int) -> float:
        first = datetime(2026, 11, from_day)  # noqa: DTZ001
        inside = pc.and_(
            pc.greater_equal(demo["ts"], pa.scalar(first, pa.timestamp("us"))),
            pc.less(demo["ts"], pa.scalar(first + timedelta(days=days), pa.timestamp("us"))),
        )
        names = Counter(r["event_name"] for r in rows(demo.filter(inside), device=device))
        return names["checkout_complete"] / names["checkout_start"]

    assert conversion("mobile", 1, 3) < 0.25
    assert conversion("mobile", 5, 10) > 0.5
    assert conversion("desktop", 1, 3) > 0.5
    incident = [r for r in rows(demo, event_name="error") if json.loads(r["properties"])["code"] == "PAY-504"]
    assert len(incident) > 50
    assert {r["device"] for r in incident} == {"mobile"}
    assert {r["ts"].date().isoformat() for r in incident} <= {f"2026-11-0{d}" for d in (1, 2, 3, 4)}


def test_orders_have_an_id_revenue_and_currency_and_nothing_else_has(demo: pa.Table) -> None:
    orders = rows(demo, event_name="checkout_complete")
    assert len({order["order_id"] for order in orders}) == len(orders)
    assert all(order["revenue"] > 0 for order in orders)
    assert {(order["country"] == "US", order["currency"]) for order in orders} == {
        (True, "USD"),
        (False, "EUR"),
    }
    with_order = demo.filter(pc.is_valid(demo["order_id"]))
    assert with_order.num_rows == len(orders) == demo.filter(pc.is_valid(demo["revenue"])).num_rows


def test_some_events_and_products_are_as_incomplete_as_real_ones(demo: pa.Table) -> None:
    orders = rows(demo, event_name="checkout_complete")
    nameless = [order for order in orders if order["product_id"] is None]
    assert 0.003 < len(nameless) / len(orders) < 0.05
    assert all(order["revenue"] > 0 for order in nameless)
    unbranded = demo.filter(pc.and_(pc.is_valid(demo["product_id"]), pc.is_null(demo["product_brand"])))
    assert set(unbranded["product_name"].to_pylist()) == {"Hafen bottle", "Glen cook set"}
    assert pc.sum(pc.is_valid(demo["product_discount_price"])).as_py() > 1000


def test_some_searches_are_never_followed_by_a_product(demo: pa.Table) -> None:
    last_view = {row["session_id"]: row["ts"] for row in rows(demo, event_name="product_view")}
    terms: Counter[str] = Counter()
    followed: Counter[str] = Counter()
    for row in rows(demo, event_name="search"):
        terms[row["search_term"]] += 1
        followed[row["search_term"]] += last_view.get(row["session_id"], row["ts"]) > row["ts"]
    assert {term for term in terms if not followed[term]} == {
        "kayak",
        "climbing rope",
        "bike bags",
        "snowshoes",
    }
    assert min(terms.values()) > 50
    assert terms["tent"] > 4 * terms["gift"]


def test_a_session_never_buys_before_it_starts_the_checkout(demo: pa.Table) -> None:
    started = {r["session_id"]: r["ts"] for r in rows(demo, event_name="checkout_start")}
    carts = {r["session_id"]: r["ts"] for r in rows(demo, event_name="add_to_cart_click")}
    for order in rows(demo, event_name="checkout_complete"):
        assert carts[order["session_id"]] <= started[order["session_id"]] <= order["ts"]


def test_channels_agree_with_the_rules(demo: pa.Table) -> None:
    rules, seen = load_rules(), set()
    people = demo.filter(pc.invert(demo["is_bot"]))
    outside = [
        r
        for r in rows(people.slice(0, 20_000))
        if not (r["referrer"] or "").startswith("https://shop.example")
    ]
    for r in outside:
        host = split_url(r["referrer"] or "").host
        visit = Visit(
            r["utm_source"] or "", r["utm_medium"] or "", r["utm_campaign"] or "", host, "shop.example"
        )
        assert rules.channel_of(visit) == r["channel"]
        seen.add(r["channel"])
    assert len(seen) >= 6


def test_there_are_products_bots_users_and_a_weekly_rhythm(demo: pa.Table) -> None:
    products = set(
        zip(*(demo[f"product_{c}"].to_pylist() for c in ("id", "name", "category", "brand")), strict=True)
    )
    assert len(products - {(None,) * 4}) == 64
    assert 0.01 < pc.mean(demo["is_bot"]).as_py() < 0.04
    assert set(demo["login_state"].to_pylist()) == {"logged_in", "anonymous", "guest"}
    signed_in = demo.filter(pc.is_valid(demo["user_id"]))
    assert set(signed_in["login_state"].to_pylist()) == {"logged_in"}
    visits = Counter(pc.day_of_week(demo["ts"]).to_pylist())
    assert visits[6] > 1.15 * visits[1]
    days = Counter(pc.floor_temporal(demo["ts"], unit="week").to_pylist())
    weeks = sorted(days)[1:-1]
    assert days[weeks[-1]] > 1.2 * days[weeks[0]]
