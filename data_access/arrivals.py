"""What came in last of a site, just as it was sent: accepted events from the log's tail, and refused ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import msgspec

from data_access.events import EVENT_TYPES
from data_access.live import DeadLetter, Reason, Record
from data_access.ports import Counters, LogTail
from data_access.privacy import MASK, masked_json, masked_text
from data_access.realtime import moment_of
from data_access.records import UNREADABLE, Envelope, opened

MOST = 100
"""Events of a site that are kept in mind, of the accepted ones and of the refused ones."""
LOOKED_AT = 2_000
"""How far back from its end the log is read, in events of all sites."""
MOST_CHARACTERS = 8_000
"""How much of an event's JSON is kept in mind."""
_STEP = 250
_MOST_SITES = 32
_SHORT = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an event was refused: reason, field and what to do; and whether it was taken in since."""

    reason: Reason
    field: str
    message: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it was sent, and when it was received (naive UTC).

    ``key`` names it among all, also when it is refused later. ``name``, ``kind`` (its type), ``page`` (a
    path), ``session`` and ``client`` are empty where it has none; ``text`` is its JSON, indented, and
    ``cut`` the characters that are left out of it. ``problem`` is None where it was accepted.
    """

    key: str
    at: datetime
    name: str
    kind: str
    page: str
    session: str
    client: str
    text: str
    cut: int = 0
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest events of a site, newest first, at most MOST of each kind.

    Accepted ones older than ``since`` (naive UTC) were not looked for; None where all of the log was read.
    """

    accepted: tuple[Arrival, ...] = ()
    refused: tuple[Arrival, ...] = ()
    since: datetime | None = None

    @property
    def mixed(self) -> tuple[Arrival, ...]:
        """The newest of both, over a time of which both are known."""
        refused = (one for one in self.refused if self.since is None or one.at >= self.since)
        return tuple(sorted([*refused, *self.accepted], key=lambda one: one.at, reverse=True)[:MOST])


@dataclass(frozen=True, slots=True)
class _Kept:
    """A tail, and what it was made of: the log's head and the number of the site's newest dead letter."""

    tail: Tail
    head: int
    letter: int


class Arrivals:
    """Tails of the log by site, shared by all who look. What was read once is not read again."""

    def __init__(self, log: LogTail) -> None:
        self._log = log
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def latest(self, site: str) -> Tail:
        """The newest events of a site. The same object as before where nothing has come."""
        with self._lock:
            head = self._log.head()
            newest = self._log.letters(1, site)
            letter = newest[0].number if newest else 0
            kept = self._kept.pop(site, None)
            if kept is None or (kept.head, kept.letter) != (head, letter):
                kept = _Kept(self._read(site, head, kept), head, letter)
            self._kept[site] = kept
            if len(self._kept) > _MOST_SITES:
                self._kept.popitem(last=False)
            return kept.tail

    def _read(self, site: str, head: int, kept: _Kept | None) -> Tail:
        """A new tail: what came since an older one, and that one's events."""
        letters = self._log.letters(MOST, site)
        gone = {_key(letter.refused.sequence) for letter in letters if letter.refused.sequence is not None}
        floor = max(head - LOOKED_AT, 0)
        joins = kept is not None and kept.head >= floor
        found, since = self._accepted(site, head, kept.head if kept and joins else floor)
        if kept and joins:
            found, since = found + list(kept.tail.accepted), kept.tail.since
        accepted = [one for one in found if one.key not in gone][:MOST]
        if len(found) >= MOST:
            since = accepted[-1].at if accepted else since
        refused = tuple(map(_refused, letters))
        return _same(kept, Tail(tuple(accepted), refused, since))

    def _accepted(self, site: str, head: int, after: int) -> tuple[list[Arrival], datetime | None]:
        """Events of a site between two sequences, newest first and at most MOST; and when the oldest event
        of any site was written that was looked at, if there may be older ones."""
        found: list[Arrival] = []
        until, since = head, None
        while until > after and len(found) < MOST:
            records = self._log.read(max(until - _STEP, after), _STEP)
            records = [record for record in records if record.last <= until]
            if not records:
                return found, None
            for record in reversed(records):
                found += reversed(_events(record, site))
            until, since = records[0].first - 1, records[0].written_at
        return found[:MOST], since if until > 0 else None


