"""The frame around every page: header, navigation, and the router that lays pages out."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, dcc, html, no_update
from flask import g, has_request_context

from data_access.backends import Backends
from data_access.roles import VIEW
from pages import not_found
from pages.parts import address, controls
from pages.parts.access import allow, may
from pages.parts.drawing import guarded
from pages.parts.icons import icon
from pages.parts.view import view

Component = Any

PRODUCT = "Streamgauge"
THEME = {
    "primaryColor": "indigo",
    "primaryShade": {"light": 7, "dark": 8},
    "autoContrast": True,
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "fontFamilyMonospace": "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
    "headings": {"fontWeight": "600"},
    "defaultRadius": "md",
    "cursorType": "pointer",
    "colors": {
        # Mantine's dark greys, a little bluer, to match assets/css/base.css.
        "dark": [
            "#e8eaee",
            "#c3c9d3",
            "#a3abb9",
            "#7d8594",
            "#3b414c",
            "#292d35",
            "#1e2127",
            "#17191e",
            "#131519",
            "#101215",
        ]
    },
    "focusRing": "auto",
}
NAVBAR = {"width": 216, "breakpoint": "sm", "collapsed": {"mobile": True}}


def layout(backends: Backends, pages: Iterable[ModuleType]) -> Any:
    """The layout function Dash calls for every visit: it shows who is signed in."""

    def lay_out() -> Component:
        return dmc.MantineProvider(_frame(backends, pages), theme=THEME, defaultColorScheme="auto")

    return lay_out


def _frame(backends: Backends, pages: Iterable[ModuleType]) -> Component:
    shown = [page for page in pages if not has_request_context() or may(page.PERMISSION)]
    main = html.Div(id="page", tabIndex="-1", className="sg-page")
    return dmc.AppShell(
        [
            html.A("Skip to content", href="#page", className="sg-skip"),
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="retry"),
            dcc.Store(id="titles", data={page.PATH: page.NAME for page in shown}),
            dcc.Store(id="shared-keys", data=list(address.SHARED)),
            dmc.AppShellHeader(_header(backends), className="sg-header"),
            dmc.AppShellNavbar(
                _navigation(shown), className="sg-navbar", attributes={"root": {"aria-label": "Pages"}}
            ),
            dmc.AppShellMain(main, className="sg-main"),
        ],
        id="shell",
        header={"height": 52},
        navbar=NAVBAR,
        padding=0,
    )


def _header(backends: Backends) -> Component:
    burger = dmc.Burger(
        id="burger",
        opened=False,
        hiddenFrom="sm",
        size="sm",
        **{"aria-label": "Open or close the navigation"},
    )
    name = dcc.Link(
        [html.Span(className="sg-logo", **{"aria-hidden": "true"}), PRODUCT], href="/", className="sg-brand"
    )
    demo = backends.documents.get("flags", "demo") is not None
    badge = html.Span("Demo data", className="sg-badge", title="Made-up events of a shop") if demo else None
    toggle = dmc.ColorSchemeToggle(
        lightIcon=icon("sun"),
        darkIcon=icon("moon"),
        variant="subtle",
        color="gray",
        size="lg",
        **{"aria-label": "Switch between light and dark"},
    )
    left = html.Div([burger, name, badge], className="sg-header-side")
    return html.Div(
        [left, html.Div([toggle, _user_menu()], className="sg-header-side")], className="sg-header-row"
    )


def _user_menu() -> Component:
    name = g.user.name if has_request_context() and "user" in g else ""
    role = g.user.role if name else ""
    button = dmc.Button(
        html.Span(name, className="sg-user-name"),
        leftSection=icon("user"),
        variant="subtle",
        color="gray",
        size="sm",
        **{"aria-label": f"Signed in as {name}"},
    )
    sign_out = html.Form(
        html.Button("Sign out", type="submit", className="sg-menu-item"), action="/sign-out", method="POST"
    )
    about = html.Div(
        [html.Div(name, className="sg-menu-name"), html.Div(f"Role: {role}", className="sg-menu-role")]
    )
    return controls.popover(button, [about, sign_out], "sg-user-menu", position="bottom-end", width=200)


def _navigation(pages: Iterable[ModuleType]) -> Component:
    return [
        dmc.NavLink(
            id={"type": "nav", "path": page.PATH},
            label=page.NAME,
            href=page.PATH,
            leftSection=icon(page.ICON),
            # A page with libraries of its own is opened as a new document, which loads them.
            refresh=bool(page.NEEDS),
            className="sg-nav",
        )
        for page in pages
    ]


def register(app: Any, backends: Backends, pages: Iterable[ModuleType]) -> None:
    """The router and the small clientside callbacks of the frame."""
    _register_router(app, backends, {page.PATH: page for page in pages})
    for name, *parts in _clientside():
        app.clientside_callback(ClientsideFunction("streamgauge", name), *parts)


def _register_router(app: Any, backends: Backends, pages: dict[str, ModuleType]) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("page", "children"), Input("url", "pathname"), State("url", "search")
    )
    @allow(VIEW)
    def route(pathname: str | None, search: str | None) -> Component:
        if pathname is None:
            return no_update
        page = pages.get(pathname)
        seen = view(backends, pathname, search)
        if page is None or not may(page.PERMISSION):
            return not_found.layout(seen)
        return guarded("page", seen, page.layout)


def _clientside() -> list[tuple[Any, ...]]:
    controls = {"type": "param", "key": ALL, "default": ALL, "kind": ALL}
    links = {"type": "nav", "path": ALL}
    return [
        ("write", Output("url", "search"), Input(controls, "value"), State("url", "search")),
        ("read", Input("url", "search"), State(controls, "id"), State(controls, "value")),
        (
            "nav",
            Output(links, "href"),
            Output(links, "active"),
            Input("url", "pathname"),
            Input("url", "search"),
            State(links, "id"),
            State("shared-keys", "data"),
        ),
        ("title", Input("url", "pathname"), State("titles", "data")),
        ("retry", Output("retry", "data"), Input({"type": "retry", "card": ALL}, "n_clicks")),
        ("burger", Output("shell", "navbar"), Input("burger", "opened"), State("shell", "navbar")),
        ("close", Output("burger", "opened"), Input("url", "pathname")),
    ]
