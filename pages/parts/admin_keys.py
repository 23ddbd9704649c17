"""The tab with keys that scripts read with: making, rotating and revoking them."""

from __future__ import annotations

from typing import Any

from data_access import api_keys, changes
from data_access.api_keys import GRACE_HOURS
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import ADMIN, EVERYWHERE
from pages.parts import admin_acts, admin_key_rows, admin_table
from pages.parts.access import who
from pages.parts.admin_acts import Act, Done, Given, Pressed, checked
from pages.parts.admin_key_rows import CARD
from pages.parts.view import View

Component = Any

NAME = "Keys"
_ABOUT = (
    "Scripts read /v1 with them, as bearer tokens. A key may do what its role may do on its sites. Keys to"
    " send events with belong to a site."
)


def stores() -> list[Component]:
    """What was done last."""
    return [admin_acts.store(CARD)]


def layout(_view: View) -> Component:
    """The card with keys."""
    return admin_table.section(CARD, "Keys to read with", _ABOUT)


def register(app: Any, backends: Backends) -> None:
    """The list, and what its buttons do."""
    admin_acts.register(app, backends, CARD, admin_key_rows.draw, _ACTS)


def _make(backends: Backends, _button: Pressed, given: Given) -> Done:
    name, role, listed = str(given.get("name") or ""), str(given.get("role") or ""), given.get("sites")
    sites = _sites(listed if isinstance(listed, list) else [])
    checked("name", lambda: api_keys.checked(name, "viewer", None))
    checked("role", lambda: api_keys.checked(name, role, None))
    about = checked("sites", lambda: api_keys.checked(name, role, sites))
    with changes.noted(
        backends.audit, who(ADMIN), "made", f"key {about['name']}", role=role, sites=about["sites"]
    ):
        secret = api_keys.make(backends.documents, name, role, sites)
    return Done(made=_shown(about["name"], secret, ""))


def _sites(listed: list[Any]) -> tuple[str, ...] | None:
    """The sites that were chosen; None is all."""
    return None if EVERYWHERE in listed else tuple(str(site) for site in listed)


def _rotate(backends: Backends, button: Pressed, _given: Given) -> Done:
    key = _key(backends, button)
    with changes.noted(backends.audit, who(ADMIN), "rotated", f"key {key.name}", id=key.id):
        secret = api_keys.rotate(backends.documents, key.id)
    old = f" The old one is good for {GRACE_HOURS} more hours, or until you revoke it."
    return Done(made=_shown(key.name, secret, old))


def _revoke(backends: Backends, button: Pressed, _given: Given) -> Done:
    key = _key(backends, button)
    with changes.noted(backends.audit, who(ADMIN), "revoked", f"key {key.name}", id=key.id):
        api_keys.revoke(backends.documents, key.id)
    return Done(f"Key {key.name}, {key.start}…, is revoked.")


def _key(backends: Backends, button: Pressed) -> api_keys.ApiKey:
    """The key a button is about. Raises UsageError."""
    try:
        return api_keys.find(backends.documents, button.about)
    except UsageError:
        raise UsageError("that key is not there any more: somebody revoked it, or it has ended") from None


_ACTS: dict[str, Act] = {"create": _make, "rotate": _rotate, "revoke": _revoke}


def _shown(name: str, secret: str, more: str) -> Component:
    """A new key, once."""
    note = (
        f"It is shown this once: only its first letters are kept. Copy it before you leave this page.{more}"
    )
    hide = admin_table.button(CARD, "hide", "Hide", f"Hide the key {name}")
    return admin_table.made(f"The key {name}", secret, f"the key {name}", note, hide)
