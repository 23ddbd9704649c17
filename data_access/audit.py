"""The audit log: who took what away, who changed what, and who signed in. Each record has the hash of the one
before it, so that none can be changed, left out or put in between unnoticed.

What a record holds, how it is hashed and how the chain is checked is in docs/audit.md; no back end has a rule
of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from data_access import moments
from data_access.model import UsageError

VERSION = 1
FIRST = "0" * 64
"""What the first record has for the hash of the one before it."""
MOST_BYTES = 300_000
"""Of a record; DynamoDB takes 400 KB with all that is around it."""
SPANS = frozenset({"export", "manifest", "change"})
"""What has a beginning and an end: a record ``<kind>.started``, and one ``.finished`` or ``.failed``."""
STARTED, FINISHED, FAILED = "started", "finished", "failed"
UNREADABLE = "unreadable"
"""What a record is called whose text is not one: searching goes on, checking the chain says it."""

_LEFT_OUT = "(left out)"
_SECRET_NAME = re.compile(r"pass(word|phrase)?(_hash)?|secret(_key)?|(\w+_)?token|authorization|cookie", re.I)
_SECRET = re.compile(
    r"\$argon2\S*"  # a hash of a password
    r"|\b(?:sg|wk)_[\w-]{24,}"  # keys to read and to write with
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JSON web token
)
_HASH = re.compile(r"[0-9a-f]{64}")


class AuditError(RuntimeError):
    """A record could not be kept, or the log not be read; the message holds no secrets. What the record is
    about must not take place."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose doing it is: ``sites`` None means every site."""

    user: str
    role: str
    sites: frozenset[str] | None = None


COMMAND_LINE = Who("command line", "admin")
"""Whoever runs commands has the data in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be noted.

    ``what`` is ``<kind>.<step>``, as export.started or sign_in.done; ``id`` is shared by the records of one
    download or change; ``subject`` is the question, the file, or what it is about. ``rows``, ``bytes`` and
    ``sha256`` are of what was handed out.
    """

    what: str
    who: Who
    outcome: str
    id: str = ""
    subject: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    bytes: int | None = None
    sha256: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it is kept: its number, its canonical JSON, and the SHA-256 of that."""

    number: int
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of the newest record; without any, 0 and FIRST."""

    number: int = 0
    hash: str = FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it is read; ``at`` is RFC 3339 in UTC, to the millisecond."""

    number: int
    at: str
    what: str
    outcome: str = ""
    id: str = ""
    user: str = ""
    role: str = ""
    sites: tuple[str, ...] | None = None
    subject: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    bytes: int | None = None
    sha256: str = ""
    reason: str = ""
    previous: str = ""
    hash: str = ""
    text: str = ""

    @property
    def ends(self) -> bool:
        """Whether it is the end of something that has a beginning."""
        kind, _, step = self.what.partition(".")
        return kind in SPANS and step != STARTED


def chained(entry: Entry, head: Head, at: int) -> Kept:
    """An entry as the record behind ``head``; ``at`` is in ms since 1970. Raises AuditError for one that is
    too long."""
    who = entry.who
    value = {
        "v": VERSION,
        "number": head.number + 1,
        "at": moments.text(at * 1000),
        "what": entry.what,
        "id": entry.id,
        "user": who.user,
        "role": who.role,
        "sites": None if who.sites is None else sorted(who.sites),
        "subject": entry.subject,
        "parameters": entry.parameters,
        "rows": entry.rows,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "previous": head.hash,
    }
    text = canonical(_plain(value))
    if len(text.encode()) > MOST_BYTES:
        raise AuditError(f"too much to be noted in the audit log: at most {MOST_BYTES:,} bytes; ask for less")
    return Kept(head.number + 1, text, hashed(text))


def canonical(value: Any) -> str:
    """The one text of a JSON value: keys in the order of their code points, no spaces, nothing escaped that
    need not be."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hashed(text: str) -> str:
    """The hash of a record's text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any, name: str = "") -> Any:
    """A value of strings, whole numbers, lists and mappings only, without secrets."""
    if value is not None and _SECRET_NAME.fullmatch(name):
        return _LEFT_OUT
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {_text(key): _plain(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return [_plain(inner) for inner in sorted(value, key=str)]
    return _text(value.isoformat() if isinstance(value, date) else value)


def _text(value: Any) -> str:
    """Text that has a form in UTF-8, without secrets."""
    return _SECRET.sub(_LEFT_OUT, str(value)).encode("utf-8", "replace").decode()


def read(kept: Kept) -> Record:
    """A record's fields. One that is no record is UNREADABLE."""
    try:
        value = json.loads(kept.text)
        sites = value["sites"]
        fields = {name: value[name] for name in _FIELDS} | {"sites": None if sites is None else tuple(sites)}
        return Record(number=kept.number, hash=kept.hash, text=kept.text, **fields)
    except (ValueError, KeyError, TypeError):
        return Record(number=kept.number, at="", what=UNREADABLE, hash=kept.hash, text=kept.text)


_FIELDS = tuple(Record.__dataclass_fields__.keys() - {"number", "hash", "text", "sites"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole chain came to: how many records from the first on are as they were written,
    the first number where one is not (0: none), and why."""

    whole: int
    head: str
    broken: int = 0
    why: str = ""


def verify(records: Callable[[int], Iterable[Kept]], head: Callable[[], Head], noted: str = "") -> Verdict:
    """Walk the chain from the first record to the newest, and on as long as more come.

    ``records`` gives those after a number, in order. ``noted`` is the hash of a head that was noted earlier
    elsewhere: it has to be the hash of a record still. Raises UsageError for one that cannot be.
    """
    if noted and not _HASH.fullmatch(noted):
        raise UsageError("a head is a hash of 64 hexadecimal digits, as audit verify prints it")
    number, previous, known = 0, FIRST, not noted or noted == FIRST
    while True:
        before = number
        for kept in records(number):
            if why := _wrong(kept, number + 1, previous):
                return Verdict(number, previous, number + 1, why)
            number, previous = kept.number, kept.hash
            known = known or previous == noted
        now = head()
        if now.number <= number or before == number:  # else more came meanwhile
            return _ended(number, previous, now, known)


def _wrong(kept: Kept, number: int, previous: str) -> str:
    """What is wrong with a record that should be the one with a number; empty when nothing is."""
    if kept.number != number:
        return "it is missing" if kept.number > number else "something that is no record stands before it"
    if hashed(kept.text) != kept.hash:
        return "it was changed: its text has another hash"
    record = read(kept)
    if record.what == UNREADABLE:
        return "it was changed: it is no record"
    if json.loads(kept.text)["number"] != number:
        return "another record stands in its place"
    if record.previous != previous:
        return "it does not continue the record before it: one of the two was replaced"
    return ""


def _ended(number: int, previous: str, head: Head, known: bool) -> Verdict:
    """The verdict on a chain that is whole in itself."""
    if head.number > number:
        return Verdict(number, previous, number + 1, f"it is missing: {head.number:,} records were written")
    if head.number == 0 < number:
        return Verdict(number, previous, number, "nothing says that it is the last: the head is missing")
    if head.number < number:
        why = "it was added past the log: the head does not know it"
        return Verdict(head.number, previous, head.number + 1, why)
    if head.hash != previous:
        return Verdict(max(number - 1, 0), previous, max(number, 1), "it is not the one the head names")
    if not known:
        return Verdict(number, previous, 1, "no record has the hash noted earlier: the log was written anew")
    return Verdict(number, previous)
