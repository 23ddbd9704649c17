"""Realtime: what came in during the last 30 minutes, counted as it comes, and how far the counting is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update

from data_access.backends import Backends
from data_access.roles import VIEW
from pages.parts import cards, figures, live_chart, live_health, live_sites
from pages.parts.access import allow
from pages.parts.live_lists import LISTS
from pages.parts.live_numbers import FIGURES
from pages.parts.live_panel import FIGURE, Asked, Panel, Panels
from pages.parts.view import View, view

Component = Any

PATH = "/realtime"
NAME = "Realtime"
ICON = "realtime"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

TICK_MILLISECONDS = 1000
GRAPH = "realtime-graph"
ABOUT = "Events as they come in, bots included. The period and filters of the other pages do not apply."

LOG = logging.getLogger(__name__)


def layout(view: View) -> Component:
    """The whole page with its first numbers; from then on only parts that change are sent."""
    snapshot = view.backends.realtime.snapshot()
    panel = _PANELS.get(snapshot, asked(view))
    part = partial(_part, panel)
    return html.Div(
        [
            live_sites.head(view, NAME, ABOUT, {item.site for item in snapshot.items}),
            _health(part),
            part("empty"),
            html.Div([_tiles(part), _chart(panel, part), _lists(part)], className="sg-live-counts"),
            _log(part, bool(snapshot.offsets)) if asked(view).whole else None,
            dcc.Interval(id="realtime-beat", interval=TICK_MILLISECONDS),
            dcc.Store(id="realtime-tick"),
            dcc.Store(id="realtime-seen", data=dict(panel.marks)),
        ],
        id="realtime",
        className="sg-live",
    )


_PANELS = Panels()
"""Panels know what they were drawn of, so one set serves every application of the process."""


def asked(view: View) -> Asked:
    """What the URL and the asker's scope let be seen."""
    return Asked(live_sites.chosen(view), live_sites.zone(view), view.scope.sites is None)


def _part(panel: Panel, name: str, **look: Any) -> Component:
    return html.Div(panel.parts.get(name), id=_part_id(name), **look)


def _part_id(name: Any) -> dict[str, Any]:
    return {"type": "realtime", "part": name}


def _health(part: Any) -> Component:
    """How live the page is. Only a change of the state is announced, not every second."""
    shown = [
        part("state", role="status"),
        part("behind", className="sg-live-behind"),
        html.Div(id="realtime-lost", className="sg-live-lost", role="alert"),
    ]
    return html.Div(shown, className="sg-live-health")


def _tiles(part: Any) -> Component:
    tiles = [
        html.Div(
            [
                html.Div(
                    [
                        html.Span(figure.label, className="sg-live-label"),
                        cards.info(figure.help, figure.label),
                    ],
                    className="sg-kpi-head",
                ),
                part(figure.name, className="sg-live-values"),
                part(f"{figure.name}-course"),
            ],
            className="sg-kpi",
        )
        for figure in FIGURES
    ]
    return html.Div(tiles, className="sg-kpis sg-live-tiles")


def _chart(panel: Panel, part: Any) -> Component:
    label = "Events per minute by type in the last 30 minutes"
    foot = html.Div(
        [html.Span("As CSV by minute, with sessions and visitors"), part("csv")], className="sg-card-foot"
    )
    return _card(
        "Events per minute",
        "Events by their type and the minute they happened in, local time.",
        [live_chart.legend(), figures.graph(GRAPH, panel.figure, label, 260), foot],
    )


def _lists(part: Any) -> Component:
    return html.Div(
        [_card(one.title, one.help, part(one.name, className="sg-live-list")) for one in LISTS],
        className="sg-live-lists",
    )


def _log(part: Any, placed: bool) -> Component:
    """What was refused; where the log is one sequence (``placed``) also what waits, and places in the log for
    who looks for a fault."""
    if not placed:
        return _card("Refused", "Events that are kept to be tried again. Of all sites.", part("refused"))
    more = html.Details([html.Summary("Places in the log"), part("positions")], className="sg-live-more")
    waiting = html.Div([html.H3("Waiting"), part("waiting"), more])
    refused = html.Div([html.H3("Refused"), part("refused")])
    return _card(
        "On the way",
        "Taken in but not yet counted live, or not yet in the lake that the other pages show; and refused "
        "events that are kept to be tried again. Of all sites.",
        html.Div([waiting, refused], className="sg-live-log"),
    )


def _card(title: str, help_text: str, content: Component) -> Component:
    head = html.Div(
        [html.H2(title, className="sg-card-title"), cards.info(help_text, title)], className="sg-card-head"
    )
    body = html.Div(content, className="sg-card-content")
    return html.Section([head, body], className="sg-card", **{"aria-label": title})


def register(app: Any, backends: Backends) -> None:
    """The beat in the browser, and what it asks for."""
    app.clientside_callback(
        ClientsideFunction("realtime", "beat"),
        Output("realtime-tick", "data"),
        Output("realtime-lost", "children"),
        Input("realtime-beat", "n_intervals"),
        State("realtime-seen", "data"),
    )

    @app.callback(  # type: ignore[untyped-decorator]
        Output(_part_id(ALL), "children"),
        Output(GRAPH, "figure"),
        Output("realtime-seen", "data"),
        Input("realtime-tick", "data"),
        Input("url", "search"),
        State("realtime-seen", "data"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def tick(number: Any, search: str | None, seen: Any) -> Any:
        names = [output["id"]["part"] for output in ctx.outputs_list[0]]
        known = seen if isinstance(seen, dict) else {}
        try:
            panel = _PANELS.get(backends.realtime.snapshot(), asked(view(backends, PATH, search)))
        except Exception:
            LOG.exception("the live panel could not be drawn")
            return _failed(names), no_update, {"tick": number}
        return changes(panel, names, known, number)


def changes(panel: Panel, names: list[str], known: Mapping[str, Any], number: Any) -> tuple[Any, ...]:
    """What a browser that has the parts marked ``known`` needs: contents, the chart, and the new marks."""

    def new(name: str, content: Any) -> Any:
        return no_update if known.get(name) == panel.marks.get(name) else content

    parts = [new(name, panel.parts.get(name)) for name in names]
    return parts, new(FIGURE, panel.figure), {**panel.marks, "tick": number}


def _failed(names: list[str]) -> list[Any]:
    said = {"state": live_health.failed(), "behind": "The counts could not be read; trying again."}
    return [said.get(name, no_update) for name in names]
