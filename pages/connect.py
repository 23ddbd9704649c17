"""Connect your site: add it, get its key and snippet, and watch its events come in, valid or rejected."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from data_access.arrivals import Arrival, Arrivals
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import MANAGE, VIEW
from pages.parts import (
    cards,
    code_block,
    connect_checks,
    connect_events,
    connect_keys,
    connect_site,
    connect_snippets,
    states,
)
from pages.parts.access import allow, may
from pages.parts.live_panel import mark
from pages.parts.plain import plain
from pages.parts.view import View, view

Component = Any

PATH = "/connect"
NAME = "Connect your site"
ICON = "connect"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

TICK_MILLISECONDS = 2000

LOG = logging.getLogger(__name__)


def layout(view: View) -> Component:
    """The site's head, what is done and to do, its origins and keys, the snippet, and its events."""
    head = html.Div(
        [html.H1(NAME, className="sg-title"), connect_site.picker(view)], className="sg-connect-head"
    )
    site = connect_site.find(view)
    if site is None:
        return html.Div([head, _without(view)], className="sg-stack")
    return html.Div(
        [
            head,
            None if may(MANAGE, site.name) else _only_looking(),
            html.Div(cards.skeleton(98), id="connect-checks"),
            html.Div([connect_site.origins_card(), connect_keys.card()], className="sg-grid"),
            _snippets(view),
            _debugger(view),
            code_block.said(),
            *connect_keys.stores(),
            dcc.Interval(id="connect-beat", interval=TICK_MILLISECONDS),
            dcc.Store(id="connect-tick"),
            dcc.Store(id="connect-list"),
            dcc.Store(id="connect-seen"),
        ],
        id="connect",
        className="sg-stack",
    )


def _only_looking() -> Component:
    text = "You see how the site is connected. An admin can add sites, change origins and make write keys."
    return html.P(text, className="sg-hint sg-connect-note")


def _without(view: View) -> Component:
    """There is no site at all, or not the one of the URL."""
    if connect_site.known(view):
        title = f"{view.own(connect_site.PARAM)} is not set up to send events"
        text = "Sites whose data was imported need no connection. These send events:"
        nothing = states.state("inbox", title, text, connect_site.links(view))
        return html.Section(nothing, className="sg-card sg-connect-none")
    if may(MANAGE):
        title = html.H2("Add your first site", className="sg-card-title")
        return html.Section(
            [html.Div(title, className="sg-card-head"), connect_site.form()],
            className="sg-card sg-connect-first",
        )
    text = "An admin can add one here."
    nothing = states.state("inbox", "No site sends events yet", text)
    return html.Section(nothing, className="sg-card sg-connect-none")


def _snippets(view: View) -> Component:
    return cards.card(
        connect_snippets.CARD,
        "Send events",
        "Copy and paste. What all fields and answers mean is in docs/tracker.md and docs/live.md.",
        controls=connect_snippets.choice(view),
        height=220,
    )


def _debugger(view: View) -> Component:
    state = html.Span("Live", id="connect-state", role="status", className="sg-connect-state")
    pause = html.Button("Pause", id="connect-pause", type="button", className="sg-button")
    about = (
        "The last 100 events as they come, every 2 seconds. Choose one to see its JSON. Rejected ones say "
        "why. Requests without a valid key or origin are not listed."
    )
    tools = html.Div([state, connect_events.choice(view), pause], className="sg-connect-tools")
    heads = [html.Span(head) for head in connect_events.HEADS]
    return html.Section(
        [
            connect_site.head("Event debugger", about, tools),
            html.P(id="connect-lost", className="sg-problem", role="alert"),
            html.Div(heads, className="sg-arrival-heads", **{"aria-hidden": "true"}),
            html.Ol(id="connect-events", className="sg-arrivals", **{"aria-label": "Events, newest first"}),
            html.Div(cards.skeleton(200), id="connect-around"),
        ],
        className="sg-card sg-connect-events",
        **{"aria-label": "Event debugger"},
    )


