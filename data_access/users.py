"""Users and sign-in tokens in the documents store."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from data_access import tokens
from data_access.model import Scope, UsageError
from data_access.ports import Documents
from data_access.roles import COMPANY, EVERYWHERE, PRIVACY, ROLES, ROWS, VIEW, grants_of
from data_access.sites import checked_name

LOCAL_ADMIN = "@local"
"""Id of whoever signs in by the one-click link; no document, and no user can take the name."""

MIN_PASSWORD, MAX_PASSWORD = 10, 1000
"""Characters of a password; to hash endless ones would be work for nothing."""
TOKEN_HOURS = 24
KIND, SIGN_IN = "user", "sign_in_token"
ACTIVE, INVITED, DISABLED = "active", "invited", "disabled"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_HASHER = PasswordHasher()
_NO_ONE = _HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class User:
    """Someone signed in, with a role by site, EVERYWHERE for all sites. ``session_id`` changes with the
    password, so old sessions end."""

    name: str
    grants: Mapping[str, str]
    session_id: str = ""
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    @property
    def role(self) -> str:
        """The highest role the user has anywhere; empty without any."""
        return max(self.grants.values(), key=list(ROLES).index, default="")

    @property
    def permissions(self) -> frozenset[str]:
        """What the user may do on some site at least; what is about no site, only with a role everywhere."""
        somewhere = frozenset[str]().union(*(ROLES[role] for role in self.grants.values()))
        return (somewhere - COMPANY) | self._everywhere

    @property
    def sites(self) -> frozenset[str] | None:
        """The sites the user sees; None is all."""
        return self.sites_with(VIEW)

    def sites_with(self, permission: str) -> frozenset[str] | None:
        """The sites on which the user has a permission; None is all."""
        if permission in self._everywhere:
            return None
        return frozenset(site for site, role in self.grants.items() if permission in ROLES[role])

    def scope(self, permission: str) -> Scope:
        """Whose questions the user's are, asked with a permission."""
        return Scope(self.name, *map(self.sites_with, (permission, ROWS, PRIVACY)))

    def get_id(self) -> str:
        """What flask-login keeps in the session."""
        return self.session_id

    @property
    def _everywhere(self) -> frozenset[str]:
        return ROLES.get(self.grants.get(EVERYWHERE, ""), frozenset())


def add_user(
    documents: Documents, name: str, password: str, role: str, sites: Iterable[str] | None = None
) -> User:
    """Add a user with a role on some sites, or on all. Raises UsageError that says what is wrong: name,
    password, role, a site's name, or a name taken."""
    check_name(name)
    check_new_password(password)
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role; it takes {', '.join(ROLES)}")
    return user_of(add(documents, name, grants_of(role, sites), hash_of(password)))


def add(
    documents: Documents,
    name: str,
    grants: Mapping[str, str],
    password_hash: str,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Keep a user who was not there: their document. Raises UsageError for a name taken, and for a role or a
    site that cannot be."""
    about = {"grants": checked_grants(grants), "password_hash": password_hash, "changed_at": now()}
    value = {"name": name, **about, **(more or {})}
    if not documents.put(KIND, name.casefold(), value, None):
        raise UsageError(f"there is a user {name!r} already")
    return value


def check_name(name: str) -> None:
    """Raises UsageError for what is no user's name."""
    if not is_name(name):
        raise UsageError(f"{name!r} is no user name; it takes 1 to 64 letters, digits and . _ @ + -")


def is_name(text: str) -> bool:
    """Whether a user can be called that."""
    return _NAME.fullmatch(text) is not None


def check_free(documents: Documents, name: str) -> None:
    """Raises UsageError for the name of a user who is there."""
    if documents.get(KIND, name.casefold()) is not None:
        raise UsageError(f"there is a user {name!r} already")


def checked_grants(grants: Mapping[str, str]) -> dict[str, str]:
    """Roles by site as they are kept. Raises UsageError for none, and for a role or site that cannot be."""
    if not grants:
        raise UsageError("a user needs a role, on a site or on all of them")
    for role in grants.values():
        if role not in ROLES:
            raise UsageError(f"{role!r} is no role; it takes {', '.join(ROLES)}")
    return {site if site == EVERYWHERE else checked_name(site): grants[site] for site in sorted(grants)}


def check_new_password(password: str) -> None:
    """Raises UsageError for a password that is too short or too long."""
    if len(password) < MIN_PASSWORD:
        raise UsageError(f"the password is too short; it takes at least {MIN_PASSWORD} characters")
    if len(password) > MAX_PASSWORD:
        raise UsageError(f"the password is too long; it takes at most {MAX_PASSWORD:,} characters")


def check_password(documents: Documents, name: str, password: str) -> User | None:
    """The user with that name and password who is not disabled, else None; takes as long for names that do
    not exist, and for who may not come in."""
    found = documents.get(KIND, name.casefold())
    try:
        _HASHER.verify(str(found.value["password_hash"] or _NO_ONE) if found else _NO_ONE, password)
    except (Argon2Error, InvalidHashError):
        return None
    return user_of(found.value) if found and state_of(found.value) == ACTIVE else None


def load_user(documents: Documents, session_id: str) -> User | None:
    """The user a session belongs to, if there still is one with the same password who is not disabled."""
    if session_id == LOCAL_ADMIN:
        return local_admin()
    found = documents.get(KIND, session_id.rpartition(":")[0])
    user = user_of(found.value) if found and state_of(found.value) == ACTIVE else None
    return user if user and user.session_id == session_id else None


def local_admin() -> User:
    """Whoever starts the app on their own machine."""
    return User("local admin", grants_of("admin", None), LOCAL_ADMIN)


def make_token(documents: Documents) -> str:
    """A single-use sign-in token. Only its hash is kept, with the time it expires."""
    tokens.forget_expired(documents, SIGN_IN)
    return tokens.make(documents, SIGN_IN, tokens.ends_in(TOKEN_HOURS))


def use_token(documents: Documents, token: str) -> bool:
    """Use up a token; True for one that is good."""
    found = tokens.use_up(documents, SIGN_IN, token)
    return found is not None and not tokens.is_over(found.value)


def hash_of(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


def state_of(value: Mapping[str, Any]) -> str:
    """Whether the user of a document is ACTIVE, INVITED or DISABLED."""
    if value.get("disabled"):
        return DISABLED
    return ACTIVE if value["password_hash"] else INVITED


def grants_kept(value: Mapping[str, Any]) -> dict[str, str]:
    """The role by site of a user's document."""
    if "grants" in value:
        return dict(value["grants"])
    return grants_of(str(value["role"]), value.get("sites"))  # kept before roles differed by site


def user_of(value: Mapping[str, Any]) -> User:
    """The user of a document. Sessions end when the password changes, or its ``round``."""
    secret = f"{value['password_hash']}{value.get('round') or ''}"
    session_id = f"{str(value['name']).casefold()}:{sha256(secret.encode()).hexdigest()[:16]}"
    return User(str(value["name"]), grants_kept(value), session_id)


def now() -> str:
    """The time as documents hold it: RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
