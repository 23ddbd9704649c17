"""The filter bar: period, site, login state, source, country, device and bots, all kept in the URL."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, dcc, html, no_update

from data_access.asking import previous
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.sql import DIMENSIONS
from pages.parts import address, controls, numbers, presets
from pages.parts.access import VIEW, allow
from pages.parts.drawing import drawn
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CHOICES = ("site", "login_state", "source", "country", "device")
"""Dimensions with a control of their own; any other can be set by a link and shows as a chip."""

BOTS = [("out", "Without bots"), ("in", "With bots"), ("only", "Only bots")]


def bar(view: View) -> Component:
    """The filter bar of a page."""
    return html.Div(
        [
            html.Div([_period(view), _menu(view)], className="sg-filters-controls"),
            html.Div(id="filters-shown", className="sg-filters-shown", **{"aria-live": "polite"}),
        ],
        className="sg-filters",
        role="group",
        **{"aria-label": "Filters"},
    )


def register(app: Any, backends: Backends) -> None:
    """Callbacks of the bar: choices when the menu opens, and what is filtered now."""
    drawn(app, backends, "filters-shown", shown)
    for dimension in CHOICES:
        _register_choices(app, backends, dimension)


def _period(view: View) -> Component:
    return dmc.DatePickerInput(
        id=controls.param("period", kind="period"),
        type="range",
        value=[view.raw.get("from"), view.raw.get("to")],
        placeholder="Last 30 days",
        presets=presets.presets(view),
        valueFormat="D MMM YYYY",
        labelSeparator="–",
        allowSingleDateInRange=True,
        weekendDays=[],
        clearable=True,
        clearButtonProps={"aria-label": "Back to the last 30 days"},
        leftSection=icon("calendar"),
        size="sm",
        className="sg-period",
    )


def _menu(view: View) -> Component:
    button = dmc.Button(
        "Filters", leftSection=icon("filter"), variant="default", size="sm", id="filters-open"
    )
    fields = [_field(view, name) for name in CHOICES]
    bots = html.Div(
        [
            html.Div("Bots", className="sg-label"),
            controls.choice("bots", "Bots", BOTS, view.own("bots", "out"), "out"),
        ]
    )
    return dmc.Popover(
        [
            dmc.PopoverTarget(button),
            dmc.PopoverDropdown(dmc.Stack([*fields, bots], gap="sm"), className="sg-filters-menu"),
        ],
        id="filters-menu",
        position="bottom-start",
        width=320,
        trapFocus=True,
        returnFocus=True,
        withRoles=False,
        withinPortal=False,
        shadow="md",
    )


def _field(view: View, dimension: str) -> Component:
    chosen = address.split(view.own(dimension))
    return dmc.MultiSelect(
        id=controls.param(dimension, kind="list"),
        label=DIMENSIONS[dimension],
        data=chosen,
        value=chosen,
        searchable=True,
        openOnFocus=False,
        clearable=True,
        hidePickedOptions=True,
        placeholder="" if chosen else "Any",
        nothingFoundMessage="Nothing found",
        clearButtonProps={"aria-label": f"Clear {DIMENSIONS[dimension]}"},
        comboboxProps={"withinPortal": False},
        maxDropdownHeight=200,
        size="sm",
    )


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


def shown(seen: View) -> Component:
    """The resolved period with its time zone, and a removable chip per filter that is set."""
    before = previous(seen.filters)
    title = f"Compared with {numbers.days(before.from_day, before.to_day)}"
    period = html.Span(numbers.period(seen.filters), className="sg-resolved", title=title)
    return [period, *_chips(seen)]


def _chips(seen: View) -> list[Component]:
    chips = [_chip(seen, name, value) for name in DIMENSIONS for value in address.split(seen.own(name))]
    bots = dict(BOTS).get(seen.own("bots", "out"), "")
    if seen.filters.bots != "out":
        chips.append(_removable(bots, seen.link(bots=None)))
    return chips


def _chip(seen: View, name: str, value: str) -> Component:
    others = [other for other in address.split(seen.own(name)) if other != value]
    return _removable(f"{DIMENSIONS[name]}: {value}", seen.link(**{name: address.join(others) or None}))


def _removable(label: str, href: str) -> Component:
    return dcc.Link(
        [html.Span("Remove filter ", className="sg-hidden"), label, icon("close")],
        href=href,
        className="sg-chip",
        title=f"Remove {label}",
    )
