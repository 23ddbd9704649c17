"""The "over time" card: one metric per interval, with the series of the period before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dash import html

from data_access.comparison import COMPARISONS
from data_access.metrics import Metric
from data_access.model import Answer
from pages.parts import cards, controls, figures, kpis, numbers, states
from pages.parts.view import View

Component = Any

INTERVALS = [("auto", "Auto"), ("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month")]


def card(view: View, card_id: str) -> Component:
    """The card with its choice of the interval; ``draw`` fills it."""
    interval = controls.choice("interval", "Interval", INTERVALS, view.own("interval", "auto"), "auto")
    return cards.card(
        card_id,
        "Over time",
        "The figure chosen above, per interval. The dotted line is the period that is compared with.",
        controls=interval,
        height=300,
        wide=True,
    )


def draw(view: View, question: str, metrics: Sequence[str], graph_id: str) -> Component:
    """The metric that the URL chooses among some, over time."""
    metric, interval = kpis.chosen(view, metrics), view.own("interval", "auto")
    answer = view.ask(question, interval=interval)
    if not any(row[name] for row in answer.rows for name in metrics):
        return states.empty(view)
    label = f"{metric.label} over time, {numbers.period(view.filters)}"
    figure = figures.line(_series(view, metric, answer))
    chart = [_legend(view, metric, answer), figures.graph(graph_id, figure, label, 268)]
    return cards.shown(chart, answer.stamp, view.csv(question, interval=interval))


def _legend(view: View, metric: Metric, answer: Answer) -> Component:
    keys = [html.Span(metric.label, className="sg-key sg-key-now")]
    stamp = answer.stamp
    if stamp.compared_from and stamp.compared_to:
        compared = COMPARISONS.get(view.own("compare", "previous"), "Other period")
        days = numbers.days(stamp.compared_from, stamp.compared_to)
        keys.append(html.Span(f"{compared}, {days}", className="sg-key sg-key-before"))
    keys.append(html.Span(f"Times in {stamp.time_zone}", className="sg-key-note"))
    return html.Div(keys, className="sg-legend")


def _series(view: View, metric: Metric, answer: Answer) -> figures.Series:
    """The rows up to now: intervals to come are no zeros, and the current one is unfinished."""
    rows = answer.rows
    times = [row["time"] for row in rows]
    past = view.past(rows)
    length = times[-1] - times[-2] if len(times) > 1 else timedelta(days=1)
    partial = bool(past) and past[-1]["time"] + length > view.now
    before = [row.get(f"{metric.name}_previous") for row in rows]
    return figures.Series(
        times, [row[metric.name] for row in past], before, _suffix(view, metric), partial, _digits(metric)
    )


def _suffix(view: View, metric: Metric) -> str:
    match metric.kind:
        case "percent":
            return "\u202f%"
        case "seconds":
            return "\u202fs"
        case "money":
            return f"\u202f{view.filters.currency}"
    return ""


def _digits(metric: Metric) -> int:
    return {"count": 0, "seconds": 0, "number": 2, "money": 2}.get(metric.kind, 1)
