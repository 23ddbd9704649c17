"""Which sites the pages about the live path show: those of the URL, never more than the asker may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access import sites
from data_access.realtime import Sites
from pages.parts import address, cards, controls
from pages.parts.view import View

Component = Any

PARAM = "site"


def chosen(view: View) -> Sites:
    """The sites to show; None is all, of whom none are kept from the asker."""
    named = frozenset(address.split(view.own(PARAM)))
    if not named:
        return view.scope.sites
    return named if view.scope.sites is None else named & view.scope.sites


def zone(view: View) -> str:
    """The time zone of the chosen sites."""
    return view.backends.site_settings.zone_of(tuple(address.split(view.own(PARAM))))


def head(view: View, name: str, about: str, seen: Iterable[str] = ()) -> Component:
    """The head of a page about the live path: its name with help, and the choice of the sites."""
    title = html.Div(
        [html.H1(name, className="sg-title"), cards.info(about, name)], className="sg-live-title"
    )
    return html.Div([title, _picker(view, seen)], className="sg-live-head")


def _picker(view: View, seen: Iterable[str]) -> Component:
    """A drop-down with the sites ``seen``, those set up and those chosen; none where there is no choice."""
    named = address.split(view.own(PARAM))
    known = {*seen, *(site.name for site in sites.every(view.backends.documents))}
    if view.scope.sites is not None:
        known &= view.scope.sites
    if len(known) < 2 and not named:
        return None
    select = dmc.MultiSelect(
        id=controls.param(PARAM, kind="list"),
        data=sorted(known.union(named)),
        value=named,
        placeholder="" if named else "All sites",
        clearable=True,
        hidePickedOptions=True,
        clearButtonProps={"aria-label": "Show all sites"},
        comboboxProps={"withinPortal": False},
        attributes={"input": {"aria-label": "Sites"}},
        size="sm",
    )
    return html.Div(select, className="sg-live-sites")
