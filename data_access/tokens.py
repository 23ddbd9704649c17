"""Secrets that are shown once and kept as their hash: sign-in tokens, keys to read and keys to write with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from data_access.ports import Document, Documents

_BYTES = 24
_ID_DIGITS = 12
_START = 4
"""Characters behind the prefix by which people know a secret again."""
EXPIRES = "expires_at"


def make(documents: Documents, kind: str, value: Mapping[str, Any], prefix: str = "") -> str:
    """A new secret. Its document holds ``value``, when it was made and, with a prefix, how it starts."""
    token = prefix + secrets.token_urlsafe(_BYTES)
    about = {"made_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if prefix:
        about["start"] = token[: len(prefix) + _START]
    documents.put(kind, hashed(token), {**value, **about}, None)
    return token


def find(documents: Documents, kind: str, token: str) -> Document | None:
    """The document of a secret, if it is one."""
    return documents.get(kind, hashed(token))


def use_up(documents: Documents, kind: str, token: str) -> Document | None:
    """Take a secret back by itself. Of requests that race for it, the one whose delete succeeds wins."""
    found = find(documents, kind, token)
    return found if found and documents.delete(kind, hashed(token), found.version) else None


def every(documents: Documents, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The id and value of every secret of a kind, oldest first."""
    found = [(name[:_ID_DIGITS], document.value) for name, document in documents.list(kind)]
    return sorted(found, key=lambda one: (one[1]["made_at"], one[0]))


def change(documents: Documents, kind: str, token_id: str, more: Mapping[str, Any]) -> bool:
    """Keep more of a secret, by its id; False when there is none, when it holds some of that already, or when
    somebody else changed it at the same time."""
    return any(
        name[:_ID_DIGITS] == token_id
        and not more.keys() & kept.value.keys()
        and documents.put(kind, name, {**kept.value, **more}, kept.version)
        for name, kept in documents.list(kind)
    )


def revoke(documents: Documents, kind: str, token_id: str) -> bool:
    """Take a secret back by its id; False when there is none."""
    return any(
        name[:_ID_DIGITS] == token_id and documents.delete(kind, name, kept.version)
        for name, kept in documents.list(kind)
    )


def ends_in(hours: float) -> dict[str, str]:
    """What a secret's document holds that is good for so long."""
    return {EXPIRES: (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")}


def is_over(value: Mapping[str, Any]) -> bool:
    """Whether a secret was good until some time that has passed."""
    ends = value.get(EXPIRES)
    return ends is not None and datetime.fromisoformat(str(ends)) <= datetime.now(UTC)


def forget_expired(documents: Documents, kind: str) -> None:
    """Delete what is kept of secrets that are good no more."""
    for key, document in documents.list(kind):
        if is_over(document.value):
            documents.delete(kind, key, document.version)


def hashed(token: str) -> str:
    """What a secret is kept under."""
    return sha256(token.encode()).hexdigest()
