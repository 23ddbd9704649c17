"""The filter bar: period, comparison, filters, conditions and segments, all kept in the URL."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, html, no_update

from data_access.backends import Backends
from data_access.comparison import COMPARISONS
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.questions import COMPARE
from data_access.roles import VIEW
from data_access.sql import DIMENSIONS
from pages.parts import address, condition_builder, controls, filter_chips, presets, segment_menu
from pages.parts.access import allow
from pages.parts.drawing import drawn
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CHOICES = ("site", "login_state", "source", "country", "device")
"""Dimensions with a control of their own; any other can be set by a link and shows as a chip."""


def bar(view: View) -> Component:
    """The filter bar of a page."""
    return html.Div(
        [
            html.Div(
                [period(view), _compare(view), _menu(view), segment_menu.menu()],
                className="sg-filters-controls",
            ),
            html.Div(id="filters-shown", className="sg-filters-shown", **{"aria-live": "polite"}),
            condition_builder.drawer(view),
        ],
        className="sg-filters",
        role="group",
        **{"aria-label": "Filters"},
    )


def register(app: Any, backends: Backends) -> None:
    """Callbacks of the bar: choices when the menu opens, and what is filtered now."""
    drawn(app, backends, "filters-shown", filter_chips.shown)
    condition_builder.register(app, backends)
    segment_menu.register(app, backends)
    for dimension in CHOICES:
        _register_choices(app, backends, dimension)


def period(view: View, default: str = "Last 30 days") -> Component:
    """The choice of days; ``default`` says which are shown without one."""
    return dmc.DatePickerInput(
        id=controls.param("period", kind="period"),
        type="range",
        value=[view.raw.get("from"), view.raw.get("to")],
        placeholder=default,
        presets=presets.presets(view),
        valueFormat="D MMM YYYY",
        labelSeparator="–",
        allowSingleDateInRange=True,
        weekendDays=[],
        clearable=True,
        clearButtonProps={"aria-label": f"Back to the {default.lower()}"},
        leftSection=icon("calendar"),
        size="sm",
        className="sg-period",
    )


def _compare(view: View) -> Component:
    chosen = view.own(COMPARE.name, COMPARE.default)
    options = dict(COMPARISONS) if chosen in COMPARISONS else {chosen: chosen, **COMPARISONS}
    return dmc.Select(
        id=controls.param(COMPARE.name, COMPARE.default),
        data=controls.data(options.items()),
        value=chosen,
        allowDeselect=False,
        leftSection=icon("compare"),
        size="sm",
        className="sg-compare",
        comboboxProps={"withinPortal": False},
        attributes={"input": {"aria-label": "Compare with"}},
    )


def _menu(view: View) -> Component:
    button = dmc.Button(
        "Filters", leftSection=icon("filter"), variant="default", size="sm", id="filters-open"
    )
    fields = [_field(view, name) for name in CHOICES]
    bots = html.Div(
        [
            html.Div("Bots", className="sg-label"),
            controls.choice("bots", "Bots", list(filter_chips.BOTS.items()), view.own("bots", "out"), "out"),
        ]
    )
    content = dmc.Stack([*fields, bots, condition_builder.open_button()], gap="sm")
    return controls.popover(
        button, content, "sg-filters-menu", id="filters-menu", position="bottom-start", width=320
    )


def _field(view: View, dimension: str) -> Component:
    chosen = address.split(view.own(dimension))
    return controls.several(dimension, DIMENSIONS[dimension], [(one, one) for one in chosen], chosen)


def _register_choices(app: Any, backends: Backends, dimension: str) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output(controls.param(dimension, kind="list"), "data"),
        Input("filters-menu", "opened"),
        Input("url", "search"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def choices(opened: bool | None, search: str | None) -> Any:
        return options(view(backends, "", search), dimension) if opened else no_update


def options(seen: View, dimension: str) -> Any:
    """What a filter can be set to, most frequent first; chosen values are always among them."""
    chosen = address.split(seen.own(dimension))
    try:
        found = [row["value"] for row in seen.ask("data.values", dimension=dimension).rows]
    except (UsageError, QueryError):
        return no_update
    return list(dict.fromkeys([*(value for value in found if value), *chosen]))
