"""Users and sign-in tokens in the documents store."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from data_access import tokens
from data_access.model import Scope, UsageError
from data_access.ports import Document, Documents
from data_access.roles import COMPANY, EVERYWHERE, ROLES, VIEW, grants_of
from data_access.sites import checked_name

LOCAL_ADMIN = "@local"
"""Id of whoever signs in by the one-click link; no document, and no user can take the name."""

MIN_PASSWORD = 10
TOKEN_HOURS = 24
SIGN_IN = "sign_in_token"
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
        return Scope(self.name, self.sites_with(permission))

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
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no user name; it takes 1 to 64 letters, digits and . _ @ + -")
    if len(password) < MIN_PASSWORD:
        raise UsageError(f"the password is too short; it takes at least {MIN_PASSWORD} characters")
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role; it takes {', '.join(ROLES)}")
    own = None if sites is None else sorted({checked_name(site) for site in sites})
    value = {"name": name, "role": role, "sites": own, "password_hash": _HASHER.hash(password)}
    if not documents.put("user", name.casefold(), value, None):
        raise UsageError(f"there is a user {name!r} already")
    return _user(value)


def remove_user(documents: Documents, name: str) -> None:
    """Remove a user; their sessions end at once. Raises UsageError if there is none of that name."""
    found = documents.get("user", name.casefold())
    if found is None or not documents.delete("user", name.casefold(), found.version):
        raise UsageError(f"there is no user {name!r}")


def check_password(documents: Documents, name: str, password: str) -> User | None:
    """The user with that name and password, else None; takes as long for names that do not exist."""
    found = documents.get("user", name.casefold())
    try:
        _HASHER.verify(str(found.value["password_hash"]) if found else _NO_ONE, password)
    except (Argon2Error, InvalidHashError):
        return None
    return _user(found.value) if found else None


def load_user(documents: Documents, session_id: str) -> User | None:
    """The user a session belongs to, if there still is one with the same password."""
    if session_id == LOCAL_ADMIN:
        return local_admin()
    found = documents.get("user", session_id.rpartition(":")[0])
    user = _user(found.value) if found else None
    return user if user and user.session_id == session_id else None


def local_admin() -> User:
    """Whoever starts the app on their own machine."""
    return User("local admin", grants_of("admin", None), LOCAL_ADMIN)


def _user(value: Any) -> User:
    print_of = sha256(str(value["password_hash"]).encode()).hexdigest()[:16]
    session_id = f"{str(value['name']).casefold()}:{print_of}"
    return User(str(value["name"]), grants_of(str(value["role"]), value.get("sites")), session_id)


def make_token(documents: Documents) -> str:
    """A single-use sign-in token. Only its hash is kept, with the time it expires."""
    _forget_expired(documents)
    expires = datetime.now(UTC) + timedelta(hours=TOKEN_HOURS)
    return tokens.make(documents, SIGN_IN, {"expires_at": expires.isoformat()})


def use_token(documents: Documents, token: str) -> bool:
    """Use up a token; True for one that is good."""
    found = tokens.use_up(documents, SIGN_IN, token)
    return found is not None and not _is_expired(found)


def _forget_expired(documents: Documents) -> None:
    for key, document in documents.list(SIGN_IN):
        if _is_expired(document):
            documents.delete(SIGN_IN, key, document.version)


def _is_expired(token: Document) -> bool:
    return datetime.fromisoformat(str(token.value["expires_at"])) <= datetime.now(UTC)
