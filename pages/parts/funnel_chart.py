"""A funnel as bars and tables. Plain HTML: it prints, reads aloud and follows the theme by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from dash import html

from data_access.model import Stamp
from pages.parts import funnel_change as changes
from pages.parts import numbers
from pages.parts.icons import icon

Component = Any
Row = Mapping[str, Any]

MAX_GROUPS = 20
HEADS = ("Step", "Reached", "From the step before", "From first", "Median time", "90\u202f% within")
INTERVAL_HEAD = "Change, 95\u202f% interval"


def summary(rows: Sequence[Row], unit: str, within: str, stamp: Stamp) -> Component:
    """The whole funnel in one line: how many of how many, the share, and its change."""
    first, last = rows[0], rows[-1]
    said = f" convert: {numbers.whole(last['reached'])} of {numbers.whole(first['reached'])} {unit}, "
    lines = [
        html.Div(
            [
                html.Span(numbers.share(last["from_first"]), className="sg-kpi-value"),
                html.Span(f"{said}within {within}", className="sg-dim"),
            ]
        ),
        _against(first, last, stamp),
    ]
    return html.Div(lines, className="sg-funnel-summary")


def _against(first: Row, last: Row, stamp: Stamp) -> Component:
    if "reached_previous" not in last:
        return None
    if stamp.compared_from is None or stamp.compared_to is None:
        return html.Div("No earlier data to compare with.", className="sg-funnel-against")
    share = last["from_first_previous"] if first["reached_previous"] else None
    days = numbers.days(stamp.compared_from, stamp.compared_to)
    before = f"from {numbers.share(share)} in {days}" if share is not None else f"Nobody started in {days}"
    return html.Div(
        [changes.verdict("from_first", last, first), html.Span(before)], className="sg-funnel-against"
    )


def bars(rows: Sequence[Row], unit: str) -> Component:
    """A bar per step, and between two steps how many go on."""
    parts: list[Component] = [_bar(rows[0], unit)]
    for before, row in pairwise(rows):
        parts += [_between(before, row), _bar(row, unit)]
    key = html.Div("Share of the first step in the period before", className="sg-funnel-key")
    return html.Div([*parts, key if changes.compared(rows) else None], className="sg-funnel")


def _bar(row: Row, unit: str) -> Component:
    width = f"{max(row['from_first'] * 100, 0.4):.2f}%"
    head = [
        html.Span(str(row["step"]), className="sg-step-number"),
        html.Span(row["name"], className="sg-funnel-name", title=row["name"]),
        changes.reached(row),
        html.Span([html.B(numbers.whole(row["reached"])), f" {unit}"], className="sg-funnel-count"),
        html.Span(numbers.share(row["from_first"]), className="sg-funnel-share", title="Of the first step"),
    ]
    bar = html.Div(className="sg-funnel-bar", style={"width": width})
    track = html.Div([bar, _mark(row)], className="sg-funnel-track")
    return html.Div([html.Div(head, className="sg-funnel-head"), track], className="sg-funnel-step")


def _mark(row: Row) -> Component:
    """Where the bar ended in the period before."""
    share = row.get("from_first_previous") if row["step"] > 1 else None
    return html.Div(className="sg-funnel-mark", style={"left": f"{share * 100:.2f}%"}) if share else None


def _between(before: Row, row: Row) -> Component:
    lost = before["reached"] - row["reached"]
    time = f" · median {numbers.duration(row['median_seconds'])}" if row["median_seconds"] is not None else ""
    return html.Div(
        [
            icon("arrow-down"),
            html.Span(f"{numbers.share(row['from_step_before'])} go on{time}"),
            changes.verdict("from_step_before", row, before),
            html.Span(f"{numbers.whole(lost)} drop off", className="sg-funnel-lost"),
        ],
        className="sg-funnel-between",
    )


def table(rows: Sequence[Row]) -> Component:
    """The same numbers as a table, with the times."""
    compared = changes.compared(rows)
    heads = [*HEADS]
    if compared:
        heads.insert(3, INTERVAL_HEAD)
    body = [_step_row(row, before, compared) for before, row in zip([None, *rows], rows, strict=False)]
    hint = html.P(changes.WHAT_IT_SAYS, className="sg-hint sg-hint-under") if compared else None
    return html.Div([data_table(heads, body, "Funnel by step"), hint])


def _step_row(row: Row, before: Row | None, compared: bool) -> Component:
    cells = [
        changes.cell("reached", row),
        changes.rate_cell("from_step_before", row) if before else numbers.NO_VALUE,
        changes.cell("from_first", row) if before else numbers.share(row["from_first"]),
        changes.cell("median_seconds", row),
        changes.cell("p90_seconds", row),
    ]
    if compared:
        cells.insert(2, changes.interval_cell("from_step_before", row) if before else numbers.NO_VALUE)
    return html.Tr([html.Th(f"{row['step']}. {row['name']}", scope="row"), *map(html.Td, cells)])


def breakdown(rows: Sequence[Row], dimension: str) -> Component:
    """A row per value, most starts first: the conversion as a bar, and how many reach each step."""
    groups = [(value, list(group)) for value, group in groupby(rows, key=lambda row: row[dimension])]
    best = max((group[-1]["from_first"] or 0 for _, group in groups[:MAX_GROUPS]), default=0) or 1
    names = [f"{row['step']}. {row['name'].partition(' [')[0]}" for row in groups[0][1]]
    body = [_value_row(value, group, best) for value, group in groups[:MAX_GROUPS]]
    more = len(groups) - MAX_GROUPS
    note = html.P(f"{more} more values are in the CSV.", className="sg-hint") if more > 0 else None
    heads = ["Value", "Conversion", *([INTERVAL_HEAD] if changes.compared(rows) else []), *names]
    return [data_table(heads, body, "Funnel by value"), note]


def _value_row(value: str | None, group: Sequence[Row], best: float) -> Component:
    rate = group[-1]["from_first"]  # None for a value that only the period before has.
    length = html.Div(style={"width": f"{100 * (rate or 0) / best:.1f}%"})
    bar = html.Div(
        [
            html.Div(changes.rate_cell("from_first", group[-1]), className="sg-rate"),
            html.Div(length, className="sg-rate-track"),
        ],
        className="sg-rate-cell",
    )
    cells = [bar, *(changes.cell("reached", row) for row in group)]
    if changes.compared(group):
        cells.insert(1, changes.interval_cell("from_first", group[-1]))
    return html.Tr([html.Th(value or "unknown", scope="row"), *map(html.Td, cells)])


def data_table(heads: Sequence[Component], body: Sequence[Component], label: str) -> Component:
    """A table that scrolls sideways where it is narrow, also by keyboard."""
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in heads]))
    return html.Div(
        html.Table([head, html.Tbody(body)], className="sg-table"),
        className="sg-table-box",
        tabIndex="0",
        role="region",
        **{"aria-label": label},
    )
