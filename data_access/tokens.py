"""Secrets that are shown once and kept as their hash: sign-in tokens, keys to read and keys to write with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from data_access.ports import Document, Documents

_BYTES = 24
_ID_DIGITS = 12
_START = 4
"""Characters behind the prefix by which people know a secret again."""


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


def revoke(documents: Documents, kind: str, token_id: str) -> bool:
    """Take a secret back by its id; False when there is none."""
    return any(
        name[:_ID_DIGITS] == token_id and documents.delete(kind, name, kept.version)
        for name, kept in documents.list(kind)
    )


def hashed(token: str) -> str:
    """What a secret is kept under."""
    return sha256(token.encode()).hexdigest()
