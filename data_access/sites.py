"""Sites: the origins their pages have, the keys they write with, and what the admin page set for them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from data_access import tokens
from data_access.model import UsageError
from data_access.ports import Documents
from data_access.settings import PER_SITE, why_not

KIND, KEY_KIND = "site", "write_key"
PREFIX = "wk_"
ANY_ORIGIN = "*"
GRACE_HOURS = 24
"""How long a key goes on working that was rotated, unless somebody says otherwise."""
MOST_HOURS = 24 * 30
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"(https?)://([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?/?")
_OWN_PORT = {"http": ":80", "https": ":443"}
"""The ports that browsers leave out of an origin."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its name, and the origins (``https://shop.example``) browsers may send its events from.

    ``time_zone``, ``week_start`` and ``currency`` are empty where they are as the settings say.
    """

    name: str
    origins: tuple[str, ...] = ()
    time_zone: str = ""
    week_start: str = ""
    currency: str = ""

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may send this site's events."""
        return ANY_ORIGIN in self.origins or origin.lower() in self.origins


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A write key as it is kept: an id to revoke it by, its site, its first characters, when it was made;
    when it stops to work (RFC 3339 in UTC), where it was rotated."""

    id: str
    site: str
    start: str
    made_at: str
    expires_at: str = ""


def add(documents: Documents, name: str, origins: Iterable[str]) -> Site:
    """Add a site. Raises UsageError for a name or origin that cannot be, or a name that is taken."""
    site = Site(checked_name(name), checked_origins(origins))
    if not documents.put(KIND, name, _value(site), None):
        raise UsageError(f"there is a site {name!r} already; choose it to change its origins")
    return site


def save(documents: Documents, name: str, origins: Iterable[str]) -> Site:
    """Add a site, or give one other origins. Raises UsageError for a name or origin that cannot be."""
    return change(documents, checked_name(name), origins=checked_origins(origins))


def change(documents: Documents, name: str, **changes: Any) -> Site:
    """Change a site; one that is not there yet, as its events were imported, is added."""
    while True:
        found = documents.get(KIND, name)
        site = replace(_site(name, found.value if found else {}), **changes)
        if documents.put(KIND, name, _value(site), found.version if found else None):
            return site


def _site(name: str, value: Mapping[str, Any]) -> Site:
    return Site(name, tuple(value.get("origins", ())), **{one: value.get(one, "") for one in PER_SITE})


def _value(site: Site) -> dict[str, Any]:
    """What is kept of a site: its name is the key, and what the settings say is not kept."""
    set_here = {one: text for one in PER_SITE if (text := getattr(site, one))}
    return {"origins": list(site.origins), **set_here}


def checked_name(text: str) -> str:
    """A site's name. Raises UsageError for one that cannot be."""
    if not _NAME.fullmatch(text):
        raise UsageError(f"{text!r} is no site name; it takes 1 to 64 of a-z, 0-9, dot, hyphen, underscore")
    return text


def checked_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Origins as browsers write them, in order, each once. Raises UsageError for what is none."""
    return tuple(sorted({_origin(text) for text in texts}))


def checked_own(name: str, value: str) -> str:
    """A site's own time_zone, week_start or currency; empty is as the settings say. Raises UsageError."""
    if value and (why := why_not(name, value)):
        raise UsageError(why)
    return value.lower() if name == "week_start" else value


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
    return [_site(name, document.value) for name, document in documents.list(KIND)]


def make_key(documents: Documents, site: str) -> str:
    """A new write key of a site. It is shown once: only its hash is kept. Raises UsageError."""
    if documents.get(KIND, site) is None:
        raise UsageError(f"there is no site {site!r}; add it with: python -m app sites add {site}")
    tokens.forget_expired(documents, KEY_KIND)
    return tokens.make(documents, KEY_KIND, {"site": site}, PREFIX)


def rotate(documents: Documents, key_id: str, hours: int = GRACE_HOURS) -> str:
    """Another key in a key's place, shown once as well; the old one works for some hours more, so that no
    event is lost meanwhile.

    Raises UsageError when there is no such key, or it was rotated already; then nothing has changed.
    """
    if not 1 <= hours <= MOST_HOURS:
        raise UsageError(f"a rotated key works for 1 to {MOST_HOURS} hours more, not {hours}")
    old = find_key(documents, key_id)
    if old.expires_at:
        raise UsageError(f"write key {key_id!r} was rotated already, and ends by itself")
    made = make_key(documents, old.site)
    # The new one comes first: whatever happens in between, some key works.
    if not tokens.change(documents, KEY_KIND, key_id, tokens.ends_in(hours)):
        tokens.use_up(documents, KEY_KIND, made)
        raise UsageError(f"somebody else changed write key {key_id!r} at the same time; look, and try again")
    return made


def keys(documents: Documents, site: str | None = None) -> list[WriteKey]:
    """The keys of a site that work, or all, oldest first."""
    return [
        WriteKey(key_id, kept["site"], kept["start"], kept["made_at"], kept.get(tokens.EXPIRES, ""))
        for key_id, kept in tokens.every(documents, KEY_KIND)
        if site in {None, kept["site"]} and not tokens.is_over(kept)
    ]


def find_key(documents: Documents, key_id: str) -> WriteKey:
    """A key that works, by its id. Raises UsageError."""
    found = next((one for one in keys(documents) if one.id == key_id), None)
    if found is None:
        raise UsageError(f"there is no write key {key_id!r}; it was revoked, or never made")
    return found


def revoke(documents: Documents, key_id: str) -> None:
    """Take a key back; within seconds nobody can write with it. Raises UsageError."""
    if not tokens.revoke(documents, KEY_KIND, key_id):
        raise UsageError(f"there is no write key {key_id!r}; it was revoked, or never made")


class Doors:
    """Which site a key or an origin belongs to; looked up at most every few seconds."""

    def __init__(
        self, documents: Documents, seconds: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._documents, self._seconds, self._clock = documents, seconds, clock
        self._lock = Lock()
        self._until = 0.0
        self._sites: dict[str, Site] = {}
        self._keys: dict[str, Mapping[str, Any]] = {}

    def of_key(self, key: str) -> Site | None:
        """The site a write key belongs to; none when the key stopped working."""
        self._look()
        kept = self._keys.get(tokens.hashed(key))
        return self._sites.get(kept["site"]) if kept and not tokens.is_over(kept) else None

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
            self._keys = {hashed: kept.value for hashed, kept in self._documents.list(KEY_KIND)}
            self._until = self._clock() + self._seconds
