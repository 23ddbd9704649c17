"""Refused events in SQLite, beside the log, so that both change in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from data_access.live import DeadLetter, Reason, Refused

MOST_TURNED_AWAY = 100_000
"""Events turned away that are kept; the oldest go first. Those accepted once are never dropped."""

SCHEMA = """
create table if not exists letters (
    number integer primary key autoincrement, at integer not null, site text not null, reason text not null,
    field text not null, message text not null, body blob not null, sequence integer unique,
    minute integer, event_type text, replayed integer not null default 0
);
create index if not exists letters_of_site on letters (site, number);
create index if not exists letters_waiting on letters (replayed, reason);
"""

BY_REASON = "select reason, count(*) from letters where replayed = 0 group by reason order by reason"
UNREADABLE = (
    "select site, minute, event_type, count(*) from letters"
    " where sequence is not null and minute >= ? group by 1, 2, 3"
)


def add(db: sqlite3.Connection, now: int, refused: Iterable[Refused]) -> None:
    """Keep refused events; a sequence that is there already stays as it is."""
    db.executemany(
        "insert or ignore into letters (at, site, reason, field, message, body, sequence, minute, event_type)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (now, r.site, str(r.reason), r.field, r.message, r.body, r.sequence, r.minute, r.event_type)
            for r in refused
        ],
    )


def newest(limit: int, site: str | None, waiting: bool) -> tuple[str, tuple[Any, ...]]:
    """The query for the newest letters, and its values."""
    wanted = [("site = ?", site)] if site is not None else []
    wanted += [("replayed = ?", 0)] if waiting else []  # type: ignore[list-item]
    where = " where " + " and ".join(text for text, _ in wanted) if wanted else ""
    values = tuple(value for _, value in wanted)
    return f"select * from letters{where} order by number desc limit ?", (*values, limit)


def letter(row: Sequence[Any], at: datetime) -> DeadLetter:
    """A row as a dead letter."""
    number, _, site, reason, *rest, replayed = row
    return DeadLetter(number, at, Refused(site, Reason(reason), *rest), bool(replayed))


def take(db: sqlite3.Connection, numbers: Iterable[int]) -> list[int]:
    """Mark letters as replayed; those that were not yet."""
    text = "update letters set replayed = 1 where number = ? and replayed = 0"
    return [number for number in sorted(numbers) if db.execute(text, (number,)).rowcount]


def trim(db: sqlite3.Connection, before: int) -> None:
    """Forget old letters that were replayed or never accepted, and all but the newest of the latter."""
    db.execute("delete from letters where at < ? and (replayed = 1 or sequence is null)", (before,))
    db.execute(
        "delete from letters where sequence is null and number <= (select max(number) from letters) - ?",
        (MOST_TURNED_AWAY,),
    )
