"""The list of keys to read with: a row each, with what is asked before something is done, and the form."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access import api_keys
from data_access.api_keys import GRACE_HOURS, MAX_NAME, ApiKey
from data_access.roles import ROLES
from pages.parts import admin_grants, controls, numbers, states
from pages.parts.admin_acts import Did, field
from pages.parts.admin_table import HERE, badge, button, cell, focus, moment, question, row, table, wide
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

CARD = "admin-keys"
_HEADS = ("Name", "Role", "Sites", "Made", "State")


def draw(view: View, did: Did) -> Component:
    """All keys, and the form that makes one where it was asked for."""
    found = api_keys.every(view.backends.documents)
    gone = did.about not in {one.id for one in found}
    back = did.do in {"hide", "back-new"} or (did.do in {"failed", "revoke"} and gone)
    top = _form(view) if did.do == "new" else _top(len(found), back)
    if not found:
        text = "Scripts need one to read /v1/query, /v1/realtime and /v1/findings."
        return [top, states.state("key", "No keys yet", text)]
    return [top, table("Keys to read with", _HEADS, [_row(view, one, did.of(one.id)) for one in found])]


def _top(count: int, here: bool) -> Component:
    words = [icon("plus"), "Make a key"]
    return html.Div(
        [
            html.Span(numbers.counted(count, "key"), className="sg-dim"),
            button(CARD, "new", words, "", here=here),
        ],
        className="sg-admin-top",
    )


def _form(view: View) -> Component:
    """The form that makes a key."""
    name = dmc.TextInput(
        id=field(CARD, "name"),
        label="Name",
        description="What it is for, so that you know it again",
        attributes={"input": {"maxLength": MAX_NAME, **focus()}},
        size="sm",
    )
    buttons = [
        button(CARD, "create", "Make the key", "", main=True),
        button(CARD, "back-new", "Cancel", "Cancel, and make no key"),
    ]
    return html.Div(
        [
            html.H3("Make a key", className="sg-admin-form-title"),
            html.Div([name, _role(), _sites(view)], className="sg-admin-fields sg-admin-three"),
            html.Div(buttons, className="sg-tools"),
        ],
        className="sg-admin-form",
        role="group",
        **{"aria-label": "Make a key"},
    )


def _role() -> Component:
    return dmc.Select(
        id=field(CARD, "role"),
        label="Role",
        description="Numbers need a viewer, findings need ops",
        data=controls.data((role, admin_grants.label(role)) for role in ROLES),
        value=next(iter(ROLES)),
        allowDeselect=False,
        comboboxProps=HERE,
        size="sm",
    )


def _sites(view: View) -> Component:
    return dmc.MultiSelect(
        id=field(CARD, "sites"),
        label="Sites",
        description="Those it may read; all of them include sites to come",
        data=controls.data(admin_grants.options(admin_grants.known_sites(view))),
        value=[],
        placeholder="No site",
        searchable=True,
        openOnFocus=False,
        clearable=True,
        hidePickedOptions=True,
        nothingFoundMessage="Nothing found",
        clearButtonProps={"aria-label": "Clear sites"},
        comboboxProps=HERE,
        maxDropdownHeight=180,
        size="sm",
    )


def _row(view: View, key: ApiKey, did: str) -> Component:
    if did in _QUESTIONS:
        return wide(_question(key, did), len(_HEADS) + 1)
    name = [html.Span(key.name, className="sg-admin-who"), _start(key)]
    cells = [
        admin_grants.label(key.role),
        admin_grants.where(key.sites),
        cell(moment(view, key.made_at), "Made"),
        _state(view, key),
    ]
    return row(name, cells, _buttons(key, did))


def _start(key: ApiKey) -> Component:
    """How it starts, and the id the command line takes."""
    known = html.Code(f"{key.start}…") if key.start else None
    return html.Div([known, html.Span(["id ", html.Code(key.id)])], className="sg-admin-small sg-admin-ids")


def _state(view: View, key: ApiKey) -> Component:
    if not key.expires_at:
        return badge("Good", "good")
    until = f"ends {moment(view, key.expires_at)}"
    return [badge("Replaced", "waiting"), html.Div(until, className="sg-admin-small")]


def _buttons(key: ApiKey, did: str) -> list[Component]:
    def act(do: str, text: str, *, first: bool = False) -> Component:
        here = did == f"back-{do}" or (first and did == "failed")
        return button(CARD, do, text, f"{text}: key {key.name}, {key.start}…", key.id, here=here)

    if key.expires_at:
        return [act("ask-revoke", "Revoke now", first=True)]
    return [act("ask-rotate", "Rotate", first=True), act("ask-revoke", "Revoke")]


_QUESTIONS = {
    "ask-rotate": "Rotate {}? You get another key with the same name, role and sites. This one is good for"
    f" {GRACE_HOURS} more hours, so that no script is refused meanwhile.",
    "ask-revoke": "Revoke {}? Whoever reads with it is refused at once.",
}


def _question(key: ApiKey, asked: str) -> Component:
    do, (before, after) = asked.removeprefix("ask-"), _QUESTIONS[asked].split("{}")
    verb, bad = do.capitalize(), do == "revoke"
    return question(
        [before, html.Strong(key.name), " ", html.Code(f"{key.start}…"), after],
        [
            button(CARD, do, verb, f"{verb} now: key {key.name}", key.id, bad=bad, main=not bad, here=True),
            button(CARD, f"back-{asked}", "Cancel", f"Cancel, and leave key {key.name} as it is", key.id),
        ],
    )
