"""Commands about who may do what: people who sign in with a password, and keys that scripts read with."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from data_access import changes
from data_access.audit import COMMAND_LINE
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import EVERYWHERE, grants_of

# What checks passwords takes a while to load: commands import it when they need it.

USER_DID = {
    "add": "added",
    "invite": "invited",
    "disable": "disabled",
    "enable": "enabled",
    "reset": "reset",
    "remove": "removed",
}
"""What can be done to a user, and how it is noted and said."""


def users(backends: Backends, options: argparse.Namespace) -> None:
    """List people, or change who may sign in. A password is read from the terminal or standard input."""
    if options.action == "list":
        _list_users(backends)
        return
    name = _needed(options, "a name")
    act, did = _user_act(backends, name, options), USER_DID[options.action]
    new = {"grants": grants_of(options.role, options.site)} if options.action in {"add", "invite"} else {}
    with changes.noted(backends.audit, COMMAND_LINE, did, f"user {name}", **new):
        made = act()
    print(f"{name}: {did}")
    if isinstance(made, str):
        _print_link(backends, made)


def _list_users(backends: Backends) -> None:
    from data_access.people import people

    for one in people(backends.documents):
        roles = dict.fromkeys(one.grants.values())
        where = {role: [site for site in one.grants if one.grants[site] == role] for role in roles}
        about = "; ".join(f"{role}, {_where(where[role])}" for role in roles)
        print(f"{one.name}  {about}; {one.state}")


def _where(sites: Iterable[str] | None) -> str:
    return "all sites" if sites is None or EVERYWHERE in sites else ", ".join(sites)


def _user_act(backends: Backends, name: str, options: argparse.Namespace) -> Callable[[], Any]:
    """What an action of ``users`` does; it gives a token where there is a link to show. Raises UsageError."""
    from data_access import people
    from data_access.users import add_user

    documents = backends.documents
    if options.action == "add":
        return partial(add_user, documents, name, _password(), options.role, options.site)
    if options.action == "invite":
        return partial(people.invite, documents, name, grants_of(options.role, options.site))
    acts = {
        "disable": people.disable,
        "enable": people.enable,
        "reset": people.reset,
        "remove": people.remove,
    }
    return partial(acts[options.action], documents, people.person(documents, name))


def _print_link(backends: Backends, token: str) -> None:
    from data_access.people import LINK_HOURS, link

    print(f"link to choose a password, shown this once, good for {LINK_HOURS} hours:")
    print(link(backends.settings.base_url, token))


def _password() -> str:
    return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def keys(backends: Backends, options: argparse.Namespace) -> None:
    """List, make, rotate or revoke keys that scripts read with."""
    if options.action == "list":
        _list_keys(backends)
        return
    name = _needed(options, "a name" if options.action == "add" else "an id; keys list lists them")
    _KEY_ACTIONS[options.action](backends, name, options)


def _list_keys(backends: Backends) -> None:
    from data_access import api_keys

    for key in api_keys.every(backends.documents):
        ends = f", replaced: good until {key.expires_at}" if key.expires_at else ""
        about = f"{key.role}, {_where(key.sites)}, made {key.made_at}{ends}"
        print(f"{key.id}  {key.start}…  {key.name}  {about}")


def _add_key(backends: Backends, name: str, options: argparse.Namespace) -> None:
    from data_access import api_keys

    sites = tuple(options.site) if options.site else None
    about = api_keys.checked(name, options.role, sites)
    with changes.noted(backends.audit, COMMAND_LINE, "made", f"key {about['name']}", **_of(about)):
        made = api_keys.make(backends.documents, name, options.role, sites)
    print(f"key, shown this once: {made}")


def _rotate_key(backends: Backends, key_id: str, _options: argparse.Namespace) -> None:
    from data_access import api_keys

    name = api_keys.find(backends.documents, key_id).name
    with changes.noted(backends.audit, COMMAND_LINE, "rotated", f"key {name}", id=key_id):
        made = api_keys.rotate(backends.documents, key_id)
    print(f"key, shown this once: {made}")
    print(f"{key_id}: good for {api_keys.GRACE_HOURS} more hours, unless it is revoked")


def _revoke_key(backends: Backends, key_id: str, _options: argparse.Namespace) -> None:
    from data_access import api_keys

    name = api_keys.find(backends.documents, key_id).name
    with changes.noted(backends.audit, COMMAND_LINE, "revoked", f"key {name}", id=key_id):
        api_keys.revoke(backends.documents, key_id)
    print(f"{key_id}: revoked")


_KEY_ACTIONS = {"add": _add_key, "rotate": _rotate_key, "revoke": _revoke_key}


def _of(about: dict[str, Any]) -> dict[str, Any]:
    """What is noted of a key besides its name."""
    return {name: about[name] for name in ("role", "sites")}


def _needed(options: argparse.Namespace, what: str) -> str:
    if not options.name:
        raise UsageError(f"{options.command} {options.action} needs {what}")
    return str(options.name)
