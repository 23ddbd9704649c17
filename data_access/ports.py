"""What the rest of the product may ask of a back end: small verbs, no drivers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from data_access import audit
from data_access.archived import Whole
from data_access.findings import Alert, Change, Changed, Entry, Finding, Kept, Row, Scan, Stored
from data_access.live import (
    Appended,
    DeadLetter,
    MinuteCount,
    Once,
    Progress,
    Record,
    Refused,
    Settlement,
    Sighting,
)
from data_access.model import Sql, Version


@dataclass(frozen=True, slots=True)
class CurateResult:
    """What a curation did: raw rows read, events added (duplicates left out), days rewritten."""

    raw_rows: int
    added: int
    days: int


@dataclass(frozen=True, slots=True)
class MaintainResult:
    """What maintenance did: days compacted, files before and after, snapshots and files removed."""

    days_compacted: int
    files_before: int
    files_after: int
    snapshots_expired: int
    orphans_deleted: int
    bytes_freed: int


class Lake(Protocol):
    """Raw and curated tables. Every write is one atomic commit."""

    def append(self, events: pa.Table) -> None:
        """Add canonical events (EVENT_SCHEMA) to the raw table in one commit."""

    def ingested(self, prefix: str) -> dict[str, int]:
        """Raw batches whose ingest_id starts with ``prefix``, with their row counts."""

    def curate(self) -> CurateResult:
        """Bring events, sessions and orders up to date with the raw table, in one visible step."""

    def maintain(self, now: datetime) -> MaintainResult:
        """Compact days closed before ``now``, expire old snapshots, sweep files no snapshot names."""

    def snapshot(self) -> Version:
        """The current data version; cheap enough to ask before every question."""

    def scan_bytes(self, sql: Sql, version: Version) -> int:
        """About how many bytes answering a question reads, never far too few, without asking the engine."""

    def health(self) -> dict[str, Any]:
        """Tables with rows, files, bytes, snapshots and what waits for curation, for `doctor`."""


class LogLake(Protocol):
    """A raw table that a consumer of the log in this process writes."""

    def append_log(self, events: pa.Table, epoch: str, after: int, last: int) -> bool:
        """Add what a log holds between two sequences, ``after`` excluded, in one commit that also notes
        ``last``. False, and nothing added, when the lake does not hold the log up to exactly ``after``."""

    def log_offset(self, epoch: str) -> int:
        """The last sequence of a log that the raw table holds; 0 at first."""


Scanned = Callable[[int], None]


def ignored(_bytes: int) -> None:
    """For who does not want to know how much was read."""


class Warehouse(Protocol):
    """Runs questions over one whole snapshot of the curated tables."""

    engine: str
    sorts_any_size: bool
    """Whether it streams an answer of any size in its order without holding it in this process' memory."""

    def table(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> pa.Table:
        """The whole answer; ``scanned`` is told the bytes read where the engine knows them.

        Raises QueryError when it fails or takes too long.
        """

    def schema(self, sql: Sql, version: Version) -> pa.Schema:
        """The answer's columns and types, without computing it."""

    def stream(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> Iterator[pa.RecordBatch]:
        """The answer in record batches, with memory bounded by the batch size; ``scanned`` is told what
        ``table`` would tell it, once the stream has ended or is closed."""


class Cache(Protocol):
    """Answers by key; one computation per key at a time, over all threads and processes."""

    def get_or_compute(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        """The table kept under ``key``, else ``compute()``'s; True when it was there already."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored value and its version, which compare-and-set takes."""

    value: Mapping[str, Any]
    version: int


class Documents(Protocol):
    """Small JSON documents by kind and key, with compare-and-set."""

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
        """Write if the stored version is ``expected`` (None: must not exist yet); False if it is not."""

    def delete(self, kind: str, key: str, expected: int) -> bool:
        """Delete if the stored version is ``expected``; False if it is not."""

    def list(self, kind: str) -> list[tuple[str, Document]]:
        """Every document of a kind, by key."""


class AuditLog(Protocol):
    """What must be known later, in a chain of records without gap or fork, however many write at once."""

    def append(self, entry: audit.Entry) -> int:
        """Keep an entry behind the newest record; its number, from 1 on. It is kept for good when this
        returns. Raises audit.AuditError when it is not, or nobody knows."""

    def head(self) -> audit.Head:
        """The newest record's number and hash, as noted when it was written."""

    def newest(self, before: int | None = None) -> Iterator[audit.Kept]:
        """Records newest first, those before a number or all. Raises audit.AuditError."""

    def oldest(self, after: int = 0) -> Iterator[audit.Kept]:
        """Records after a number, in order. Raises audit.AuditError."""


class QueryError(RuntimeError):
    """A query failed or was cancelled; the message is safe to show and holds no SQL."""


class Intake(Protocol):
    """Takes events into a log, and keeps those that were refused."""

    def append(
        self, body: bytes, events: int, refused: Sequence[Refused] = (), once: Once | None = None
    ) -> Appended:
        """Keep a record of ``events`` events, none if that is 0, and refused ones; returns once all of it is
        kept for good.

        With ``once``, a request whose key was kept before changes nothing and gets its first answer.
        Raises LogFull when the disk is, LogBusy when too much waits already, OnceError when the key came
        with another request before; then nothing was acknowledged, and nothing was kept, or may be kept
        twice if it is sent again.
        """

    def bury(self, refused: Sequence[Refused]) -> None:
        """Keep accepted events that turned out unreadable; each sequence once, however often it is tried."""

    def letters(self, limit: int, site: str | None = None, *, waiting: bool = False) -> list[DeadLetter]:
        """The newest refused events, newest first; with ``waiting`` only those not replayed."""

    def refusals(self) -> dict[str, int]:
        """How many refused events are kept and not replayed, by reason."""

    def unreadable(self, since: int) -> dict[tuple[str, int, str], int]:
        """Accepted events that no event could be made of, though they count live: how many by site, minute
        (from ``since`` on, minutes since 1970) and event type."""

    def replay(self, letters: Mapping[int, bytes]) -> int:
        """Append the bodies of some dead letters, an event each, at most once ever; how many."""


class Redrive(Intake, Protocol):
    """An intake with a queue for what its log does not take at once."""

    def redriven(self, message: str) -> bool:
        """Bring a message of the queue into the log; False when it has to wait."""


class LogTail(Protocol):
    """What came in last, for people to look at."""

    def head(self) -> int:
        """The newest record's place; it grows."""

    def read(self, after: int, limit: int) -> list[Record]:
        """Records with events behind a place, in order: as few as hold ``limit`` events, or all."""

    def letters(self, limit: int, site: str | None = None, *, waiting: bool = False) -> list[DeadLetter]:
        """The newest refused events, newest first; with ``waiting`` only those not replayed."""


class Following(Protocol):
    """How far those are who read the log."""

    def progress(self) -> Progress:
        """How far it is counted."""

    def settlement(self, version: Version) -> Settlement:
        """What of the live counts, as they are or will be read, a version of the lake has."""


class Log(Intake, Protocol):
    """What was accepted, in order and on disk; and what was refused.

    Every event has a sequence; a record holds events that came together. Consumers read the log, each up to
    an offset of its own; records are kept until all have read them.
    """

    @property
    def epoch(self) -> str:
        """Which log this is: another one begins its sequence anew."""

    def read(self, after: int, limit: int) -> list[Record]:
        """Records with events after a sequence, in order: as few as hold ``limit`` events, or all."""

    def head(self) -> int:
        """The newest event's sequence; 0 when there never was one."""

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until there is an event after a sequence, at most ``seconds``; whether there is."""

    def oldest(self, after: int) -> datetime | None:
        """When the first event after a sequence was written (UTC); None when there is none."""

    def commit(self, consumer: str, sequence: int) -> None:
        """Note that a consumer needs nothing up to a sequence any more. It never goes back."""

    def offsets(self) -> dict[str, int]:
        """How far each consumer is."""

    def trim(self, before: datetime) -> int:
        """Forget records written earlier that every consumer has read; how many events."""


class LogBusy(RuntimeError):
    """Too many writes are waiting; nothing was kept. Try again in a moment."""


class LogFull(RuntimeError):
    """There is no room on the disk; nothing was kept."""


class OnceError(RuntimeError):
    """The key of a request that may come again was used for another request before."""


class Counters(Protocol):
    """Live counts per minute, exact however often and by however many writers records are folded."""

    def offset(self, epoch: str) -> int:
        """The last sequence of a log that has been folded."""

    def fold(self, epoch: str, after: int, last: int, sightings: Sequence[Sighting]) -> int:
        """Count what a log holds between two sequences, ``after`` excluded; returns the offset now.

        A record that was counted before is left out. Raises GapError when records before ``after`` have not
        been folded yet.
        """

    def items(self, since: int) -> dict[tuple[str, int], int]:
        """Every (site, minute) from a minute on (minutes since 1970), and the last sequence in it."""

    def minutes(self, items: Collection[tuple[str, int]]) -> list[MinuteCount]:
        """What was counted of some (site, minute) pairs, by site and minute."""

    def expire(self, before: int) -> int:
        """Forget minutes before ``before`` (minutes since 1970); how many."""


class GapError(RuntimeError):
    """Records before those to be folded have not been folded: read on from the offset."""


class FindingsStore(Protocol):
    """Findings: every version a provider sent, the newest on top, and what people made of them.

    A finding's newest version is that with the latest time, of equal times that with the greater digest: in
    whatever order versions come, and however often, the same is kept. Storing never changes a workflow but by
    the one rule that a problem that comes back reopens what was resolved.
    """

    def store(self, scan: Scan, findings: Sequence[Finding]) -> Stored:
        """Keep findings of a scan: all, or the same again completes it."""

    def change(
        self, versions: Mapping[str, int], change: Change, by: str, at: int, number: int | None = None
    ) -> Changed:
        """Change the workflow of findings, by key, whose workflow still has the version named; with
        ``number`` as part of a change begun before. Raises UsageError for a change that cannot be."""

    def undo(
        self,
        number: int,
        by: str,
        at: int,
        keys: Collection[str] | None = None,
        undoing: int | None = None,
    ) -> Changed:
        """Take a change back, of all findings or some, where nobody has changed the finding since; with
        ``undoing`` as part of a change begun before."""

    def changed_by(self, number: int) -> list[str]:
        """The keys of the findings a change changed, in order."""

    def unmute(self, now: int) -> int:
        """End the suppressions that were to last until now; how many."""

    def get(self, key: str) -> Kept | None:
        """A finding with its workflow, or None."""

    def named(self, name: str) -> list[str]:
        """The keys of the findings with an id; several when products use the same."""

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """The rows of findings by key, in that order; keys there are not are left out."""

    def history(self, key: str) -> list[Entry]:
        """What happened to a finding, newest first."""

    def revision(self) -> int:
        """A number that grows with every change."""

    def since(self, revision: int, limit: int) -> list[Row]:
        """What lists and figures need of the findings that changed after a revision, in its order."""

    def scans(self) -> list[tuple[Scan, int]]:
        """Every scan with the number of its findings, newest first."""

    def of_scan(self, scan_id: str) -> dict[str, bool]:
        """The findings of a scan by key, and whether each was a problem in it."""

    def alerts(self, limit: int) -> list[Alert]:
        """Alerts that have not been sent, oldest first."""

    def alerted(self, alerts: Sequence[Alert], error: str | None) -> None:
        """Note that alerts were sent, or why they were not: of all, or the same again completes it."""

    def closed_before(self, at: int, after: str, limit: int) -> list[str]:
        """The keys after ``after`` of findings that are closed, not suppressed, not changed since."""

    def whole(self, key: str) -> Whole | None:
        """All there is of a finding, or None."""

    def forget(self, whole: Whole) -> bool:
        """Take a finding out if it is still exactly this; its versions stay known, should they come again."""

    def restore(self, whole: Whole) -> int:
        """Put a finding back; of one that is there the workflow stays. Returns the versions added."""


@dataclass(frozen=True, slots=True)
class FindingsPage:
    """Some findings as their source answers them, JSON, one a line, and the token of the next page; empty for
    the last."""

    body: bytes
    token: str


class FindingsSource(Protocol):
    """Where findings can be asked for."""

    def pages(self, since: int | None, until: int, token: str = "") -> Iterator[FindingsPage]:
        """Pages of findings that were updated between two times (UTC µs), all without ``since``; a token
        goes on with the page after the one it came with.

        Raises PageLostError for a token that is no longer known, else SourceError.
        """


class SourceError(RuntimeError):
    """Findings could not be asked for; the message says what to do and holds no secrets."""


class PageLostError(SourceError):
    """The source no longer knows where a page ended: begin with the first."""


class AlertError(RuntimeError):
    """Alerts could not be handed over; the message holds no secrets."""


class Alerts(Protocol):
    """Where people are told."""

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Hand over one message with alerts, worst first; ``more`` wait for the next. Raises AlertError."""
