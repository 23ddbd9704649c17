"""The audit log in SQLite: one file of its own, each record on disk before its writer goes on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any

from data_access.audit import AuditError, Entry, Head, Kept, chained
from data_access.embedded.files import opened

_MOST = 2**63 - 1
_LIMIT = "limit 500"
"""Records that are read at a time."""
_SCHEMA = """
create table if not exists records (number integer primary key, text text not null, hash text not null);
create table if not exists head (
    one integer primary key check (one = 1), number integer not null, hash text not null
);
create trigger if not exists records_stay before delete on records begin
    select raise(abort, 'a record of the audit log stays');
end;
create trigger if not exists records_stay_as_they_are before update on records begin
    select raise(abort, 'a record of the audit log stays as it is');
end;
"""
# Whatever somebody put there instead of text must be readable, to be found.
_READ = "select number, cast(text as blob), cast(hash as text) from records"


class EmbeddedAudit:
    """The AuditLog port over one SQLite file (WAL, synchronous=FULL), shared by threads and processes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._lock, self._clock = RLock(), clock
        self._db = opened(path)
        self._db.executescript(_SCHEMA)

    def append(self, entry: Entry) -> int:
        """Keep an entry behind the newest record; its number."""
        with self._lock:
            try:
                return self._append(entry)
            except sqlite3.Error as error:
                raise AuditError(f"the audit log could not be written to ({error})") from error

    def head(self) -> Head:
        """The newest record's number and hash."""
        rows = self._select("select number, hash from head")
        return Head(*rows[0]) if rows else Head()

    def newest(self, before: int | None = None) -> Iterator[Kept]:
        """Records newest first, those before a number or all."""
        below = _MOST if before is None else before
        while rows := self._select(f"{_READ} where number < ? order by number desc {_LIMIT}", (below,)):
            yield from map(_kept, rows)
            below = rows[-1][0]

    def oldest(self, after: int = 0) -> Iterator[Kept]:
        """Records after a number, in order."""
        above = after or -_MOST  # a number below the first would be one that somebody put there
        while rows := self._select(f"{_READ} where number > ? order by number {_LIMIT}", (above,)):
            yield from map(_kept, rows)
            above = rows[-1][0]

    def _append(self, entry: Entry) -> int:
        self._db.execute("begin immediate")  # nobody else writes between looking at the head and moving it
        try:
            kept = chained(entry, self.head(), int(self._clock() * 1000))
            self._db.execute("insert into records values (?, ?, ?)", (kept.number, kept.text, kept.hash))
            self._db.execute("insert or replace into head values (1, ?, ?)", (kept.number, kept.hash))
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        return kept.number

    def _select(self, text: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(text, values).fetchall()
            except sqlite3.Error as error:
                raise AuditError(f"the audit log cannot be read ({error})") from error


def _kept(row: tuple[int, bytes, str]) -> Kept:
    number, text, found = row
    return Kept(number, text.decode("utf-8", "replace"), found)
