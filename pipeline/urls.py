"""Splitting URLs that may be anything: no function here ever raises."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Url:
    """Host in lower case without port, path, and query; empty text where there is none."""

    host: str
    path: str
    query: str


def split_url(url: str) -> Url:
    """The parts of a full URL, or of a path as access logs have it ("/a?b" has no host)."""
    rest = url.partition("#")[0]
    head, _, query = rest.partition("?")
    scheme, separator, after = head.partition("://")
    if not separator or "/" in scheme:
        return Url("", head, query)
    authority, slash, path = after.partition("/")
    return Url(_host(authority), slash + path or "/", query)


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2].lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def utm_of(query: str) -> tuple[str | None, str | None, str | None]:
    """utm_source, utm_medium and utm_campaign of a query text."""
    if "utm_" not in query:
        return None, None, None
    found = {key: value.replace("\0", "") for key, value in parse_qsl(query)}
    source, medium, campaign = (found.get(f"utm_{key}") for key in ("source", "medium", "campaign"))
    return source or None, medium or None, campaign or None
