"""Sites that send events: the origins their pages have, and the keys they write with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from data_access import tokens
from data_access.model import UsageError
from data_access.ports import Documents

KIND, KEY_KIND = "site", "write_key"
PREFIX = "wk_"
ANY_ORIGIN = "*"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"(https?)://([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?/?")
_OWN_PORT = {"http": ":80", "https": ":443"}
"""The ports that browsers leave out of an origin."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its name, and the origins (``https://shop.example``) browsers may send its events from."""

    name: str
    origins: tuple[str, ...] = ()

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may send this site's events."""
        return ANY_ORIGIN in self.origins or origin.lower() in self.origins


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A write key as it is kept: an id to revoke it by, its site, its first characters, when it was made."""

    id: str
    site: str
    start: str
    made_at: str


def add(documents: Documents, name: str, origins: Iterable[str]) -> Site:
    """Add a site. Raises UsageError for a name or origin that cannot be, or a name that is taken."""
    site = Site(checked_name(name), checked_origins(origins))
    if not documents.put(KIND, name, {"origins": list(site.origins)}, None):
        raise UsageError(f"there is a site {name!r} already; choose it to change its origins")
    return site


def save(documents: Documents, name: str, origins: Iterable[str]) -> Site:
    """Add a site, or give one other origins. Raises UsageError for a name or origin that cannot be."""
    site = Site(checked_name(name), checked_origins(origins))
    found = documents.get(KIND, name)
    documents.put(KIND, name, {"origins": list(site.origins)}, found.version if found else None)
    return site


def checked_name(text: str) -> str:
    """A site's name. Raises UsageError for one that cannot be."""
    if not _NAME.fullmatch(text):
        raise UsageError(f"{text!r} is no site name; it takes 1 to 64 of a-z, 0-9, dot, hyphen, underscore")
    return text


def checked_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Origins as browsers write them, in order, each once. Raises UsageError for what is none."""
    return tuple(sorted({_origin(text) for text in texts}))


def _origin(text: str) -> str:
    if text == ANY_ORIGIN:
        return text
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        raise UsageError(f"{text!r} is no origin; write it as https://shop.example, or * for any")
    scheme, host, _, port = found.groups("")
    return f"{scheme}://{host}{port if port != _OWN_PORT[scheme] else ''}"


def every(documents: Documents) -> list[Site]:
    """All sites, by name."""
    return [Site(name, tuple(document.value["origins"])) for name, document in documents.list(KIND)]


def make_key(documents: Documents, site: str) -> str:
    """A new write key of a site. It is shown once: only its hash is kept. Raises UsageError."""
    if documents.get(KIND, site) is None:
        raise UsageError(f"there is no site {site!r}; add it with: python -m app sites add {site}")
    return tokens.make(documents, KEY_KIND, {"site": site}, PREFIX)


def keys(documents: Documents, site: str | None = None) -> list[WriteKey]:
    """The keys of a site, or all, oldest first."""
    return [
        WriteKey(key_id, kept["site"], kept["start"], kept["made_at"])
        for key_id, kept in tokens.every(documents, KEY_KIND)
        if site in {None, kept["site"]}
    ]


def revoke(documents: Documents, key_id: str) -> None:
    """Take a key back; within seconds nobody can write with it. Raises UsageError."""
    if not tokens.revoke(documents, KEY_KIND, key_id):
        raise UsageError(f"there is no write key {key_id!r}; sites keys lists them")


class Doors:
    """Which site a key or an origin belongs to; looked up at most every few seconds."""

    def __init__(
        self, documents: Documents, seconds: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._documents, self._seconds, self._clock = documents, seconds, clock
        self._lock = Lock()
        self._until = 0.0
        self._sites: dict[str, Site] = {}
        self._keys: dict[str, str] = {}

    def of_key(self, key: str) -> Site | None:
        """The site a write key belongs to."""
        self._look()
        return self._sites.get(self._keys.get(tokens.hashed(key), ""))

    def of_origin(self, origin: str) -> list[Site]:
        """The sites that allow an origin by name."""
        self._look()
        return [site for site in self._sites.values() if origin.lower() in site.origins]

    def knows(self, origin: str) -> bool:
        """Whether any site allows an origin."""
        self._look()
        return any(site.allows(origin) for site in self._sites.values())

    def _look(self) -> None:
        with self._lock:
            if self._clock() < self._until:
                return
            self._sites = {site.name: site for site in every(self._documents)}
            self._keys = {hashed: kept.value["site"] for hashed, kept in self._documents.list(KEY_KIND)}
            self._until = self._clock() + self._seconds
