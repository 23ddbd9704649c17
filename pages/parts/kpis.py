"""Key figures: a tile each, with the change against the period before and its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html

from data_access.asking import previous
from data_access.sql import utc_span
from pages.parts import cards, figures, numbers
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any


@dataclass(frozen=True, slots=True)
class Metric:
    """A key figure: its column in the answers, its label, what it means and its unit."""

    name: str
    label: str
    help: str
    suffix: str = ""


METRICS = (
    Metric("events", "Total events", "Every event of the period that matches the filters."),
    Metric("clients", "Unique clients", "Distinct browsers or devices (client ids)."),
    Metric("visitors", "Visitors", "Distinct people: user id, else client id, else session id."),
    Metric("sessions", "Sessions", "Visits; a new one starts after 30 minutes without an event."),
    Metric(
        "checkout_rate",
        "Checkout rate",
        "checkout_complete events per 100 add_to_cart_click events.",
        "%",
    ),
    Metric(
        "conversion",
        "Conversion",
        "Visitors with a completed checkout, per 100 visitors.",
        "%",
    ),
)


def chosen(view: View) -> Metric:
    """The figure the URL selects for the series; total events unless it names another."""
    return next((metric for metric in METRICS if metric.name == view.own("metric")), METRICS[0])


def has_earlier_data(view: View) -> bool:
    """Whether the data reaches back over the whole period before; else a change would mislead."""
    first = view.extent["first_ts"]
    start, _ = utc_span(previous(view.filters))
    end, _ = utc_span(view.filters)
    # Data that starts within the first day of that period covers it as days are counted.
    return first is not None and first < end and (first - start).total_seconds() < 86400


def tile(
    view: View,
    metric: Metric,
    now: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    course: Sequence[Mapping[str, Any]],
) -> Component:
    """One figure. Its label selects it for the series below."""
    value = now[metric.name]
    text = numbers.percent(value) if metric.suffix else numbers.whole(value)
    current = chosen(view).name == metric.name
    selected = None if metric is METRICS[0] else metric.name
    label = dcc.Link(
        metric.label,
        href=view.link(metric=selected),
        className="sg-kpi-label",
        title=f"Show {metric.label} over time",
    )
    spark = figures.sparkline([row[metric.name] for row in course], f"{metric.label} over the period")
    return html.Div(
        [
            html.Div([label, cards.info(metric.help, metric.label)], className="sg-kpi-head"),
            html.Div(text, className="sg-kpi-value"),
            change(metric, value, None if before is None else before[metric.name]),
            spark,
        ],
        className="sg-kpi sg-kpi-current" if current else "sg-kpi",
    )


def change(metric: Metric, now: float | None, before: float | None) -> Component:
    """The change against the period before: arrow, sign and words, not colour alone."""
    if before is None or now is None:
        return html.Div("No earlier data", className="sg-change")
    if metric.suffix:
        return _change(now - before, f"{abs(now - before):.1f}\u202fpp", numbers.percent(before))
    if before == 0:
        return html.Div("New: none before" if now else "None before either", className="sg-change")
    difference = 100 * (now - before) / before
    return _change(difference, f"{abs(difference):,.1f}\u202f%", numbers.whole(before))


def _change(difference: float, text: str, before: str) -> Component:
    way, word, sign = ("up", "Up", "+") if difference > 0 else ("down", "Down", "−")
    if abs(difference) < 0.05:
        return html.Div(["±0 ", html.Span(f"from {before}")], className="sg-change")
    figure = html.Span(
        [icon(f"arrow-{way}"), html.Span(word, className="sg-hidden"), f" {sign}{text}"],
        className=f"sg-change-{way}",
    )
    return html.Div([figure, html.Span(f" from {before}")], className="sg-change")
