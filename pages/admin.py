"""Admin: people and what they may do, keys, sites, and the audit log; a tab each, drawn when it is chosen."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from dash import Input, Output, State, dcc, html, no_update

from data_access.backends import Backends
from data_access.roles import ADMIN
from pages.parts import admin_audit, admin_keys, admin_people, admin_sites, code_block, controls
from pages.parts.access import allow
from pages.parts.drawing import guarded
from pages.parts.view import View, view

Component = Any

PATH = "/admin"
NAME = "Admin"
ICON = "admin"
PERMISSION = ADMIN
NEEDS: frozenset[str] = frozenset()

TABS: dict[str, ModuleType] = {
    "people": admin_people,
    "keys": admin_keys,
    "sites": admin_sites,
    "audit": admin_audit,
}
PARAM, FIRST = "tab", "people"
_OPTIONS = [(name, str(tab.NAME)) for name, tab in TABS.items()]


def layout(view: View) -> Component:
    """The choice of the tab, and the tab of the URL."""
    chosen = controls.chosen(view, PARAM, _OPTIONS)
    choice = controls.choice(PARAM, "Part of the administration", _OPTIONS, chosen, FIRST)
    return html.Div(
        [
            html.Div([html.H1(NAME, className="sg-title"), choice], className="sg-admin-head"),
            html.Div(TABS[chosen].layout(view), id="admin-tab"),
            code_block.said(),
            dcc.Store(id="admin-shown", data=chosen),
            *(store for tab in TABS.values() for store in tab.stores()),
        ],
        id="admin",
        className="sg-stack",
    )


def register(app: Any, backends: Backends) -> None:
    """The tabs, and going from one to another."""
    for tab in TABS.values():
        tab.register(app, backends)

    @app.callback(  # type: ignore[untyped-decorator]
        Output("admin-tab", "children"),
        Output("admin-shown", "data"),
        Input("url", "search"),
        State("admin-shown", "data"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    @allow(ADMIN)
    def show(search: str | None, shown: Any, pathname: str | None) -> Any:
        seen = view(backends, PATH, search)
        asked = seen.own(PARAM, FIRST)
        if pathname != PATH or asked == shown:
            return no_update, no_update  # other parameters are the tab's own
        return guarded("admin-tab", seen, _tab), asked


def _tab(view: View) -> Component:
    """The tab of the URL. Raises UsageError for one that is none."""
    return TABS[controls.chosen(view, PARAM, _OPTIONS)].layout(view)
