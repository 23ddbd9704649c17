"""Ranked values as bars with labels; each row filters by its value. Plain HTML, so it wraps on phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from pages.parts import address, numbers
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]


def ranking(view: View, rows: Sequence[Row], column: str, dimension: str, label: str) -> Component:
    """A bar per row, as long as its number of events, with count and share."""
    top = max(row["events"] for row in rows) or 1
    items = [_item(view, row, str(row[column]), dimension, row["events"] / top) for row in rows]
    return html.Ol(items, className="sg-ranking", **{"aria-label": label})


def _item(view: View, row: Row, value: str, dimension: str, length: float) -> Component:
    count, share = numbers.whole(row["events"]), numbers.share(row["share"])
    visitors, sessions = numbers.whole(row["visitors"]), numbers.whole(row["sessions"])
    title = f"{value}: {count} events, {visitors} visitors, {sessions} sessions"
    bar = html.Div(className="sg-ranking-bar", style={"width": f"{100 * length:.2f}%"})
    name = dcc.Link(
        value,
        href=view.link(**{dimension: address.join([value])}),
        className="sg-ranking-name",
        title=f"{title}. Click to see only these.",
    )
    return html.Li(
        [
            html.Div([bar, name], className="sg-ranking-track"),
            html.Span(count, className="sg-ranking-count"),
            html.Span(share, className="sg-ranking-share"),
        ]
    )
