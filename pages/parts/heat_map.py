"""Hours of the week as a table of shaded cells: a row a weekday, a column an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from dash import html

from data_access.metrics import METRICS, Metric
from pages.parts import numbers, tables
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = 24
STEPS = 5


def heat_map(view: View, rows: Sequence[Row], metric: str) -> Component:
    """The metric in 168 rows of ``weekday`` (0 is Monday) and ``hour``, in the order they are given.

    Cells are darker the more there is; each says its number and that of the period before.
    """
    measure = METRICS[metric]
    most = max(row[metric] or 0 for row in rows)
    lines = [rows[start : start + HOURS] for start in range(0, len(rows), HOURS)]
    heads = [html.Th(html.Span("Day", className="sg-hidden"), scope="col")]
    heads += [html.Th(f"{hour:02}", scope="col") for hour in range(HOURS)]
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody([_line(view, line, measure, most) for line in lines])],
        className="sg-heat",
        **{"aria-label": f"{measure.label} by day of the week and hour"},
    )
    return html.Div([_legend(view, measure, most), table], className="sg-heat-box")


def step(value: float, most: float) -> int:
    """The shade of a value: 0 for none, else 1 to 5 by even parts of the most."""
    return ceil(STEPS * value / most) if most else 0


def _line(view: View, line: Sequence[Row], metric: Metric, most: float) -> Component:
    day = DAYS[line[0]["weekday"]]
    head = html.Th([day[:3], html.Span(day[3:], className="sg-heat-rest")], scope="row")
    return html.Tr([head, *(_cell(view, row, metric, most) for row in line)])


def _cell(view: View, row: Row, metric: Metric, most: float) -> Component:
    value = row[metric.name] or 0
    return html.Td(
        html.Span(numbers.compact(value)),
        className=f"sg-heat-{step(value, most)}",
        title=_told(view, row, metric),
    )


def _told(view: View, row: Row, metric: Metric) -> str:
    """A cell in words: Monday, 14:00 to 15:00, visitors: 120; before: 100 (+20.0 %)"""
    hour = row["hour"]
    hours = f"{DAYS[row['weekday']]}, {hour:02}:00 to {(hour + 1) % HOURS:02}:00"
    return f"{hours}, {metric.unit}: {tables.in_full(view, metric, row)}"


def _legend(view: View, metric: Metric, most: float) -> Component:
    keys = [html.Span(className=f"sg-heat-key sg-heat-{number}") for number in range(STEPS + 1)]
    scale = html.Span(
        ["0", *keys, f"{numbers.metric(metric, most, view.filters.currency)} {metric.unit}"],
        className="sg-heat-scale",
    )
    return html.Div([scale, html.Span(f"Hours in {view.filters.time_zone}")], className="sg-legend")
