"""Keys that scripts read with, as bearer tokens. Each has a role and may be kept to some sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_access import tokens
from data_access.model import UsageError
from data_access.ports import Documents
from data_access.roles import ROLES, grants_of
from data_access.sites import checked_name
from data_access.users import User

KIND = "api_key"
PREFIX = "sg_"
GRACE_HOURS = 24
"""For how long a key that was replaced is good still, so that no script is refused meanwhile."""
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: an id to revoke it by, its name, role and sites (None: all), when it was made, how
    it starts, and until when it is good; empty without an end. Times are RFC 3339 in UTC."""

    id: str
    name: str
    role: str
    sites: tuple[str, ...] | None
    made_at: str
    start: str = ""
    expires_at: str = ""


def make(documents: Documents, name: str, role: str, sites: tuple[str, ...] | None) -> str:
    """A new key. It is shown once: only its hash is kept. Raises UsageError."""
    tokens.forget_expired(documents, KIND)
    return tokens.make(documents, KIND, checked(name, role, sites), PREFIX)


def checked(name: str, role: str, sites: tuple[str, ...] | None) -> dict[str, Any]:
    """What is kept of a key. Raises UsageError for what cannot be."""
    if not name.strip() or len(name.strip()) > MAX_NAME:
        why = f"a key needs a name of 1 to {MAX_NAME} characters, to know later what it is for"
        raise UsageError(why)
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role; it takes {', '.join(ROLES)}")
    if sites is not None and not sites:
        raise UsageError("a key needs a site, or all of them")
    own = None if sites is None else sorted({checked_name(site) for site in sites})
    return {"name": name.strip(), "role": role, "sites": own}


def every(documents: Documents) -> list[ApiKey]:
    """All keys that are good, oldest first."""
    found = tokens.every(documents, KIND)
    return [_key(key_id, kept) for key_id, kept in found if not tokens.is_over(kept)]


def _key(key_id: str, kept: Mapping[str, Any]) -> ApiKey:
    about = kept["name"], kept["role"], _sites(kept["sites"]), kept["made_at"]
    return ApiKey(key_id, *about, kept.get("start", ""), kept.get(tokens.EXPIRES, ""))


def find(documents: Documents, key_id: str) -> ApiKey:
    """A key that is good, by its id. Raises UsageError."""
    found = next((key for key in every(documents) if key.id == key_id), None)
    if found is None:
        raise UsageError(f"there is no key {key_id!r}; keys list lists those there are")
    return found


def rotate(documents: Documents, key_id: str) -> str:
    """A new key in place of another, with its name, role and sites. The old one is good for GRACE_HOURS more.

    Raises UsageError when there is no such key, or it was replaced already; then nothing has changed.
    """
    old = find(documents, key_id)
    if old.expires_at:
        raise UsageError(f"key {key_id!r} was replaced already, and ends by itself")
    made = make(documents, old.name, old.role, old.sites)
    # The new one comes first: whatever happens in between, some key is good.
    if not tokens.change(documents, KIND, key_id, tokens.ends_in(GRACE_HOURS)):
        tokens.use_up(documents, KIND, made)
        raise UsageError(f"somebody else changed key {key_id!r} at the same time; look, and try again")
    return made


def revoke(documents: Documents, key_id: str) -> None:
    """Take a key back. Raises UsageError."""
    if not tokens.revoke(documents, KIND, key_id):
        raise UsageError(f"there is no key {key_id!r}; keys list lists those there are")


def bearer(documents: Documents, key: str) -> User | None:
    """Who a key stands for, if it is one that is good."""
    found = tokens.find(documents, KIND, key) if key.startswith(PREFIX) else None
    if found is None or tokens.is_over(found.value):
        return None
    sites = _sites(found.value["sites"])
    return User(f"key {found.value['name']}", grants_of(found.value["role"], sites))


def _sites(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
