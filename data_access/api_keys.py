"""Keys that scripts read with, as bearer tokens. Each has a role and may be kept to some sites."""

from __future__ import annotations

from dataclasses import dataclass

from data_access import tokens
from data_access.model import UsageError
from data_access.ports import Documents
from data_access.roles import ROLES, grants_of
from data_access.users import User

KIND = "api_key"
PREFIX = "sg_"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: an id to revoke it by, its name, role and sites (None: all), when it was made."""

    id: str
    name: str
    role: str
    sites: tuple[str, ...] | None
    made_at: str


def make(documents: Documents, name: str, role: str, sites: tuple[str, ...] | None) -> str:
    """A new key. It is shown once: only its hash is kept. Raises UsageError."""
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role; it takes {', '.join(ROLES)}")
    if not name.strip() or len(name) > 64:
        raise UsageError("a key needs a name of 1 to 64 characters, to know later what it is for")
    value = {"name": name.strip(), "role": role, "sites": list(sites) if sites is not None else None}
    return tokens.make(documents, KIND, value, PREFIX)


def every(documents: Documents) -> list[ApiKey]:
    """All keys, oldest first."""
    return [
        ApiKey(key_id, kept["name"], kept["role"], _sites(kept["sites"]), kept["made_at"])
        for key_id, kept in tokens.every(documents, KIND)
    ]


def revoke(documents: Documents, key_id: str) -> None:
    """Take a key back. Raises UsageError."""
    if not tokens.revoke(documents, KIND, key_id):
        raise UsageError(f"there is no key {key_id!r}; keys list lists them")


def bearer(documents: Documents, key: str) -> User | None:
    """Who a key stands for, if it is one."""
    found = tokens.find(documents, KIND, key) if key.startswith(PREFIX) else None
    if found is None:
        return None
    sites = _sites(found.value["sites"])
    return User(f"key {found.value['name']}", grants_of(found.value["role"], sites))


def _sites(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)
