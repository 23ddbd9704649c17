"""Overview: how much happened, against the period before, over time, by event and by login state."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access.backends import Backends
from data_access.roles import VIEW
from pages.parts import cards, controls, filters, kpis, series, tables
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any

PATH = "/"
NAME = "Overview"
ICON = "overview"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

METRICS = ("events", "clients", "visitors", "sessions", "checkout_rate", "conversion")
COLUMNS = ("events", "share", "visitors")
SPLITS = [("channel", "Channel"), ("country", "Country"), ("device", "Device"), ("source", "Source")]


def layout(view: View) -> Component:
    """Filter bar, figures, series and two rankings."""
    over_time = series.card(view, "overview-series")
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div(dmc.Skeleton(height=132, radius="md"), id="overview-kpis", className="sg-kpis-area"),
            html.Div([over_time, *_rankings(view)], className="sg-grid"),
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
    return kpis.draw(view, "overview.kpis", "events.over_time", METRICS)


def draw_series(view: View) -> Component:
    """The chosen figure over time with the period before."""
    return series.draw(view, "events.over_time", METRICS, "overview-series-graph")


def draw_top(view: View) -> Component:
    """The ten most frequent event names."""
    return _mix(view, "overview-top", "event_name", "Top event types")


def draw_login(view: View) -> Component:
    """Events by login state."""
    return tables.ranked(
        view,
        "overview-login",
        "events.by_login_state",
        {},
        metrics=COLUMNS,
        label="Events by login state",
        dimension="login_state",
        key="login_state",
    )


def draw_split(view: View) -> Component:
    """Events by the dimension chosen in the card's head."""
    return _mix(view, "overview-split", view.own("by", SPLITS[0][0]), "Events by dimension")


def _mix(view: View, card_id: str, by: str, label: str) -> Component:
    return tables.ranked(view, card_id, "events.mix", {"by": by}, metrics=COLUMNS, label=label, dimension=by)