def register(app: Any, backends: Backends) -> None:
    """The cards, what admins do in them, and the beat."""
    for part in (connect_site, connect_keys, connect_snippets):
        part.register(app, backends)
    for name, *parts in _clientside():
        app.clientside_callback(ClientsideFunction("connect", name), *parts)
    _register_poll(app, backends)


def _clientside() -> list[tuple[Any, ...]]:
    clicks = State("connect-pause", "n_clicks")
    return [
        (
            "beat",
            Output("connect-tick", "data"),
            Output("connect-lost", "children"),
            Input("connect-beat", "n_intervals"),
            clicks,
            State("connect-seen", "data"),
        ),
        (
            "pause",
            Output("connect-pause", "children"),
            Output("connect-state", "children"),
            Output("connect-state", "className"),
            Input("connect-pause", "n_clicks"),
        ),
        ("show", Input("connect-list", "data")),
    ]


def _register_poll(app: Any, backends: Backends) -> None:
    arrivals, history = Arrivals(backends.tail), connect_checks.History()

    @app.callback(  # type: ignore[untyped-decorator]
        Output("connect-list", "data"),
        Output("connect-around", "children"),
        Output("connect-checks", "children"),
        Output("connect-seen", "data"),
        Input("connect-tick", "data"),
        Input("url", "search"),
        State("connect-seen", "data"),
    )
    @allow(VIEW)
    def poll(tick: Any, search: str | None, seen: Any) -> Any:
        asked = tick if isinstance(tick, dict) else {}
        known = seen if isinstance(seen, dict) else {}
        try:
            return _answer(view(backends, PATH, search), arrivals, history, asked, known)
        except UsageError as error:
            said = states.state(
                "alert", "This view cannot be shown", str(error), cards.link("Start over", PATH)
            )
        except Exception:
            LOG.exception("the event debugger could not read")
            said = states.state(
                "alert", "The events could not be read", "It has been logged; trying again.", role="alert"
            )
        return {"order": [], "rows": {}}, plain(said), None, {"tick": asked.get("at")}


def _answer(
    view: View,
    arrivals: Arrivals,
    history: connect_checks.History,
    asked: Mapping[str, Any],
    seen: Mapping[str, Any],
) -> tuple[Any, ...]:
    """What a browser needs that has ``seen`` so much: rows it lacks, what is said around them, and checks."""
    site, which, now = connect_site.chosen(view), connect_events.shown(view), connect_checks.now()
    tail = arrivals.latest(site.name)
    span = history.span(view, site.name, tail)
    checks = plain(connect_checks.draw(view, site, span, now))
    marks = {"tick": asked.get("at"), "about": f"{site.name} {which}", "checks": mark(checks)}
    sent = checks if marks["checks"] != seen.get("checks") else no_update
    if asked.get("paused") and marks["about"] == seen.get("about"):
        return no_update, no_update, sent, {**seen, **marks}
    found = connect_events.seen(view, site, connect_events.arrivals(tail, which))
    zone = view.backends.site_settings.zone_of((site.name,))
    said = plain(connect_events.around(site, zone, which, found, tail, span, now))
    marks |= {"keys": [one.key for one in found], "around": mark(said)}
    listed = no_update if _same(marks, seen, "keys", "about") else _listed(found, seen, zone)
    return listed, no_update if _same(marks, seen, "around") else said, sent, marks


def _same(marks: Mapping[str, Any], seen: Mapping[str, Any], *names: str) -> bool:
    return all(marks[name] == seen.get(name) for name in names)


def _listed(found: Sequence[Arrival], seen: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """The rows in order, and the content of those that a browser does not have."""
    keys = seen.get("keys")
    known = frozenset(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else frozenset()
    return {
        "order": [one.key for one in found],
        "rows": connect_events.rows(found, known, zone),
        # What comes while somebody looks is shown to be new.
        "live": bool(known),
    }
