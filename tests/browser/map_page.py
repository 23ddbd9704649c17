"""A page with nothing but the world map, over made-up numbers, served beside the real pages."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from dash import html

from data_access.roles import VIEW
from pages.parts import address, cards, world_map
from pages.parts.drawing import drawn

VISITORS = {"DE": 1204, "US": 977, "FR": 410, "BR": 96, "IN": 88, "SG": 41, "MT": 2, "unknown": 1310, "EU": 7}


def rows(chosen: list[str]) -> list[dict[str, Any]]:
    """What a question grouped by country would answer."""
    return [
        {"value": code, "visitors": count, "visitors_previous": count // 2}
        for code, count in VISITORS.items()
        if not chosen or code in chosen
    ]


def draw(view: Any) -> Any:
    """The map of the visitors."""
    found = rows(address.split(view.own("country")))
    return world_map.world_map(view, found, value="visitors", label="Visitors", unit="visitors")


def page() -> ModuleType:
    """A module as create_app takes it."""
    made = ModuleType("map_page")
    made.PATH, made.NAME, made.ICON, made.PERMISSION, made.NEEDS = (
        "/map",
        "Map",
        "overview",
        VIEW,
        frozenset(),
    )
    made.layout = lambda view: html.Div(
        [
            html.H1("Map", className="sg-title"),
            html.Div([cards.card("map", "Countries", "Visitors by country.")], className="sg-grid"),
        ]
    )
    made.register = lambda app, backends: drawn(app, backends, "map", draw)
    return made
