"""Looking after users: inviting, changing and removing them, and the links to choose a password with.

A user's document is changed only if it is as it was read: who changes it after somebody else is told so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_access import tokens, users
from data_access.model import UsageError
from data_access.ports import Document, Documents
from data_access.users import DISABLED, KIND, User

CHOOSE = "password_token"
LINK_HOURS = 72
PATH = "/sign-in/password"
"""Where a link to choose a password leads."""
_NO_LINK: Mapping[str, Any] = {"link": "", "link_ends": ""}


class ChangedError(UsageError):
    """Somebody else changed a user at the same time; nothing was done."""


class LinkError(UsageError):
    """A link to choose a password is good no more."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user as they are kept. ``state`` is ACTIVE, INVITED without a password so far, or DISABLED;
    ``link_ends`` says until when the link to choose a password is good, empty without one. Times are RFC 3339
    in UTC; ``changed_at`` is empty for users of before it was kept."""

    name: str
    grants: Mapping[str, str]
    state: str
    changed_at: str
    link_ends: str
    version: int

    @property
    def link_good(self) -> bool:
        """Whether they can choose a password with a link."""
        return bool(self.link_ends) and not tokens.is_over({tokens.EXPIRES: self.link_ends})

    @property
    def user(self) -> User:
        """Who they are when they act."""
        return User(self.name, self.grants)


def people(documents: Documents) -> list[Person]:
    """All users, by name."""
    return [_person(found) for _, found in documents.list(KIND)]


def person(documents: Documents, name: str, version: int | None = None) -> Person:
    """A user by name. Raises UsageError if there is none, ChangedError if they are not as in ``version``."""
    found = documents.get(KIND, name.casefold()) if users.is_name(name) else None
    if found is None:
        raise UsageError(f"there is no user {name!r}")
    if version not in (None, found.version):
        raise _changed(name)
    return _person(found)


def invite(documents: Documents, name: str, grants: Mapping[str, str]) -> str:
    """Add a user without a password: the token of a link to choose one. Raises UsageError as add_user."""
    users.check_name(name)
    token, link = _new_link(documents, name)
    try:
        users.add(documents, name, grants, "", link)
    except UsageError:
        tokens.use_up(documents, CHOOSE, token)
        raise
    return token


def change_grants(documents: Documents, who: Person, grants: Mapping[str, str]) -> None:
    """Give a user other roles; from the next request on they count. Raises UsageError, ChangedError."""
    _change(documents, who, {"grants": users.checked_grants(grants)})


def disable(documents: Documents, who: Person) -> None:
    """Let a user in no more: sessions end at once, and links to choose a password. Raises ChangedError."""
    _change(documents, who, {"disabled": True, **_NO_LINK}, ends_sessions=True)


def enable(documents: Documents, who: Person) -> None:
    """Let a disabled user in again, with the password they had. Raises ChangedError."""
    _change(documents, who, {"disabled": False})


def reset(documents: Documents, who: Person) -> str:
    """Take a user's password away, and end their sessions and older links: the token of a link to choose
    another. Raises UsageError for who is disabled, ChangedError."""
    if who.state == DISABLED:
        raise UsageError(f"{who.name} is disabled; enable them first")
    token, link = _new_link(documents, who.name)
    try:
        _change(documents, who, {"password_hash": "", **link}, ends_sessions=True)
    except ChangedError:
        tokens.use_up(documents, CHOOSE, token)
        raise
    return token


def remove(documents: Documents, who: Person) -> None:
    """Remove a user; their sessions end at once. Raises ChangedError."""
    if not documents.delete(KIND, who.name.casefold(), who.version):
        raise _changed(who.name)


def remove_user(documents: Documents, name: str) -> None:
    """Remove a user by name. Raises UsageError if there is none of that name."""
    remove(documents, person(documents, name))


def chooser(documents: Documents, token: str) -> Person | None:
    """Whose password a link lets choose; None for one that was used, replaced or taken back, or is over."""
    link = tokens.find(documents, CHOOSE, token)
    found = documents.get(KIND, str(link.value["user"])) if link and not tokens.is_over(link.value) else None
    if found is None or found.value.get("link") != tokens.hashed(token):
        return None
    return _person(found)


def link(base_url: str, token: str) -> str:
    """The link that a token is for."""
    return f"{base_url}{PATH}?token={token}"


def choose_password(documents: Documents, token: str, password: str) -> User:
    """Use up a link: its user has the password from now on. Of requests that race for a link, one wins.

    Raises LinkError for a link that is good no more, UsageError for a password that cannot be.
    """
    users.check_new_password(password)
    new = {"password_hash": users.hash_of(password), **_NO_LINK}
    while (who := chooser(documents, token)) is not None:
        try:
            value = _change(documents, who, new, ends_sessions=True)
        except ChangedError:
            continue  # somebody gave them other roles, or was quicker
        tokens.use_up(documents, CHOOSE, token)
        return users.user_of(value)
    raise LinkError("the link was used, replaced or taken back, or is too old")


def _new_link(documents: Documents, name: str) -> tuple[str, dict[str, Any]]:
    """A token, and what its user's document holds: so a user has one link that is good, the newest."""
    tokens.forget_expired(documents, CHOOSE)
    ends = tokens.ends_in(LINK_HOURS)
    token = tokens.make(documents, CHOOSE, {"user": name.casefold(), **ends})
    return token, {"link": tokens.hashed(token), "link_ends": ends[tokens.EXPIRES]}


def _change(
    documents: Documents, who: Person, new: Mapping[str, Any], *, ends_sessions: bool = False
) -> dict[str, Any]:
    """Keep something else of a user: their document as it is now."""
    found = documents.get(KIND, who.name.casefold())
    if found is None:
        raise _changed(who.name)
    round_ = int(found.value.get("round", 0)) + ends_sessions
    value = {**found.value, **new, "round": round_, "changed_at": users.now()}
    if not documents.put(KIND, who.name.casefold(), value, who.version):
        raise _changed(who.name)
    return value


def _changed(name: str) -> ChangedError:
    return ChangedError(f"somebody else changed {name} in the meantime; look, and try again")


def _person(found: Document) -> Person:
    value = found.value
    return Person(
        str(value["name"]),
        users.grants_kept(value),
        users.state_of(value),
        str(value.get("changed_at", "")),
        str(value.get("link_ends", "")),
        found.version,
    )
