"""Roles by site as people read and choose them: a field for each role, with the sites it holds for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access import people, sites
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import EVERYWHERE, ROLES
from pages.parts import controls
from pages.parts.admin_acts import Given, field
from pages.parts.admin_table import HERE
from pages.parts.view import View

Component = Any

ALL_SITES = "All sites"
ROLE_HELP: Mapping[str, str] = {
    "viewer": "Sees numbers, never one visitor's rows.",
    "analyst": "Sees single events too, without who they are of, and exports.",
    "ops": "On all sites: looks after the system and works on findings. Else as an analyst.",
    "admin": "Sees who visitors are, and looks after the site. On all sites: may do everything.",
}
"""What a role may do, for who has to choose one."""


def known_sites(view: View) -> list[str]:
    """The sites that are set up, have data, or are in somebody's roles, by name."""
    documents = view.backends.documents
    found = {site.name for site in sites.every(documents)}
    found |= {site for one in people.people(documents) for site in one.grants if site != EVERYWHERE}
    with suppress(UsageError, QueryError):  # where the lake cannot be asked, the others are enough to go on
        found |= {str(row["value"]) for row in view.ask("data.values", dimension="site").rows}
    return sorted(found - {""})


def options(names: Iterable[str]) -> controls.Options:
    """Sites to choose from, all of them first."""
    return [(EVERYWHERE, ALL_SITES), *((name, name) for name in names)]


def label(role: str) -> str:
    """A role's name."""
    return role.capitalize()


def where(names: Iterable[str] | None) -> str:
    """Sites in words."""
    listed = [EVERYWHERE] if names is None else list(names)
    return ALL_SITES if EVERYWHERE in listed else ", ".join(listed)


def by_role(grants: Mapping[str, str]) -> dict[str, list[str]]:
    """The sites of each role that somebody has, the highest role first."""
    found = {role: sorted(site for site in grants if grants[site] == role) for role in reversed(list(ROLES))}
    return {role: named for role, named in found.items() if named}


def words(grants: Mapping[str, str]) -> Component:
    """Who may do what where: a line a role."""
    lines = [
        html.Li([html.Strong(label(role)), html.Span(f" on {where(named)}".replace("All", "all"))])
        for role, named in by_role(grants).items()
    ]
    return html.Ul(lines, className="sg-admin-roles")


def fields(view: View, card: str, grants: Mapping[str, str]) -> Component:
    """A field for each role, with the sites on which somebody has it."""
    data, chosen = controls.data(options(known_sites(view))), by_role(grants)
    several = [
        dmc.MultiSelect(
            id=field(card, role),
            label=f"{label(role)} on",
            description=ROLE_HELP[role],
            data=data,
            value=chosen.get(role, []),
            placeholder="" if chosen.get(role) else "No site",
            searchable=True,
            openOnFocus=False,
            clearable=True,
            hidePickedOptions=True,
            nothingFoundMessage="Nothing found",
            clearButtonProps={"aria-label": f"Clear {label(role)} on"},
            comboboxProps=HERE,
            maxDropdownHeight=180,
            size="sm",
        )
        for role in ROLES
    ]
    return html.Div(several, className="sg-admin-fields")


def read(given: Given) -> dict[str, str]:
    """Roles by site from the values of the fields. Raises UsageError for a site in two of them, and where
    there is none."""
    found: dict[str, str] = {}
    for role in ROLES:
        listed = given.get(role)
        for site in listed if isinstance(listed, list) else ():
            if site in found:
                shown = where([site])
                raise UsageError(f"{shown} is chosen twice, as {found[site]} and as {role}; choose one")
            found[site] = role
    if not found:
        raise UsageError("choose at least one site, or all of them, for one of the roles")
    return found
