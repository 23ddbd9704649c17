"""Values of the live path: what the log holds, what was refused, what is counted per minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from data_access.distinct import Sketch

OTHER = "(other)"
"""The value under which the counters put what they no longer keep apart."""


class Reason(StrEnum):
    """Why an event was refused; the whole list, so that refusals can be counted."""

    NOT_AN_EVENT = "not_an_event"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_ALLOWED = "not_allowed"
    BAD_FORMAT = "bad_format"
    BAD_TEXT = "bad_text"
    BAD_NUMBER = "bad_number"
    BAD_TIME = "bad_time"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    UNREADABLE = "unreadable"
    """Accepted once, but what reads the log cannot make an event of it."""


@dataclass(frozen=True, slots=True)
class Record:
    """Accepted events that came together: their places ``first`` to ``last``, when they were written (UTC),
    and their bytes."""

    first: int
    last: int
    written_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken and why. ``body`` is its envelope, so that it can be tried again.

    ``sequence`` is its place in the log where it had been accepted, None where it was turned away; then
    ``minute`` and ``event_type`` say where it counts live, if it does.
    """

    site: str
    reason: Reason
    field: str
    message: str
    body: bytes
    sequence: int | None = None
    minute: int | None = None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused event as it is kept: its number, when it came (UTC), and whether it was replayed since."""

    number: int
    at: datetime
    refused: Refused
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """A request that may come again: its key, a digest of what it asks, and what it is answered."""

    key: str
    digest: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """The sequences given to new records; or, with ``answer``, that the request was kept before."""

    sequences: range
    answer: bytes | None = None


class Sighting(NamedTuple):
    """One logged event as the live layer counts it, in the minute ``minute`` (UTC, minutes since 1970).

    ``session`` and ``visitor`` are stable 63-bit hashes; ``error`` is the message of an error event. A tuple,
    as one is made of every event.
    """

    sequence: int
    site: str
    minute: int
    event_type: str
    session: int | None = None
    visitor: int | None = None
    page: str | None = None
    country: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MinuteCount:
    """What was counted of one site in one minute (UTC, minutes since 1970).

    ``counts`` are events by type; ``last`` grows with every event counted here, in a log of one sequence it
    is the newest's; ``pages``, ``countries`` and ``errors`` count events by value. Sessions and visitors too
    many to be kept one by one are in the sketches, beside those that are. ``changed_at`` is when something
    was counted last (naive UTC), where that is kept.
    """

    site: str
    minute: int
    last: int
    counts: dict[str, int]
    sessions: frozenset[int]
    visitors: frozenset[int]
    pages: dict[str, int]
    countries: dict[str, int]
    errors: dict[str, int]
    session_sketches: tuple[Sketch, ...] = ()
    visitor_sketches: tuple[Sketch, ...] = ()
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log is counted: ``waiting_since`` is when the oldest event came in that is not (naive UTC),
    None when all are. ``head`` is the newest event's sequence and ``offsets`` how far each consumer is, where
    the log is one sequence."""

    waiting_since: datetime | None
    head: int = 0
    offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """Sequences of the log: its newest event, and how far the live counts and the curated lake are."""

    head: int
    live: int
    lake: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What of the live counts a version of the lake has.

    ``holds`` says it of a minute, ``is_counted`` whether all that the version has is counted; ``places`` are
    known where the log is one sequence.
    """

    holds: Callable[[MinuteCount], bool]
    is_counted: bool
    places: Places | None = None
