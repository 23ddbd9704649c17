"""Overview: how much happened, against the period before, over time, by event and by login state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access.backends import Backends
from data_access.model import Answer
from pages.parts import cards, controls, figures, filters, kpis, numbers, rankings, states
from pages.parts.access import VIEW
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any

PATH = "/"
NAME = "Overview"
ICON = "overview"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

SPLITS = [("channel", "Channel"), ("country", "Country"), ("device", "Device"), ("source", "Source")]
INTERVALS = [("auto", "Auto"), ("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month")]


def layout(view: View) -> Component:
    """Filter bar, figures, series and two rankings."""
    interval = controls.choice("interval", "Interval", INTERVALS, view.own("interval", "auto"), "auto")
    series = cards.card(
        "overview-series",
        "Over time",
        "The figure chosen above, per interval. The dotted line is the period of equal length just before.",
        controls=interval,
        height=300,
        wide=True,
    )
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div(dmc.Skeleton(height=132, radius="md"), id="overview-kpis", className="sg-kpis-area"),
            html.Div([series, *_rankings(view)], className="sg-grid"),
        ]
    )


def _rankings(view: View) -> list[Component]:
    top = cards.card("overview-top", "Top 10 event types", "Event names by number of events.", height=340)
    login = cards.card(
        "overview-login",
        "By login state",
        "Events by whether the visitor was signed in; blank is unknown.",
        height=102,
    )
    by = controls.choice("by", "Break down by", SPLITS, view.own("by", SPLITS[0][0]), SPLITS[0][0])
    split = cards.card(
        "overview-split",
        "Breakdown",
        "Events by the dimension chosen here; the ten largest values.",
        controls=by,
        height=150,
    )
    return [top, html.Div([login, split], className="sg-stack")]


def register(app: Any, backends: Backends) -> None:
    """The page's cards."""
    for card_id, draw in (
        ("overview-kpis", draw_kpis),
        ("overview-series", draw_series),
        ("overview-top", draw_top),
        ("overview-login", draw_login),
        ("overview-split", draw_split),
    ):
        drawn(app, backends, card_id, draw)


def draw_kpis(view: View) -> Component:
    """The six figures with their change and course."""
    now = view.ask("overview.kpis")
    before = view.ask_before("overview.kpis").rows[0]
    course = view.past(view.ask("events.over_time").rows)
    complete = kpis.has_earlier_data(view)
    tiles = [
        kpis.tile(view, metric, now.rows[0], before if complete else None, course) for metric in kpis.METRICS
    ]
    foot = cards.footer(now.stamp, view.csv("overview.kpis"))
    return [html.Div(tiles, className="sg-kpis"), foot]


def draw_series(view: View) -> Component:
    """The chosen figure over time with the period before."""
    metric = kpis.chosen(view)
    interval = view.own("interval", "auto")
    answer = view.ask("events.over_time", interval=interval)
    rows = answer.rows
    if not any(row["events"] for row in rows):
        return states.empty(view)
    before = _before(view, metric.name, interval, len(rows))
    figure = figures.line(_series(view, metric, rows, before))
    label = f"{metric.label} over time, {numbers.period(view.filters)}"
    legend = html.Div(
        [
            html.Span(metric.label, className="sg-key sg-key-now"),
            html.Span("Period before", className="sg-key sg-key-before"),
        ],
        className="sg-legend",
    )
    chart = [legend, figures.graph("overview-series-graph", figure, label, 268)]
    return cards.shown(chart, answer.stamp, view.csv("events.over_time", interval=interval))


def _series(
    view: View, metric: kpis.Metric, rows: list[dict[str, Any]], before: list[float | None]
) -> figures.Series:
    """The rows up to now: intervals to come are no zeros, and the current one is unfinished."""
    times = [row["time"] for row in rows]
    past = view.past(rows)
    length = times[-1] - times[-2] if len(times) > 1 else timedelta(days=1)
    partial = bool(past) and past[-1]["time"] + length > view.now
    return figures.Series(times, [row[metric.name] for row in past], before, metric.suffix, partial)


def _before(view: View, name: str, interval: str, length: int) -> list[float | None]:
    if not kpis.has_earlier_data(view):
        return [None] * length
    values = [row[name] for row in view.ask_before("events.over_time", interval=interval).rows]
    return (values + [None] * length)[:length]


def draw_top(view: View) -> Component:
    """The ten most frequent event names."""
    return _mix(view, "event_name", "Top event types")


def draw_login(view: View) -> Component:
    """Events by login state."""
    answer = view.ask("events.by_login_state")
    return _ranking(
        view, answer, ("login_state", "login_state"), "Events by login state", view.csv(answer.question)
    )


def draw_split(view: View) -> Component:
    """Events by the dimension chosen in the card's head."""
    return _mix(view, view.own("by", SPLITS[0][0]), "Events by dimension")


def _mix(view: View, by: str, label: str) -> Component:
    own = {"by": by, "limit": "10"}
    return _ranking(view, view.ask("events.mix", **own), ("value", by), label, view.csv("events.mix", **own))


def _ranking(view: View, answer: Answer, columns: tuple[str, str], label: str, csv: str) -> Component:
    rows = answer.rows
    if not rows:
        return states.empty(view)
    return cards.shown(rankings.ranking(view, rows, *columns, label), answer.stamp, csv)
