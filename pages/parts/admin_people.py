"""The tab with people who sign in with a password: inviting them, what they may do, and taking it back."""

from __future__ import annotations

from typing import Any

from flask import g

from data_access import changes, people, users
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.people import Person
from data_access.roles import ADMIN, EVERYWHERE
from pages.parts import admin_acts, admin_grants, admin_groups, admin_people_rows, admin_table
from pages.parts.access import who
from pages.parts.admin_acts import Act, Done, FieldError, Given, Pressed, checked
from pages.parts.admin_people_rows import CARD
from pages.parts.view import View

Component = Any

NAME = "People"
_ABOUT = "Who signs in with a password, and what they may do where. A change counts from their next click."


def stores() -> list[Component]:
    """What was done last."""
    return [admin_acts.store(CARD)]


def layout(view: View) -> Component:
    """The card with people; behind a load balancer, what to do in its user pool."""
    if view.backends.settings.sign_in == "cognito":
        return admin_groups.layout()
    return admin_table.section(CARD, NAME, _ABOUT)


def register(app: Any, backends: Backends) -> None:
    """The list, and what its buttons do."""
    if backends.settings.sign_in == "cognito":
        admin_groups.register(app, backends)
    else:
        admin_acts.register(app, backends, CARD, admin_people_rows.draw, _ACTS)


def _invite(backends: Backends, _button: Pressed, given: Given) -> Done:
    name = str(given.get("name") or "").strip()
    if not name:
        raise FieldError("name", UsageError("they need a user name to sign in with"))
    checked("name", lambda: users.check_name(name))
    grants = checked("viewer", lambda: admin_grants.read(given))
    checked("name", lambda: users.check_free(backends.documents, name))
    with changes.noted(backends.audit, who(ADMIN), "invited", f"user {name}", grants=grants):
        token = people.invite(backends.documents, name, grants)
    return Done(made=_link(backends, name, token))


def _save(backends: Backends, button: Pressed, given: Given) -> Done:
    person = _person(backends, button)
    grants = checked("viewer", lambda: admin_grants.read(given))
    if _is_self(person) and grants.get(EVERYWHERE) != "admin":
        why = f"you cannot stop being an admin of all sites yourself; {_ANOTHER}"
        raise FieldError("admin", UsageError(why))
    before = dict(person.grants)
    with changes.noted(
        backends.audit, who(ADMIN), "changed", f"user {person.name}", grants=grants, before=before
    ):
        people.change_grants(backends.documents, person, grants)
    return Done(f"What {person.name} may do was changed.")


def _disable(backends: Backends, button: Pressed, _given: Given) -> Done:
    person = _other(backends, button, "disable yourself")
    with changes.noted(backends.audit, who(ADMIN), "disabled", f"user {person.name}"):
        people.disable(backends.documents, person)
    return Done(f"{person.name} is disabled. Their sessions have ended.")


def _enable(backends: Backends, button: Pressed, _given: Given) -> Done:
    person = _person(backends, button)
    with changes.noted(backends.audit, who(ADMIN), "enabled", f"user {person.name}"):
        people.enable(backends.documents, person)
    now = people.person(backends.documents, person.name)
    rest = " They have no password: make a link." if now.state == users.INVITED else ""
    return Done(f"{person.name} may sign in again.{rest}")


def _reset(backends: Backends, button: Pressed, _given: Given) -> Done:
    person = _other(backends, button, "take your own password away")
    with changes.noted(backends.audit, who(ADMIN), "reset", f"user {person.name}"):
        token = people.reset(backends.documents, person)
    return Done(made=_link(backends, person.name, token))


def _remove(backends: Backends, button: Pressed, _given: Given) -> Done:
    person = _other(backends, button, "remove yourself")
    with changes.noted(
        backends.audit, who(ADMIN), "removed", f"user {person.name}", before=dict(person.grants)
    ):
        people.remove(backends.documents, person)
    return Done(f"{person.name} is removed.")


_ACTS: dict[str, Act] = {
    "create": _invite,
    "save": _save,
    "disable": _disable,
    "enable": _enable,
    "reset": _reset,
    "remove": _remove,
}
_ANOTHER = "another admin can do that"


def _person(backends: Backends, button: Pressed) -> Person:
    return people.person(backends.documents, button.about, button.version)


def _other(backends: Backends, button: Pressed, what: str) -> Person:
    """Whom a button is about. Raises UsageError when that is whoever presses it."""
    person = _person(backends, button)
    if _is_self(person):
        raise UsageError(f"you cannot {what}; {_ANOTHER}")
    return person


def _is_self(person: Person) -> bool:
    return person.name == str(g.user.name)


def _link(backends: Backends, name: str, token: str) -> Component:
    """The link to choose a password, once."""
    settings = backends.settings
    here = [] if settings.public_url else [" It leads to this machine: see STREAMGAUGE_PUBLIC_URL."]
    note = f"Give it to {name} only. It works once, for {people.LINK_HOURS} hours, and is shown this once."
    return admin_table.made(
        f"Link for {name} to choose a password",
        people.link(settings.base_url, token),
        f"the link for {name}",
        [note, *here],
        admin_table.button(CARD, "hide", "Hide", f"Hide the link for {name}"),
    )