def masked(arrival: Arrival, names: frozenset[str]) -> Arrival:
    """An event without who sent it, for those who may not see that; ``names`` as in ``privacy``.

    One that was cut cannot be looked through: nothing of it is left.
    """
    session, client = (MASK if text else "" for text in (arrival.session, arrival.client))
    text = MASK if arrival.cut else arrival.text and masked_json(arrival.text, names, indent=2)
    return replace(
        arrival, session=session, client=client, text=text, page=masked_text("", arrival.page, names)
    )


def counted(counters: Counters, site: str) -> tuple[datetime, datetime] | None:
    """The first and the last minute (naive UTC) of which events of a site are counted live; None without."""
    minutes = [minute for name, minute in counters.items(0) if name == site]
    return (moment_of(min(minutes)), moment_of(max(minutes))) if minutes else None


def _same(kept: _Kept | None, tail: Tail) -> Tail:
    """The older tail where the newer one says the same."""
    if kept is None or (kept.tail.accepted, kept.tail.refused) != (tail.accepted, tail.refused):
        return tail
    return kept.tail


Fields = Mapping[str, msgspec.Raw]

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _opened(body: bytes) -> Envelope | None:
    try:
        return opened(body)
    except UNREADABLE:
        return None


def _events(record: Record, site: str) -> list[Arrival]:
    """The accepted events of a record, if they are of the site, in order; the last MOST of them."""
    found = _opened(record.body)
    if found is None or found.head.site != site:
        return []
    numbered = list(zip(range(record.first, record.last + 1), found.kept(), strict=False))[-MOST:]
    return [
        _arrival(_key(sequence), record.written_at, event, found.head.clickstream)
        for sequence, (event, _) in numbered
    ]


def _refused(letter: DeadLetter) -> Arrival:
    found = _opened(letter.refused.body)
    event = bytes(found.batch.events[0]) if found and found.batch.events else b""
    of = letter.refused
    # One that is taken in later on is drawn anew.
    key = f"l{letter.number}{'r' if letter.replayed else ''}"
    problem = Problem(of.reason, of.field, of.message, letter.replayed)
    return _arrival(key, letter.at, event, bool(found and found.head.clickstream), problem)


def _key(sequence: int) -> str:
    return f"s{sequence}"


def _arrival(
    key: str, at: datetime, event: bytes, clickstream: bool, problem: Problem | None = None
) -> Arrival:
    fields = _fields(event)
    name, kind = _named(fields, clickstream)
    text = _indented(event)
    return Arrival(
        key,
        at,
        name,
        kind,
        _page(fields),
        _text(fields, "sessionId", "session_id"),
        _text(fields, "clientId", "client_id"),
        text[:MOST_CHARACTERS],
        max(len(text) - MOST_CHARACTERS, 0),
        problem,
    )


def _fields(event: Any) -> Fields:
    """The members of a JSON object, not looked into; none where it is no object."""
    try:
        return _FIELDS.decode(event)
    except UNREADABLE:
        return {}


def _text(fields: Fields, *names: str) -> str:
    """The first of some members that is a text or a whole number."""
    return next((text for name in names if name in fields and (text := _plain(fields[name]))), "")


def _plain(raw: msgspec.Raw) -> str:
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE:
        return ""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value)[:_SHORT] if whole or isinstance(value, str) else ""


def _named(fields: Fields, clickstream: bool) -> tuple[str, str]:
    """An event's name and type, by either contract."""
    name, kind = _text(fields, "eventName"), _text(fields, "event_type")
    if clickstream or (name and not kind):
        return name, name if name in EVENT_TYPES else "custom" if name else ""
    own = _text(_inside(fields), "name") if kind == "custom" else ""
    return own or kind, kind


def _inside(fields: Fields) -> Fields:
    return _fields(fields["properties"]) if "properties" in fields else {}


def _page(fields: Fields) -> str:
    """The path of the page; an address that cannot be read as it is."""
    address = _text(fields, "pageUrl") or _text(_inside(fields), "page")
    try:
        return urlsplit(address).path or address
    except ValueError:
        return address


def _indented(event: bytes) -> str:
    with suppress(*UNREADABLE):
        event = msgspec.json.format(event, indent=2)
    return event.decode("utf-8", "replace")
