"""Key figures: a tile each, with the change against the period before and its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from data_access.metrics import METRICS, Metric
from data_access.model import Stamp
from pages.parts import cards, figures, numbers
from pages.parts.icons import icon
from pages.parts.links import stay
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]


def chosen(view: View, names: Sequence[str]) -> Metric:
    """The figure the URL selects for the series; the first unless it names another of ``names``."""
    name = view.own("metric")
    return METRICS[name if name in names else names[0]]


def draw(view: View, question: str, over_time: str, names: Sequence[str]) -> Component:
    """A tile for each metric of a question's one row; its label selects it for the series below."""
    answer = view.ask(question)
    course = view.past(view.ask(over_time).rows)
    tiles = [tile(view, name, names, answer.rows[0], course, answer.stamp) for name in names]
    return [html.Div(tiles, className="sg-kpis"), cards.footer(answer.stamp, view.csv(question))]


def tile(
    view: View, name: str, among: Sequence[str], row: Row, course: Sequence[Row], stamp: Stamp
) -> Component:
    """One metric's tile; its label selects it for the series, if that shows the metrics ``among``."""
    metric = METRICS[name]
    about = cards.info(numbers.about(metric, view.filters), metric.label)
    current = name in among and chosen(view, among).name == name
    return html.Div(
        [
            html.Div([_label(view, metric, among), about], className="sg-kpi-head"),
            html.Div(numbers.metric(metric, row[name], view.filters.currency), className="sg-kpi-value"),
            change(view, metric, row, stamp),
            _spark(metric, course),
        ],
        className="sg-kpi sg-kpi-current" if current else "sg-kpi",
    )


def _label(view: View, metric: Metric, names: Sequence[str]) -> Component:
    if metric.name not in names:
        return html.Span(metric.label, className="sg-kpi-label")
    return stay(
        metric.label,
        view.link(metric=None if metric.name == names[0] else metric.name),
        "sg-kpi-label",
        title=f"Show {metric.label} over time",
    )


def _spark(metric: Metric, course: Sequence[Row]) -> Component:
    if not course or metric.name not in course[0]:
        return None
    return figures.sparkline([row[metric.name] for row in course], f"{metric.label} over the period")


def change(view: View, metric: Metric, row: Row, stamp: Stamp) -> Component:
    """The change of a metric in an answer's row: arrow, sign and words, not colour alone.

    Nothing where no comparison is asked for.
    """
    if f"{metric.name}_previous" not in row:
        return None
    before, by = row[f"{metric.name}_previous"], row[f"{metric.name}_change"]
    if stamp.compared_from is None or before is None:
        return html.Div("No earlier data", className="sg-change")
    if by is None:
        return html.Div("New: none before" if row[metric.name] else "None now", className="sg-change")
    was = f" from {numbers.metric(metric, before, view.filters.currency)}"
    return html.Div([difference(metric, by), html.Span(was)], className="sg-change")


def difference(metric: Metric, by: float) -> Component:
    """A change as an arrow with its sign and unit; the words are for people who hear the page."""
    if abs(by) < 0.05:
        return html.Span("±0", className="sg-change-none")
    way, word, sign = ("up", "Up", "+") if by > 0 else ("down", "Down", "−")
    text = f" {sign}{abs(by):,.1f}\u202f{metric.change_unit}"
    return html.Span(
        [icon(f"arrow-{way}"), html.Span(word, className="sg-hidden"), text],
        className=f"sg-change-{news(metric, by)}",
    )


def news(metric: Metric, by: float) -> str:
    """Whether a change is good, bad or neither."""
    if metric.worse == "neither":
        return "none"
    return "good" if (by < 0) == (metric.worse == "more") else "bad"
