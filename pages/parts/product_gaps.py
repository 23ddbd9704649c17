"""What a table by product, category or brand leaves out, named and counted: never silently dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from data_access.questions.products import STEPS
from data_access.roles import ROWS
from pages.parts import address, cards, numbers
from pages.parts.access import may
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]

FIELDS = {
    "product_name": "a product",
    "product_category": "a category",
    "product_brand": "a brand",
    "product_id": "a product ID",
}
"""What an event lacks that a table by this dimension leaves out."""

STEP_WORDS = ("view", "cart", "checkout", "purchase")
"""The STEPS in one word each, as in the names of their settings."""


def left_out(view: View, by: str) -> Component:
    """The events without the field, and the orders that revenue leaves out."""
    lines = [_without(view, by), _foreign(view)]
    return html.Ul([html.Li(line) for line in lines if line], className="sg-products-notes")


def names(view: View) -> tuple[tuple[str, ...], ...]:
    """The event names of each step, as the settings have them."""
    roles = view.filters.roles
    return roles.views, roles.carts, roles.checkouts, roles.purchases


def _without(view: View, by: str) -> Component:
    row = view.ask("products.missing", by=by).rows[0]
    if not row["events"]:
        return f"Every view, cart, checkout and purchase names {FIELDS[by]}."
    before = row.get("events_previous")
    then = "" if before is None else f", {numbers.whole(before)} in the period before"
    text = f"{_count(row['events'], 'event')} without {FIELDS[by]} ({_parts(view, row)}){then}. "
    return [text, cards.link("See them", _see(view, by)) if may(ROWS) else None]


def _parts(view: View, row: Row) -> str:
    """1,000 views, 200 carts, 4 purchases; 3 orders, 120.00 EUR"""
    steps = [_count(row[name], word) for name, word in zip(STEPS, STEP_WORDS, strict=True) if row[name]]
    sales = f"; {_count(row['orders'], 'order')}, {numbers.money(row['revenue'], view.filters.currency)}"
    return ", ".join(steps) + (sales if row["orders"] else "")


def _see(view: View, by: str) -> str:
    """The link to those events."""
    steps = address.join(name for step in names(view) for name in step)
    chosen = {} if view.raw.get("event_name") else {"event_name": steps}
    return address.write("/explore", address.shared(view.raw) | chosen | {by: "unknown"})


def _foreign(view: View) -> str:
    orders = view.ask("products.kpis").rows[0]["foreign_orders"]
    verb = "is" if orders == 1 else "are"
    text = f"{_count(orders, 'order')} in other currencies {verb} not part of revenue"
    return f"{text} ({view.filters.currency})." if orders else ""


def _count(number: int, word: str) -> str:
    return f"{numbers.whole(number)} {word}{'' if number == 1 else 's'}"
