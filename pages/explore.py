"""Explore: raw events page by page, each with all its fields and the session it belongs to."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html

from data_access.backends import Backends
from data_access.metrics import METRICS
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import ROWS
from pages.parts import (
    cards,
    controls,
    event_details,
    event_grid,
    figures,
    filters,
    kpis,
    numbers,
    states,
)
from pages.parts.access import allow
from pages.parts.drawing import drawn, guarded
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

PATH = "/explore"
NAME = "Explore"
ICON = "explore"
PERMISSION = ROWS
NEEDS = frozenset({"grid"})


def layout(view: View) -> Component:
    """Volume over time, the grid with its tools, and the drawer for one event."""
    volume = cards.card(
        "explore-volume",
        "Events over time",
        "Events that match the filters, per interval.",
        height=132,
        wide=True,
    )
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div([volume, _events(view)], className="sg-stack"),
            dmc.Drawer(
                [html.Div(id="explore-fields"), html.Div(id="explore-session")],
                id="explore-drawer",
                title="Event",
                position="right",
                # Inside the main landmark; in a portal its header would be a second banner.
                withinPortal=False,
                size=520,
                className="sg-drawer",
                closeButtonProps={"aria-label": "Close"},
            ),
        ]
    )


def _events(view: View) -> Component:
    size = controls.select("limit", "", event_grid.SIZES, view.own("limit", "100"), "100", w=120)
    size.attributes = {"input": {"aria-label": "Rows per page"}}
    tools = html.Div([size, event_grid.column_menu()], className="sg-tools")
    head = html.Div(
        [
            html.H2("Events", className="sg-card-title"),
            html.Div(id="explore-count", className="sg-counted"),
            html.Div(tools, className="sg-card-controls"),
        ],
        className="sg-card-head",
    )
    hidden = [controls.hidden(key, view.own(key)) for key in ("before", "after", "event")]
    stores = [dcc.Store(id="explore-pages"), dcc.Store(id="explore-event")]
    body = [head, html.Div(id="explore-state"), event_grid.grid(), _paging(), html.Div(id="explore-foot")]
    return html.Section([*hidden, *stores, *body], className="sg-card", **{"aria-label": "Events"})


def _paging() -> Component:
    newer = html.Button(
        [icon("left"), "Newer"], id="explore-newer", className="sg-button", type="button", disabled=True
    )
    older = html.Button(
        ["Older", icon("right")], id="explore-older", className="sg-button", type="button", disabled=True
    )
    return html.Nav(
        [html.Span(id="explore-span", className="sg-dim"), html.Div([newer, older], className="sg-tools")],
        className="sg-paging",
        **{"aria-label": "Pages of events"},
    )


def register(app: Any, backends: Backends) -> None:
    """The volume, a page of rows, and the chosen event."""
    drawn(app, backends, "explore-volume", draw_volume)
    drawn(app, backends, "explore-count", draw_count)
    _register_rows(app, backends)
    _register_drawer(app, backends)
    event_grid.register(app)
    for name, *parts in _clientside():
        app.clientside_callback(ClientsideFunction("explore", name), *parts)


def _clientside() -> list[tuple[Any, ...]]:
    before, after, event = (controls.param(key) for key in ("before", "after", "event"))
    newer, older = Input("explore-newer", "n_clicks"), Input("explore-older", "n_clicks")
    pages = ("explore-pages", "data")
    return [
        ("page", Output(before, "value"), Output(after, "value"), newer, older, State(*pages)),
        (
            "ends",
            Output("explore-newer", "disabled"),
            Output("explore-older", "disabled"),
            Output("explore-span", "children"),
            Input(*pages),
        ),
        ("pick", Output("explore-event", "data"), Input("url", "search"), Input("explore-grid", "rowData")),
        ("show", Output("explore-drawer", "opened"), Input("explore-event", "data")),
        # These two change the parameter without an output: as outputs they would close a cycle.
        ("select", Input("explore-grid", "selectedRows"), State(event, "value")),
        ("closed", Input("explore-drawer", "opened"), State(event, "value")),
    ]


def _register_rows(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("explore-grid", "rowData"),
        Output("explore-pages", "data"),
        Output("explore-state", "children"),
        Output("explore-foot", "children"),
        Input("url", "search"),
        Input("retry", "data"),
    )
    @allow(ROWS)
    def rows(search: str | None, _retry: Any) -> Any:
        return page_of_rows(view(backends, PATH, search))


def page_of_rows(view: View) -> tuple[Any, ...]:
    """Rows, cursors, a state if there is nothing to show, and the stamp."""
    try:
        answer, rows, pages = event_grid.page(view)
    except (UsageError, QueryError) as error:
        return [], {}, guarded("explore-grid", view, _raiser(error)), None
    state = None if rows else states.empty(view)
    return rows, pages, state, cards.footer(answer.stamp, view.csv("explore.events"))


def _raiser(error: Exception) -> Any:
    def fail(_view: View) -> Component:
        raise error

    return fail


def _register_drawer(app: Any, backends: Backends) -> None:
    chosen = Input("explore-event", "data")

    @app.callback(Output("explore-fields", "children"), chosen, State("url", "search"))  # type: ignore[untyped-decorator]
    @allow(ROWS)
    def fields(event: Any, search: str | None) -> Component:
        seen = view(backends, PATH, search)
        return (
            guarded("explore-fields", seen, lambda seen: event_details.fields(seen, event))
            if isinstance(event, dict) and event
            else None
        )

    @app.callback(Output("explore-session", "children"), chosen, State("url", "search"))  # type: ignore[untyped-decorator]
    @allow(ROWS)
    def session(event: Any, search: str | None) -> Component:
        seen = view(backends, PATH, search)
        return (
            guarded("explore-session", seen, lambda seen: event_details.session(seen, event))
            if isinstance(event, dict) and event
            else None
        )


def draw_volume(view: View) -> Component:
    """Events over time as small columns."""
    answer = view.ask("events.over_time")
    rows = answer.rows
    if not any(row["events"] for row in rows):
        return states.empty(view)
    figure = figures.columns(
        [row["time"] for row in rows],
        [row["events"] for row in rows],
        [row.get("events_previous") for row in rows],
    )
    label = f"Events over time, {numbers.period(view.filters)}"
    return cards.shown(
        figures.graph("explore-volume-graph", figure, label, 110), answer.stamp, view.csv("events.over_time")
    )


def draw_count(view: View) -> Component:
    """How many events match in all."""
    answer = view.ask("overview.kpis")
    count = answer.rows[0]["events"]
    text = f"{numbers.whole(count)} match" if count != 1 else "1 matches"
    return [html.Span(text), kpis.change(view, METRICS["events"], answer.rows[0], answer.stamp)]
