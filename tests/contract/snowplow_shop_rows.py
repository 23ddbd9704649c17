"""Snowplow's expected e-commerce tables and the same rows made of our lake, with the columns that both have.

Keys are shortened ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from data_access.backends import Backends
from tests.contract.differences import Table
from tests.contract.snowplow_web_rows import Event, events_of, grouped, text
from tests.snowplow import Row, expected, moment

TEST_APP = "skip-me"
SHOP = "snowplow_ecommerce"
_DONE = {
    "view": ("product_view", "list_view"),
    "add": ("add_to_cart",),
    "remove": ("remove_from_cart",),
    "transaction": ("transaction",),
}
_THEIR_TIMES = {
    "view": "product_view",
    "add": "product_add_to_cart",
    "remove": "product_remove_from_cart",
    "transaction": "transaction_completed",
}


def shop_events(backends: Backends) -> list[Event]:
    """Our rows, one a product; ``event`` is the vendor's event id."""
    rows = [row for row in events_of(backends) if row["site"] != TEST_APP]
    return [row | {"event": row["event_id"][:36]} for row in rows]


def shop_sessions(backends: Backends) -> Table:
    found = grouped(shop_events(backends), lambda row: row["session_id"][:6])
    return {session: _shop_session(rows) for session, rows in found.items()}


def _shop_session(rows: list[Event]) -> Event:
    named = grouped(rows, lambda row: row["event_name"])
    orders = {row["order_id"]: row["revenue"] for row in named["transaction"]}
    steps = {row["event"] for name in ("checkout_step", "transaction") for row in named[name]}
    return {
        "sessions": len({row["session_key"] for row in rows}),
        "site": rows[0]["site"],
        "client": rows[0]["client_id"],
        "start": min(row["received_at"] for row in rows),
        "end": max(row["received_at"] for row in rows),
        "product_views": len(named["product_view"]),
        "add_to_carts": len(named["add_to_cart"]),
        "removals": len(named["remove_from_cart"]),
        "purchases": len(named["transaction"]),
        "orders": len(orders),
        "revenue": round(sum(orders.values()), 2),
        "products": len(named["transaction"]),
        "checkout_steps": len(steps),
        **_times(named),
    }


def _times(named: dict[str, list[Event]]) -> Event:
    found: Event = {}
    for what, names in _DONE.items():
        times = [row["ts"] for name in names for row in named[name]]
        found |= {f"first_{what}": min(times, default=None), f"last_{what}": max(times, default=None)}
    times = [row["ts"] for row in named["checkout_step"] if '"checkout_step":"1"' in row["properties"]]
    return found | {"first_step": min(times, default=None), "last_step": max(times, default=None)}


def their_shop_sessions() -> Table:
    return {row["domain_sessionid"][:6]: _their_shop_session(row) for row in expected(SHOP, "sessions")}


def _their_shop_session(row: Row) -> Event:
    numbers = {
        "product_views": "number_product_views",
        "add_to_carts": "number_add_to_carts",
        "removals": "number_remove_from_carts",
        "purchases": "number_product_transactions",
        "orders": "total_number_transactions",
        "revenue": "total_transaction_revenue",
        "products": "total_transacted_products",
        "checkout_steps": "number_checkout_steps_visited",
    }
    found: Event = {name: float(row[theirs] or 0) for name, theirs in numbers.items()}
    for what, theirs in _THEIR_TIMES.items():
        found |= {f"{which}_{what}": moment(row[f"{which}_{theirs}"]) for which in ("first", "last")}
    return found | {
        "sessions": 1,
        "site": row["app_id"],
        "client": text(row["domain_userid"]),
        "start": moment(row["start_tstamp"]),
        "end": moment(row["end_tstamp"]),
        "first_step": moment(row["first_checkout_attempted"]),
        "last_step": moment(row["last_checkout_attempted"]),
    }


def shop_products(backends: Backends) -> Table:
    return _numbered(
        {
            "event": row["event"],
            "ts": row["ts"],
            "event_name": row["event_name"],
            "product_id": row["product_id"],
            "category": row["product_category"],
            "brand": row["product_brand"],
            "price": row["product_price"],
            "currency": row["currency"],
            "order": row["order_id"],
            "session": row["session_id"],
            "client": row["client_id"],
            "site": row["site"],
        }
        for row in shop_events(backends)
        if row["product_id"]
    )


def their_shop_products() -> Table:
    return _numbered(
        {
            "event": row["event_id"],
            "ts": moment(row["derived_tstamp"]),
            "event_name": row["ecommerce_action_type"] or "snowplow_ecommerce_action",
            "product_id": row["product_id"],
            "category": row["product_category"],
            "brand": text(row["product_brand"]),
            "price": float(row["product_price"]),
            "currency": row["product_currency"],
            "order": text(row["transaction_id"]),
            "session": row["domain_sessionid"],
            "client": text(row["domain_userid"]),
            "site": row["app_id"],
        }
        for row in expected(SHOP, "product_interactions")
    )


def _numbered(rows: Iterable[Event]) -> Table:
    """Rows by their event and product; one event has the same product twice."""
    seen: Counter[str] = Counter()
    found = {}
    for row in rows:
        key = f"{row['event'][:8]}/{row['product_id']}"
        seen[key] += 1
        found[f"{key}/{seen[key]}"] = row
    return found


_WHAT = {
    "cart": ("add_to_cart", "remove_from_cart", "transaction"),
    "checkout": ("checkout_step", "transaction"),
    "transaction": ("transaction",),
}


def shop_interactions(backends: Backends, what: str) -> Table:
    """Our events of a kind of interaction; of an event about two products the first row."""
    return {
        row["event"][:8]: {
            "ts": row["ts"],
            "event_name": row["event_name"],
            "session": row["session_id"],
            "client": row["client_id"],
            "site": row["site"],
            "order": row["order_id"],
            "revenue": row["revenue"],
            "currency": row["currency"] if row["order_id"] else None,
        }
        for row in shop_events(backends)
        if row["event_name"] in _WHAT[what] and row["event_id"] == row["event"]
    }


def their_shop_interactions(what: str) -> Table:
    """Theirs; an order's id, revenue and currency stand in the table of transactions only."""
    orders = {row["event_id"]: row for row in expected(SHOP, "transaction_interactions")}
    found = {}
    for row in expected(SHOP, f"{what}_interactions"):
        order = orders.get(row["event_id"], {})
        found[row["event_id"][:8]] = {
            "ts": moment(row["derived_tstamp"]),
            "event_name": row.get("ecommerce_action_type", "transaction"),
            "session": row["domain_sessionid"],
            "client": text(row["domain_userid"]),
            "site": row.get("app_id") or row["app_Id"],
            "order": order.get("transaction_id"),
            "revenue": float(order["transaction_revenue"]) if order else None,
            "currency": order.get("transaction_currency"),
        }
    return found
