"""What is looked for in the audit log: downloads, changes and whatever else was noted, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from data_access import moments
from data_access.audit import SPANS, Kept, Record, read
from data_access.model import UsageError

_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One download or change, or one other thing that happened: what it was, and how it ended. One that only
    STARTED goes on still, or nobody could note its end: all of it may have been handed out, or done."""

    begun: Record
    ended: Record | None = None

    @property
    def kind(self) -> str:
        """``export``, ``manifest``, ``change``, or what else happened."""
        kind = self.begun.what.partition(".")[0]
        return kind if kind in SPANS else self.begun.what

    @property
    def records(self) -> list[Record]:
        """Its one or two records, in order."""
        return [self.begun, *([self.ended] if self.ended else [])]

    @property
    def last(self) -> Record:
        """The record that says how it stands."""
        return self.ended or self.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are looked for; empty means any. A row is where it began: from ``since`` on, before
    ``until``. ``text`` is looked for in all of its records, whatever the case."""

    user: str = ""
    subject: str = ""
    kind: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    def holds(self, row: Row) -> bool:
        """Whether it is one of them."""
        begun = row.begun
        return (
            (not self.user or begun.user.casefold() == self.user.casefold())
            and self.subject in ("", begun.subject)
            and self.kind in ("", row.kind)
            and self.outcome in ("", row.last.outcome)
            and (self.since is None or begun.at >= _text_of(self.since))
            and (self.until is None or begun.at < _text_of(self.until))
            and (not self.text or any(self.text.casefold() in one.text.casefold() for one in row.records))
        )

    def is_past(self, record: Record) -> bool:
        """Whether nothing older can be one of them: hosts' clocks differ by less than a day."""
        return self.since is not None and "" < record.at < _text_of(self.since, -moments.DAY)


def _text_of(moment: datetime, later: int = 0) -> str:
    return moments.text(moments.of(moment) + later)


def moment(text: str) -> datetime:
    """A time that people write, in UTC unless it names a zone. Raises UsageError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        why = f"{text[:50]!r} is no time; it takes 2026-11-22 or 2026-11-22T09:30, in UTC"
        raise UsageError(why) from None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and what names the next page; empty for the last."""

    rows: list[Row]
    next: str


Newest = Callable[[int | None], Iterator[Kept]]
"""Records newest first, those before a number or all."""


def page(newest: Newest, wanted: Wanted, limit: int, cursor: str = "") -> Page:
    """The rows that are wanted, newest first, at most ``limit`` of them, from where ``cursor`` says.

    What has a beginning and an end is where it began. Raises UsageError for a cursor that is none.
    """
    before, top = _places(cursor)
    ends: dict[str, Record] = {}
    rows: list[Row] = []
    for kept in newest(top):
        record = read(kept)
        if wanted.is_past(record):
            break
        if record.ends:
            ends[record.id] = record
            continue
        row = Row(begun=record, ended=ends.pop(record.id, None) if record.id else None)
        if (before is not None and record.number >= before) or not wanted.holds(row):
            continue
        if len(rows) == limit:
            return Page(rows, _cursor(rows[-1], [row.ended, *ends.values()]))
        rows.append(row)
    return Page(rows, "")


def _cursor(last: Row, ends: Iterable[Record | None]) -> str:
    """Where the page after ``last`` begins, and from where on to read to know how its rows ended."""
    before = last.begun.number
    return f"{before}.{max([before, *(end.number + 1 for end in ends if end)])}"


def _places(cursor: str) -> tuple[int | None, int | None]:
    if not cursor:
        return None, None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise UsageError("this is no place in the audit log; begin with its first page")
    return int(found[1]), int(found[2])
