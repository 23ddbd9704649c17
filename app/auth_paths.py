"""What both ways to sign in share: their paths, where to go afterwards, and keys in a header."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

SIGN_IN = "/sign-in"
API = "/v1/"


def bearer_token(asked: Request) -> str | None:
    """What a request to the API shows to say who is asking, empty for what is no bearer token; None where it
    shows nothing."""
    if not asked.path.startswith(API) or "Authorization" not in asked.headers:
        return None
    kind, _, token = asked.headers["Authorization"].partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def own_path(target: str | None) -> str:
    """Where to go after signing in: a path of this app, else the first page."""
    if (
        not target
        or not target.startswith("/")
        or target.startswith(("//", "/\\"))
        or not target.isprintable()
    ):
        return "/"
    parts = urlsplit(target)
    safe = not parts.scheme and not parts.netloc and "\\" not in target
    return target if safe and not target.startswith(SIGN_IN) else "/"
