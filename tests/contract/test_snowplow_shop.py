"""Snowplow's e-commerce events through the real importer, against the tables that Snowplow expects of them.

Rows first, every difference an explained one; then the questions, whose answers are the vendor's numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.contract import snowplow_shop_rows as rows
from tests.contract.differences import Table, differences, explained
from tests.contract.real_data import Rows, Site, answers, imported
from tests.contract.snowplow_differences import EXPLAINED
from tests.contract.snowplow_web_rows import events_of
from tests.snowplow import expected, shop_file

pytestmark = pytest.mark.shared

SHOP_SETTINGS = {
    "cart_events": "add_to_cart",
    "checkout_events": "checkout_step",
    "purchase_events": "transaction",
    "site_currencies": "DemoID=USD",
}
SITES = {"site": "ecom-accel,DemoID"}
"""All apps but the one that the vendor leaves out, too."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("shop")
    mapping = "snowplow_ecommerce.toml"
    return imported(folder, shop_file(folder), mapping, "2022-10-25", "2022-12-22", **SHOP_SETTINGS)


# Row by row

TABLES: dict[str, tuple[Callable[[Site], Table], Callable[[], Table]]] = {
    "sessions": (lambda s: rows.shop_sessions(s.backends), rows.their_shop_sessions),
    "product interactions": (lambda s: rows.shop_products(s.backends), rows.their_shop_products),
    "cart interactions": (
        lambda s: rows.shop_interactions(s.backends, "cart"),
        lambda: rows.their_shop_interactions("cart"),
    ),
    "checkout interactions": (
        lambda s: rows.shop_interactions(s.backends, "checkout"),
        lambda: rows.their_shop_interactions("checkout"),
    ),
    "transaction interactions": (
        lambda s: rows.shop_interactions(s.backends, "transaction"),
        lambda: rows.their_shop_interactions("transaction"),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_theirs_or_its_difference_is_explained(shop: Site, name: str) -> None:
    ours, theirs = TABLES[name]
    assert differences(ours(shop), theirs()) == explained(EXPLAINED[f"snowplow_ecommerce {name}"])


def test_what_the_vendor_counts_as_a_view_and_as_an_event_gives_its_numbers(shop: Site) -> None:
    """The explained differences of the shop's sessions are these two definitions and nothing else."""
    counted: dict[str, Counter[str]] = {}
    roles = {
        "product_view": "product_views",
        "list_view": "product_views",
        "add_to_cart": "add_to_carts",
        "transaction": "purchases",
    }
    events = {(e["session_id"][:6], e["event_name"], e["event"]) for e in rows.shop_events(shop.backends)}
    for session, name, _ in events:
        counted.setdefault(session, Counter())[roles.get(name, name)] += 1
    theirs = rows.their_shop_sessions()
    for what in ("product_views", "add_to_carts", "purchases"):
        assert {s: counted[s][what] for s in theirs} == {s: row[what] for s, row in theirs.items()}


# Questions

STEPS = "product_view,add_to_cart,checkout_step,transaction"


def shop_totals(shop: Site) -> Rows:
    """One row of an event about two products counts: the others have the vendor's id and a number."""
    found = [row for row in events_of(shop.backends) if len(row["event_id"]) == 36]
    received = sorted(row["received_at"] for row in found)
    clients = {row["client_id"] for row in found if row["source"] == "web"} - {None}
    sessions = {row["session_id"] for row in found if row["source"] == "web"} - {None}
    times = [f"{time.isoformat(' ')}+00:00" for time in (received[0], received[-1])]
    return [[len(found), len({row["event_id"] for row in found}), len(clients), len(sessions), *times]]


def shop_rows(shop: Site) -> Rows:
    events = dict(shop.mix("event_name", "events", **SITES))
    (figures,) = shop.ask("products.kpis", **SITES)
    (seen,) = shop.ask("overview.kpis", **SITES)
    products = shop.ask("overview.kpis", where="product_id!=", **SITES)[0]["events"]
    two = products_of_two(shop)
    cart = events["add_to_cart"] - two["add_to_cart"] + events["remove_from_cart"] + figures["orders"]
    checkout = figures["checkout_starts"] + figures["orders"]
    return [[seen["sessions"], products, cart, checkout, figures["orders"]]]


def products_of_two(shop: Site) -> Counter[str]:
    """Rows by event name that are another product of an event that has a row already."""
    found = rows.shop_events(shop.backends)
    return Counter(row["event_name"] for row in found if row["event_id"] != row["event"])


def actions(shop: Site) -> Rows:
    found = shop.mix("event_name", "events", "sessions", where="product_id!=", **SITES)
    return [[None if row[0] == "snowplow_ecommerce_action" else row[0], *row[1:]] for row in found]


def sessions_each(shop: Site) -> Rows:
    found = dict(shop.mix("event_name", "sessions", **SITES))
    return [[found[name] for name in STEPS.split(",")]]


def funnel(order: str) -> Callable[[Site], Rows]:
    return lambda shop: shop.funnel(STEPS, unit="session", order=order, window="period", **SITES)


def revenue(shop: Site) -> Rows:
    """The vendor adds up currencies; ours are each app's own. It sold one thing an order."""
    each = [shop.ask("products.kpis", site=site)[0] for site in SITES["site"].split(",")]
    orders = sum(row["orders"] for row in each)
    return [[orders, round(sum(row["revenue"] for row in each), 2), float(orders)]]


def nameless_products(shop: Site) -> Rows:
    """No product has a name, so that the list by name is empty and all sales are in `products.missing`."""
    assert shop.ask("products.by", by="product_name", **SITES) == []
    (missing,) = shop.ask("products.missing", by="product_name", **SITES)
    return [[None, None, missing["purchases"]]]


SHOP_ANSWERS: dict[str, Callable[[Site], Rows]] = {
    "raw_totals": shop_totals,
    "expected_rows": shop_rows,
    "product_actions": actions,
    "session_funnel_each": sessions_each,
    "session_funnel_each2": sessions_each,
    "session_funnel_any_order": funnel("any"),
    "session_funnel_ordered": funnel("ordered"),
    "revenue": revenue,
    "top20_products_transacted": nameless_products,
    "daily": lambda shop: shop.series("day", "events", "sessions", where="product_id!=", **SITES),
}
SHOP_IN_PART = {"sessions_flags"}
"""Tested below without abandoned carts, which no question counts."""


@pytest.mark.parametrize("answer", SHOP_ANSWERS)
def test_answer_about_the_shop_is_the_expected_one(shop: Site, answer: str) -> None:
    assert SHOP_ANSWERS[answer](shop) == answers("snowplow_ecommerce")[answer]


def test_sessions_with_a_successful_checkout(shop: Site) -> None:
    ((sessions, _, succeeded),) = answers("snowplow_ecommerce")["sessions_flags"]
    assert shop.table("traffic.kpis", "sessions", **SITES) == [[sessions]]
    assert shop.funnel("transaction,transaction", unit="session", **SITES)[0][0] == succeeded


def test_no_expected_answer_is_forgotten() -> None:
    assert SHOP_ANSWERS.keys() | SHOP_IN_PART == answers("snowplow_ecommerce").keys()


ROLES = {
    "product_view": "product_views",
    "add_to_cart": "add_to_carts",
    "checkout_step": "checkout_starts",
    "transaction": "purchases",
}


def their_steps(key: Callable[[Mapping[str, str]], str]) -> dict[str, Counter[str]]:
    """The vendor's rows by a value and by what they are to us: products, and checkouts without any."""
    checkouts = expected("snowplow_ecommerce", "checkout_interactions")
    steps = [row for row in checkouts if row["ecommerce_action_type"] == "checkout_step"]
    found: dict[str, Counter[str]] = {}
    for row in [*expected("snowplow_ecommerce", "product_interactions"), *steps]:
        role = ROLES.get(row["ecommerce_action_type"])
        if role:
            found.setdefault(key(row), Counter())[role] += 1
    return found


def our_steps(found: list[dict[str, Any]], key: str) -> dict[str, Counter[str]]:
    return {str(row[key]): +Counter({role: row[role] for role in ROLES.values()}) for row in found}


def test_from_view_to_purchase(shop: Site) -> None:
    assert our_steps([row | {"all": "all"} for row in shop.ask("products.kpis", **SITES)], "all") == (
        their_steps(lambda _: "all")
    )


@pytest.mark.parametrize("column", ["product_id", "product_category", "product_brand"])
def test_from_view_to_purchase_by_product(shop: Site, column: str) -> None:
    theirs = their_steps(lambda row: row.get(column, ""))
    nameless = theirs.pop("")
    found = shop.ask("products.by", by=column, limit="1000", **SITES)
    assert our_steps(found, "value") == theirs
    (missing,) = shop.ask("products.missing", by=column, **SITES)
    assert our_steps([missing | {"all": "all"}], "all") == {"all": nameless}


def test_from_view_to_purchase_by_day(shop: Site) -> None:
    found = [
        row | {"day": row["time"].date()} for row in shop.ask("products.over_time", interval="day", **SITES)
    ]
    ours = {day: steps for day, steps in our_steps(found, "day").items() if steps}
    assert ours == their_steps(lambda row: row["derived_tstamp"][:10])


@pytest.mark.parametrize("column", ["product_id", "product_category", "product_brand"])
def test_events_that_name_a_product(shop: Site, column: str) -> None:
    theirs = Counter(
        row[column] or "unknown" for row in expected("snowplow_ecommerce", "product_interactions")
    )
    ours = shop.table("products.top", "value", "events", by=column, limit="1000", **SITES)
    assert dict(ours) == theirs


@pytest.mark.parametrize(("site", "currency"), [("ecom-accel", "EUR"), ("DemoID", "USD")])
def test_revenue_by_day_is_that_of_the_transactions(shop: Site, site: str, currency: str) -> None:
    orders: Counter[str] = Counter()
    paid: dict[str, float] = {}
    for row in expected("snowplow_ecommerce", "transaction_interactions"):
        if row["app_id"] == site:
            assert row["transaction_currency"] == currency
            day = row["derived_tstamp"][:10]
            orders[day] += 1
            paid[day] = paid.get(day, 0.0) + float(row["transaction_revenue"])
    found = shop.series("day", "orders", "revenue", name="products.over_time", site=site)
    assert [row[:2] for row in found] == sorted([day, n] for day, n in orders.items())
    assert [[row[0], round(row[2], 2)] for row in found] == sorted([d, round(r, 2)] for d, r in paid.items())


def test_together_the_apps_have_orders_in_another_currency(shop: Site) -> None:
    assert shop.table("products.kpis", "orders", "foreign_orders", **SITES) == [[14, 1]]
