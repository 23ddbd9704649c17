"""A funnel as bars and tables. Plain HTML: it prints, reads aloud and follows the theme by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from dash import html

from pages.parts import numbers
from pages.parts.icons import icon

Component = Any
Row = Mapping[str, Any]

MAX_GROUPS = 20


def summary(rows: Sequence[Row], unit: str, within: str) -> Component:
    """The whole funnel in one line: how many of how many, and the share."""
    first, last = rows[0]["reached"], rows[-1]["reached"]
    return html.Div(
        [
            html.Span(numbers.share(rows[-1]["from_first"]), className="sg-kpi-value"),
            html.Span(
                f" convert: {numbers.whole(last)} of {numbers.whole(first)} {unit}, within {within}",
                className="sg-dim",
            ),
        ],
        className="sg-funnel-summary",
    )


def bars(rows: Sequence[Row], unit: str) -> Component:
    """A bar per step, and between two steps how many go on."""
    parts: list[Component] = [_bar(rows[0], unit)]
    for before, row in pairwise(rows):
        parts += [_between(before, row), _bar(row, unit)]
    return html.Div(parts, className="sg-funnel")


def _bar(row: Row, unit: str) -> Component:
    width = f"{max(row['from_first'] * 100, 0.4):.2f}%"
    head = [
        html.Span(str(row["step"]), className="sg-step-number"),
        html.Span(row["name"], className="sg-funnel-name", title=row["name"]),
        html.Span([html.B(numbers.whole(row["reached"])), f" {unit}"], className="sg-funnel-count"),
        html.Span(numbers.share(row["from_first"]), className="sg-funnel-share", title="Of the first step"),
    ]
    track = html.Div(html.Div(className="sg-funnel-bar", style={"width": width}), className="sg-funnel-track")
    return html.Div([html.Div(head, className="sg-funnel-head"), track], className="sg-funnel-step")


def _between(before: Row, row: Row) -> Component:
    lost = before["reached"] - row["reached"]
    time = f" · median {numbers.duration(row['median_seconds'])}" if row["median_seconds"] is not None else ""
    return html.Div(
        [
            icon("arrow-down"),
            html.Span(f"{numbers.share(row['from_previous'])} go on{time}"),
            html.Span(f"{numbers.whole(lost)} drop off", className="sg-funnel-lost"),
        ],
        className="sg-funnel-between",
    )


def table(rows: Sequence[Row]) -> Component:
    """The same numbers as a table, with the times."""
    heads = ("Step", "Reached", "From previous", "From first", "Drop-off", "Median time", "90 % within")
    body = []
    for before, row in zip([rows[0], *rows], rows, strict=False):
        first = row["step"] == rows[0]["step"]
        lost = before["reached"] - row["reached"]
        cells = (
            numbers.whole(row["reached"]),
            numbers.NO_VALUE if first else numbers.share(row["from_previous"]),
            numbers.share(row["from_first"]),
            numbers.NO_VALUE if first else numbers.whole(lost),
            numbers.duration(row["median_seconds"]),
            numbers.duration(row["p90_seconds"]),
        )
        body.append(html.Tr([html.Th(f"{row['step']}. {row['name']}", scope="row"), *map(html.Td, cells)]))
    return data_table(heads, body, "Funnel by step")


def breakdown(rows: Sequence[Row], dimension: str) -> Component:
    """A row per value, most starts first: how many reach each step, and the conversion as a bar."""
    groups = [(value, list(group)) for value, group in groupby(rows, key=lambda row: row[dimension])]
    best = max((group[-1]["from_first"] for _, group in groups[:MAX_GROUPS]), default=0) or 1
    names = [f"{row['step']}. {row['name'].partition(' [')[0]}" for row in groups[0][1]]
    body = [_value_row(value, group, best) for value, group in groups[:MAX_GROUPS]]
    more = len(groups) - MAX_GROUPS
    note = html.P(f"{more} more values are in the CSV.", className="sg-hint") if more > 0 else None
    return [data_table(("Value", *names, "Conversion"), body, "Funnel by value"), note]


def _value_row(value: str | None, group: Sequence[Row], best: float) -> Component:
    rate = group[-1]["from_first"]
    bar = html.Div(
        [
            html.Span(numbers.share(rate), className="sg-rate"),
            html.Div(html.Div(style={"width": f"{100 * rate / best:.1f}%"}), className="sg-rate-track"),
        ],
        className="sg-rate-cell",
    )
    cells = [html.Td(numbers.whole(row["reached"])) for row in group]
    return html.Tr([html.Th(value or "unknown", scope="row"), *cells, html.Td(bar)])


def data_table(heads: Sequence[str], body: Sequence[Component], label: str) -> Component:
    """A table that scrolls sideways where it is narrow, also by keyboard."""
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in heads]))
    return html.Div(
        html.Table([head, html.Tbody(body)], className="sg-table"),
        className="sg-table-box",
        tabIndex="0",
        role="region",
        **{"aria-label": label},
    )
