"""The log in SQLite: records in order, on disk before their writer goes on; writers share an fsync.

Who writes first commits for all who came meanwhile, in one transaction (group commit).
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from threading import Condition, Lock
from time import time
from typing import Any, TypeVar, cast

from data_access.embedded import letters
from data_access.live import Appended, DeadLetter, Once, Record, Refused
from data_access.ports import LogBusy, LogFull, OnceError

CONSUMERS = ("lake", "live")
MAX_WAITING_BYTES = 64 * 1024 * 1024
GROUP_BYTES = 16 * 1024 * 1024
"""Bytes in one transaction: more would make the others wait for long."""
ONCE_HOURS = 24
"""How long the answer to a request that may come again is kept."""

_PAGE_BYTES = 16384
"""A large record takes a third less processor time than in pages of 4096; a small one no more."""

_SCHEMA = """
create table if not exists records (
    last integer primary key, events integer not null, written integer not null, body blob not null
);
create table if not exists consumers (name text primary key, sequence integer not null) without rowid;
create table if not exists once (
    key text primary key, written integer not null, digest blob not null, answer blob not null
) without rowid;
create table if not exists about (key text primary key, value not null) without rowid;
create trigger if not exists records_move_head after insert on records begin
    update about set value = new.last where key = 'head';
end;
"""
_ADD = "insert into records select value + ?1, ?1, ?2, ?3 from about where key = 'head' returning last"
_READ = "select last, events, written, body from records"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class _Job:
    write: Write[Any]
    size: int
    done: bool = False
    result: Any = None
    error: Exception | None = None


class EmbeddedLog:
    """The Log port over one SQLite file (WAL, synchronous=FULL), shared by threads and processes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time) -> None:
        self._path, self._clock = path, clock
        self._db = _connect(path)
        self._reading = Lock()
        with self._reading, self._db:
            self._db.executescript(_SCHEMA + letters.SCHEMA)
            self._db.executemany(
                "insert or ignore into consumers values (?, 0)", [(name,) for name in CONSUMERS]
            )
            self._db.executemany(
                "insert or ignore into about values (?, ?)", [("epoch", token_hex(8)), ("head", 0)]
            )
        ((self._epoch,),) = self._select("select value from about where key = 'epoch'")
        self._waiting: deque[_Job] = deque()
        self._waiting_bytes = 0
        self._changing = Lock()
        self._committing = Lock()
        self._writer: sqlite3.Connection | None = None
        self._appended = Condition()
        self._closed = False

    @property
    def epoch(self) -> str:
        """Which log this is."""
        return str(self._epoch)

    def append(
        self, body: bytes, events: int, refused: Sequence[Refused] = (), once: Once | None = None
    ) -> Appended:
        """Keep a record and refused events; returns once all of it is on disk for good."""
        now = self._now()
        size = len(body) + sum(len(one.body) for one in refused)
        done = self._write(lambda db: _append(db, now, body, events, refused, once), size)
        if done is None:
            raise OnceError("the Idempotency-Key was used for another request before; make a new one")
        if done.sequences:
            self._tell()
        return done

    def read(self, after: int, limit: int) -> list[Record]:
        """Records with events after a sequence, in order: as few as hold ``limit`` events, or all."""
        found: list[Record] = []
        while limit > 0:
            rows = self._select(f"{_READ} where last > ? order by last limit 64", (after,))
            for last, events, written, body in rows:
                found.append(Record(last - events + 1, last, _moment(written), body))
                limit -= last - max(after, last - events)
                after = last
                if limit <= 0:
                    break
            if not rows:
                break
        return found

    def head(self) -> int:
        """The newest record's sequence; 0 when there never was one."""
        ((head,),) = self._select("select value from about where key = 'head'")
        return int(head)

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until there is a record after a sequence; writers in other processes are noticed late."""
        with self._appended:
            if self.head() <= after:
                self._appended.wait(seconds)
        return self.head() > after

    def oldest(self, after: int) -> datetime | None:
        """When the first record after a sequence was written (UTC)."""
        rows = self._select("select written from records where last > ? order by last limit 1", (after,))
        return _moment(rows[0][0]) if rows else None

    def commit(self, consumer: str, sequence: int) -> None:
        """Note that a consumer needs nothing up to a sequence any more. It never goes back."""
        if self.offsets()[consumer] >= sequence:
            return
        text = "update consumers set sequence = max(sequence, ?) where name = ?"
        self._write(lambda db: db.execute(text, (sequence, consumer)).rowcount)

    def offsets(self) -> dict[str, int]:
        """How far each consumer is."""
        return dict(self._select("select name, sequence from consumers"))

    def trim(self, before: datetime) -> int:
        """Forget records written earlier that every consumer has read; how many."""
        return self._write(lambda db: _trim(db, _number(before), self._now()))

    def bury(self, refused: Sequence[Refused]) -> None:
        """Keep accepted records that turned out unreadable; each sequence once."""
        now = self._now()
        self._write(lambda db: letters.add(db, now, refused))

    def letters(self, limit: int, site: str | None = None, *, waiting: bool = False) -> list[DeadLetter]:
        """The newest refused events, newest first."""
        text, values = letters.newest(limit, site, waiting)
        return [letters.letter(row, _moment(row[1])) for row in self._select(text, values)]

    def refusals(self) -> dict[str, int]:
        """How many refused events are kept and not replayed, by reason."""
        return dict(self._select(letters.BY_REASON))

    def unreadable(self, since: int) -> dict[tuple[str, int, str], int]:
        """Accepted events that no event could be made of, though they count live."""
        rows = self._select(letters.UNREADABLE, (since,))
        return {(site, minute, event_type): n for site, minute, event_type, n in rows}

    def replay(self, letters: Mapping[int, bytes]) -> int:
        """Append the bodies of some dead letters, each at most once ever; how many."""
        now = self._now()
        done = self._write(lambda db: _replay(db, now, letters), sum(map(len, letters.values())))
        self._tell()
        return done

    def close(self) -> None:
        """Take no more writes, and let go of the file when those under way are done."""
        with self._changing:
            self._closed = True
        with self._committing:
            if self._writer is not None:
                self._writer.close()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _tell(self) -> None:
        with self._appended:
            self._appended.notify_all()

    def _select(self, text: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._reading:
            return self._db.execute(text, values).fetchall()

    def _write(self, write: Write[T], size: int = 0) -> T:
        """Do it, and return when it is on disk. Raises LogBusy, LogFull."""
        job = _Job(write, size)
        with self._changing:
            if self._closed or self._waiting_bytes + size > MAX_WAITING_BYTES:
                raise LogBusy("too much waits to be written to the log; try again in a moment")
            self._waiting.append(job)
            self._waiting_bytes += size
        while not job.done:
            with self._committing:
                if not job.done:  # else who had the lock before did it
                    self._commit(self._next_group())
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def _commit(self, group: list[_Job]) -> None:
        try:
            if self._writer is None:
                self._writer = _connect(self._path)
            _commit(self._writer, group)
        except Exception as error:  # the waiting must hear of it, whatever it is
            for job in group:
                job.error = _told(error)
        for job in group:
            job.done = True

    def _next_group(self) -> list[_Job]:
        """What waits, up to the size of a group."""
        with self._changing:
            group: list[_Job] = []
            size = 0
            while self._waiting and size < GROUP_BYTES:
                group.append(self._waiting.popleft())
                size += group[-1].size
            self._waiting_bytes -= size
            return group


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    db.execute(f"pragma page_size = {_PAGE_BYTES}")
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    return db


def _commit(db: sqlite3.Connection, group: list[_Job]) -> None:
    db.execute("begin immediate")
    try:
        results = [job.write(db) for job in group]
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    for job, result in zip(group, results, strict=True):
        job.result = result


def _told(error: Exception) -> Exception:
    """What the waiting are told of a failed write."""
    if isinstance(error, sqlite3.OperationalError):
        code = error.sqlite_errorcode & 0xFF
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            return LogFull("there is no room on the disk for the log; free some")
        if code == sqlite3.SQLITE_BUSY:
            return LogBusy("the log is being written to by somebody else; try again in a moment")
    return error


def _append(
    db: sqlite3.Connection, now: int, body: bytes, events: int, refused: Sequence[Refused], once: Once | None
) -> Appended | None:
    """None when the key was used for another request."""
    if once is not None:
        kept = db.execute("select digest, answer from once where key = ?", (once.key,)).fetchone()
        if kept is not None:
            return Appended(range(0), kept[1]) if kept[0] == once.digest else None
        db.execute("insert into once values (?, ?, ?, ?)", (once.key, now, once.digest, once.answer))
    if refused:
        letters.add(db, now, refused)
    return Appended(_add(db, now, body, events))


def _add(db: sqlite3.Connection, now: int, body: bytes, events: int) -> range:
    """In one statement: each is a turn for the interpreter's lock, and others wait for the commit."""
    if not events:
        return range(0)
    ((last,),) = db.execute(_ADD, (events, now, body)).fetchall()
    return range(last - events + 1, last + 1)


def _trim(db: sqlite3.Connection, before: int, now: int) -> int:
    (needed,) = db.execute("select min(sequence) from consumers").fetchone()
    old = "from records where written < ? and last <= ?"
    (events,) = db.execute(f"select coalesce(sum(events), 0) {old}", (before, needed)).fetchone()
    db.execute(f"delete {old}", (before, needed))
    db.execute("delete from once where written < ?", (now - ONCE_HOURS * 3_600_000,))
    letters.trim(db, before)
    return int(events)


def _replay(db: sqlite3.Connection, now: int, bodies: Mapping[int, bytes]) -> int:
    return len([_add(db, now, bodies[number], 1) for number in letters.take(db, bodies)])


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _number(moment: datetime) -> int:
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return int((utc - _EPOCH) / timedelta(milliseconds=1))
