"""The list of people: a row each, with what is asked before something is done, and the forms."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from flask import g

from data_access import people, users
from data_access.people import LINK_HOURS, Person
from pages.parts import admin_grants, numbers, states
from pages.parts.admin_acts import Did, field
from pages.parts.admin_table import badge, button, cell, focus, moment, question, row, table, wide
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

CARD = "admin-people"
_HEADS = ("Name", "Roles", "State", "Last change")
_STATES = {
    users.ACTIVE: ("Active", "good"),
    users.INVITED: ("Invited", "waiting"),
    users.DISABLED: ("Disabled", "off"),
}


def draw(view: View, did: Did) -> Component:
    """Everybody, and the form to invite somebody where it was asked for."""
    found = people.people(view.backends.documents)
    names = {one.name for one in found}
    # Where a row has gone, work goes on at the button above.
    back = did.do in {"hide", "remove", "back-invite"} or (did.do == "failed" and did.about not in names)
    top = _form(view) if did.do == "invite" else _top(len(found), back)
    if not found:
        text = "You came in by the link from the command line. Invite people, and they choose a password."
        return [top, states.state("user", "Nobody has a password yet", text)]
    return [top, table("People", _HEADS, [_row(view, one, did.of(one.name)) for one in found])]


def _top(count: int, here: bool) -> Component:
    words = [icon("plus"), "Invite a person"]
    people_ = "1 person" if count == 1 else f"{numbers.whole(count)} people"
    return html.Div(
        [html.Span(people_, className="sg-dim"), button(CARD, "invite", words, "", here=here)],
        className="sg-admin-top",
    )


def _form(view: View) -> Component:
    """The form that invites somebody."""
    name = dmc.TextInput(
        id=field(CARD, "name"),
        label="User name",
        description="Letters, digits and . _ @ + -, so an e-mail address will do",
        attributes={"input": {"maxLength": 64, "autoCapitalize": "none", "spellCheck": "false", **focus()}},
        size="sm",
    )
    buttons = [
        button(CARD, "create", "Invite", "", main=True),
        button(CARD, "back-invite", "Cancel", "Cancel the invitation"),
    ]
    return html.Div(
        [
            html.H3("Invite a person", className="sg-admin-form-title"),
            html.Div(name, className="sg-admin-name"),
            admin_grants.fields(view, CARD, {}),
            html.P(_after_inviting(), className="sg-hint"),
            html.Div(buttons, className="sg-tools"),
        ],
        className="sg-admin-form",
        role="group",
        **{"aria-label": "Invite a person"},
    )


def _after_inviting() -> str:
    return (
        f"You get a link to hand over, good for {LINK_HOURS} hours. With it they choose their own password."
    )


def _row(view: View, one: Person, did: str) -> Component:
    columns = len(_HEADS) + 1
    if did in _QUESTIONS:
        return wide(_question(one, did), columns)
    if did == "access":
        return wide(_access(view, one), columns)
    name = html.Span(one.name, className="sg-admin-who")
    you = html.Span("you", className="sg-admin-you") if _is_self(one) else None
    last = cell(moment(view, one.changed_at), "Changed")
    cells = [admin_grants.words(one.grants), _state(view, one), last]
    return row([name, you], cells, _buttons(one, did))


def _is_self(one: Person) -> bool:
    return one.name == str(g.user.name)


def _state(view: View, one: Person) -> Component:
    text, look = _STATES[one.state]
    until = None
    if one.state == users.INVITED:
        until = f"link until {moment(view, one.link_ends)}" if one.link_good else "no link that works"
    return [badge(text, look), html.Div(until, className="sg-admin-small") if until else None]


def _buttons(one: Person, did: str) -> list[Component]:
    """What can be done to somebody; ``did`` says what was done or left, and so where the focus goes."""

    def act(do: str, text: str, said: str, after: frozenset[str] = frozenset()) -> Component:
        here = did in {f"back-{do}", *after}
        return button(CARD, do, text, f"{said} {one.name}", one.name, one.version, here=here)

    roles = act("access", "Roles", "Change the roles of", frozenset({"save", "failed"}))
    if _is_self(one):
        return [roles]
    remove = act("ask-remove", "Remove", "Remove")
    if one.state == users.DISABLED:
        return [roles, act("enable", "Enable", "Enable", frozenset({"disable"})), remove]
    link = (
        act("ask-reset", "Reset password", "Reset password of")
        if one.state == users.ACTIVE
        else act("reset", "New link", "Make a new link for")
    )
    return [roles, link, act("ask-disable", "Disable", "Disable", frozenset({"enable"})), remove]


_QUESTIONS = {
    "ask-disable": "Disable {}? Their sessions end at once, and they cannot sign in until they are enabled.",
    "ask-reset": "Reset the password of {}? It ends at once, as do their sessions. You get a link for them.",
    "ask-remove": "Remove {}? Their sessions end at once. What they saved, such as segments, stays.",
}
_VERBS = {"disable": "Disable", "reset": "Reset password", "remove": "Remove"}


def _question(one: Person, asked: str) -> Component:
    do, (before, after) = asked.removeprefix("ask-"), _QUESTIONS[asked].split("{}")
    about = one.name, one.version
    return question(
        [before, html.Strong(one.name), after],
        [
            button(CARD, do, _VERBS[do], f"{_VERBS[do]} now: {one.name}", *about, bad=True, here=True),
            button(CARD, f"back-{asked}", "Cancel", f"Cancel, and leave {one.name} as they are", *about),
        ],
    )


def _access(view: View, one: Person) -> Component:
    """The form with what somebody may do."""
    about = one.name, one.version
    buttons = [
        button(CARD, "save", "Save", f"Save the roles of {one.name}", *about, main=True),
        button(CARD, "back-access", "Cancel", f"Cancel, and leave {one.name} as they are", *about),
    ]
    title = f"What {one.name} may do"
    return html.Div(
        [
            html.H3(title, className="sg-admin-form-title", tabIndex="-1", **focus()),
            admin_grants.fields(view, CARD, one.grants),
            html.Div(buttons, className="sg-tools"),
        ],
        className="sg-admin-form",
        role="group",
        **{"aria-label": title},
    )
