"""Live counters in SQLite: per site and minute, exact under every retry; the offset in the same transaction.

A record counts in an item only if its sequence is beyond the item's last one: the rule that DynamoDB items
follow as well, so that both forms are proven by the same tests.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from data_access.events import EVENT_TYPES
from data_access.gains import MOST_VALUES, Gain, bounded
from data_access.live import MinuteCount, Sighting
from data_access.ports import GapError

_COUNTS = ", ".join(f"n_{kind} integer not null default 0" for kind in EVENT_TYPES)
_SCHEMA = f"""
create table if not exists minutes (
    site text not null, minute integer not null, epoch text not null, last integer not null, {_COUNTS},
    primary key (minute, site, epoch)
) without rowid;
create table if not exists members (
    minute integer not null, site text not null, kind text not null, id integer not null,
    primary key (minute, site, kind, id)
) without rowid;
create table if not exists tallies (
    minute integer not null, site text not null, kind text not null, value text not null, n integer not null,
    primary key (minute, site, kind, value)
) without rowid;
create table if not exists offsets (epoch text primary key, sequence integer not null) without rowid;
"""
_COLUMNS = {
    "minutes": ", ".join(["last", *(f"n_{kind}" for kind in EVENT_TYPES)]),
    "members": "kind, id",
    "tallies": "kind, value, n",
}
_ADD = (
    f"insert into minutes (site, minute, epoch, last, {', '.join(f'n_{kind}' for kind in EVENT_TYPES)})"
    f" values (?, ?, ?, ?{', ?' * len(EVENT_TYPES)})"
    " on conflict do update set last = excluded.last, "
    + ", ".join(f"n_{kind} = n_{kind} + excluded.n_{kind}" for kind in EVENT_TYPES)
)


class EmbeddedCounters:
    """The Counters port over one SQLite file, shared by threads and processes."""

    def __init__(self, path: Path, most_values: int = MOST_VALUES) -> None:
        self._lock, self._most = RLock(), most_values
        self._db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        if isinstance(path, Path):
            path.chmod(0o600)
        self._db.execute("pragma journal_mode = wal")
        # A crash of the machine may take back the last folds with their offset: they are folded again.
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(_SCHEMA)

    def offset(self, epoch: str) -> int:
        """The last sequence of a log that has been folded."""
        with self._lock:
            return self._offset(epoch)

    def fold(self, epoch: str, after: int, last: int, sightings: Sequence[Sighting]) -> int:
        """Count what a log holds between two sequences, each record once; returns the offset now."""
        with self._changing():
            offset = self._offset(epoch)
            if after > offset:
                raise GapError(f"the records {offset + 1} to {after} have not been counted yet")
            for (site, minute), item in self._gains(epoch, sightings).items():
                self._add(epoch, site, minute, item)
            offset = max(offset, last)
            self._db.execute("insert or replace into offsets values (?, ?)", (epoch, offset))
        return offset

    def items(self, since: int) -> dict[tuple[str, int], int]:
        """Every (site, minute) from a minute on, with the last sequence counted there."""
        with self._lock:
            rows = self._db.execute(
                "select site, minute, max(last) from minutes where minute >= ? group by site, minute",
                (since,),
            ).fetchall()
        return {(site, minute): last for site, minute, last in rows}

    def minutes(self, items: Collection[tuple[str, int]]) -> list[MinuteCount]:
        """What was counted of some (site, minute) pairs, by site and minute."""
        with self._lock:
            return [found for item in sorted(items) if (found := self._minute(*item))]

    def _minute(self, site: str, minute: int) -> MinuteCount | None:
        items, members, tallies = (
            self._db.execute(
                f"select {columns} from {table} where minute = ? and site = ?", (minute, site)
            ).fetchall()
            for table, columns in _COLUMNS.items()
        )
        if not items:
            return None
        counts = dict(zip(EVENT_TYPES, map(sum, zip(*(row[1:] for row in items), strict=True)), strict=True))
        of = {
            kind: frozenset(member for k, member in members if k == kind) for kind in ("session", "visitor")
        }
        n = {
            kind: {value: n for k, value, n in tallies if k == kind} for kind in ("page", "country", "error")
        }
        last = max(row[0] for row in items)
        return MinuteCount(
            site, minute, last, counts, of["session"], of["visitor"], n["page"], n["country"], n["error"]
        )

    def expire(self, before: int) -> int:
        """Forget minutes before ``before``; how many."""
        with self._changing():
            done = [
                self._db.execute(f"delete from {table} where minute < ?", (before,)) for table in _COLUMNS
            ]
        return done[0].rowcount

    def _offset(self, epoch: str) -> int:
        row = self._db.execute("select sequence from offsets where epoch = ?", (epoch,)).fetchone()
        return int(row[0]) if row else 0

    def _gains(self, epoch: str, sightings: Iterable[Sighting]) -> dict[tuple[str, int], Gain]:
        """What each item gains: of sightings beyond its last one only."""
        fences: dict[tuple[str, int], int] = {}
        gains: dict[tuple[str, int], Gain] = {}
        for sighting in sightings:
            item = sighting.site, sighting.minute
            if item not in fences:
                fences[item] = self._fence(epoch, *item)
            if sighting.sequence > fences[item]:
                gains.setdefault(item, Gain()).add(sighting)
        return gains

    def _fence(self, epoch: str, site: str, minute: int) -> int:
        row = self._db.execute(
            "select last from minutes where minute = ? and site = ? and epoch = ?", (minute, site, epoch)
        ).fetchone()
        return int(row[0]) if row else 0

    def _add(self, epoch: str, site: str, minute: int, gain: Gain) -> None:
        counts = [gain.types[kind] for kind in EVENT_TYPES]
        self._db.execute(_ADD, (site, minute, epoch, gain.last, *counts))
        self._db.executemany(
            "insert or ignore into members values (?, ?, ?, ?)",
            [(minute, site, kind, member) for kind, member in gain.members],
        )
        self._db.executemany(
            "insert into tallies values (?, ?, ?, ?, ?) on conflict do update set n = n + excluded.n",
            [
                (minute, site, kind, value, n)
                for (kind, value), n in self._bounded(site, minute, gain).items()
            ],
        )

    def _bounded(self, site: str, minute: int, gain: Gain) -> Counter[tuple[str, str]]:
        """The tallies, values beyond the bound put together."""
        kept = self._db.execute(
            "select kind, value from tallies where minute = ? and site = ?", (minute, site)
        ).fetchall()
        return bounded(kept, gain.tallies, self._most)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise
