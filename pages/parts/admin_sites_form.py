"""What a site has of its own: its time zone, first day of the week and currency."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, html, no_update

from data_access import sites
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import ADMIN
from data_access.settings import PER_SITE, WEEKDAYS, why_not
from data_access.sites import Site
from pages.parts import controls
from pages.parts.access import allow, scope
from pages.parts.connect_noted import noted
from pages.parts.connect_site import head, pressed
from pages.parts.view import View

Component = Any

DID = "admin-site-did"
"""The store with what was done to a site that has to be drawn anew."""
DEFAULT = "-"
"""Chosen in place of a value: as the settings say."""
ABOUT = "How its days, weeks and money are counted, on all pages and in all answers about this site alone."
NOTE = (
    "Holds at once, for past days as well. Money is not converted: revenue counts orders in this currency "
    "and orders without one; orders in others are counted apart."
)


def card(view: View, site: Site) -> Component:
    """The form with what a site has."""
    general = view.backends.site_settings.without_own(site.name)
    save = html.Button(
        "Save", id={"type": "admin-site-save", "site": site.name}, className="sg-button", type="button"
    )
    said = html.Span(id="admin-site-said", role="status", className="sg-dim")
    return html.Section(
        [
            head("Days and money", ABOUT),
            html.Div(
                [
                    _zone(site, general["time_zone"]),
                    _week(site, general["week_start"]),
                    _currency(site, general["currency"]),
                    html.P(NOTE, className="sg-hint sg-connect-note"),
                    html.Div([save, said], className="sg-connect-save"),
                ],
                className="sg-connect-form",
            ),
        ],
        className="sg-card",
        **{"aria-label": "Days and money"},
    )


def _zone(site: Site, general: str) -> Component:
    names = dict.fromkeys([*_zones(), *([site.time_zone] if site.time_zone else [])])
    return _select(
        "admin-site-zone",
        "Time zone",
        [(DEFAULT, f"{general} (as the settings say)"), *((name, name) for name in names)],
        site.time_zone,
        searchable=True,
        limit=100,
        nothingFoundMessage="No such zone",
    )


def _week(site: Site, general: str) -> Component:
    days = [(day, day.capitalize()) for day in WEEKDAYS]
    first = (DEFAULT, f"{general.capitalize()} (as the settings say)")
    return _select("admin-site-week", "Week starts on", [first, *days], site.week_start)


def _select(field: str, label: str, options: controls.Options, value: str, **more: Any) -> Component:
    return dmc.Select(
        id=field,
        label=label,
        data=controls.data(options),
        value=value or DEFAULT,
        allowDeselect=False,
        size="sm",
        comboboxProps={"withinPortal": False},
        maxDropdownHeight=220,
        **more,
    )


def _currency(site: Site, general: str) -> Component:
    return dmc.TextInput(
        id="admin-site-currency",
        label="Currency",
        description=f"ISO 4217. Empty: {general}, as the settings say",
        placeholder=general,
        value=site.currency,
        attributes={"input": {"maxLength": 3, "spellCheck": "false", "autoCapitalize": "characters"}},
        size="sm",
    )


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if not why_not("time_zone", name)))


def register(app: Any, backends: Backends) -> None:
    """Saves what was chosen, and lets an imported site send events."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output("admin-site-zone", "error"),
        Output("admin-site-week", "error"),
        Output("admin-site-currency", "error"),
        Output("admin-site-said", "children"),
        Output(DID, "data"),
        Input({"type": "admin-site-save", "site": ALL}, "n_clicks"),
        Input({"type": "admin-site-add", "site": ALL}, "n_clicks"),
        State("admin-site-zone", "value"),
        State("admin-site-week", "value"),
        State("admin-site-currency", "value"),
        prevent_initial_call=True,
    )
    @allow(ADMIN)
    def act(_saves: Any, _adds: Any, zone: Any, week: Any, currency: Any) -> Any:
        name = pressed("site")
        if pressed("type") == "admin-site-add":
            return no_update, no_update, no_update, *_added(backends, name)
        given = dict(zip(PER_SITE, (zone, week, str(currency or "").strip().upper()), strict=True))
        wrong = [_problem(one, value) for one, value in given.items()]
        if any(wrong):
            return *wrong, "Not saved", no_update
        return "", "", "", *_saved(backends, name, {one: _value(text) for one, text in given.items()})


def _added(backends: Backends, name: str) -> tuple[str, Any]:
    try:
        _check_known(backends, name)
        with noted(backends, "added", f"site {name}", ADMIN):
            sites.change(backends.documents, name)
    except UsageError as error:
        return str(error), no_update
    return "", _did(f"{name} can send events now: make a write key.")


def _problem(name: str, value: Any) -> str:
    """What is wrong with what was given, as a sentence; empty where nothing is."""
    why = why_not(name, _value(value)) if _value(value) else ""
    return why[:1].upper() + why[1:]


def _value(given: Any) -> str:
    return "" if given in (None, "", DEFAULT) else str(given)


def _saved(backends: Backends, name: str, own: dict[str, str]) -> tuple[str, Any]:
    """Set what changed: what is to be said, and what was done where that changes all that is shown."""
    kept = {site.name: site for site in sites.every(backends.documents)}
    before = kept.get(name, Site(name))
    changed = {one: text for one, text in own.items() if text != getattr(before, one)}
    if not changed:
        return "Nothing to save", no_update
    try:
        if name not in kept:
            _check_known(backends, name)
        with noted(backends, "changed", f"site {name}", ADMIN, **changed):
            backends.site_settings.change(name, **changed)
    except UsageError as error:
        return str(error), no_update
    return ("Saved", no_update) if name in kept else ("", _did("Saved"))


def _check_known(backends: Backends, name: str) -> None:
    """Raises UsageError for a site that has no events either."""
    found = backends.asking.ask("data.values", {"dimension": "site"}, scope(ADMIN))
    if name not in {row["value"] for row in found.rows}:
        raise UsageError(f"there is no site {name!r} any more")


def _did(said: str) -> dict[str, Any]:
    return {"said": said, "at": time.time()}
