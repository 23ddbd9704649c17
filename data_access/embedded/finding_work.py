"""Changes of workflow in SQLite, many findings at a time. Callers hold the transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from data_access.embedded import finding_rows as rows
from data_access.finding_steps import Step, step_of, taken_back
from data_access.findings import Change, Changed, Status, Version, Workflow, open_spans
from data_access.model import UsageError

_AMONG = "from (select value as wanted from json_each(?)) cross join"
"""Looks a list of keys up one after the other, in its order; SQLite would rather read a whole index."""
_WORKFLOWS = f"select key, {rows.WORKFLOW} {_AMONG} findings on key = wanted"
_VERSIONS = (
    f"select key, updated, digest, problem, severity {_AMONG} versions on key = wanted"
    " order by key, updated, digest"
)
_STATUSES = (
    f"select key, at, after {_AMONG} history on key = wanted where is_status and counts order by key, number"
)
_CHANGES = "select key, before, after, counts, number from history where change = ? order by number"
_CHANGES_OF = (
    f"select key, before, after, counts, number {_AMONG} history on key = wanted where +change = ?"
    " order by number"
)
_TAKE_BACK = "update history set counts = 0 where number = ?"
_SET = f"{rows.UPDATE}, spans = coalesce(?, spans), revision = ? where key = ?"


def begin(db: sqlite3.Connection, at: int, by: str, number: int | None = None) -> int:
    """The number of a new change; or that of one begun before. Raises UsageError if there is none."""
    if number is None:
        return int(db.execute("insert into changes (at, who) values (?, ?)", (at, by)).lastrowid or 0)
    if not db.execute("select 1 from changes where number = ?", (number,)).fetchone():
        raise UsageError(f"there is no change {number}")
    return number


def change(
    db: sqlite3.Connection, number: int, versions: Mapping[str, int], wanted: Change, by: str, at: int
) -> Changed:
    """Change findings whose workflow still has the version named."""
    known = workflows(db, versions)
    steps, same, conflicts = [], 0, []
    for key, version in versions.items():
        before = known.get(key)
        if before is None or before.version != version:
            conflicts.append(key)
        elif step := step_of(key, before, wanted):
            steps.append(step)
        else:
            same += 1
    write(db, number, steps, by, at)
    return Changed(number, len(steps), same, tuple(conflicts))


def undo(
    db: sqlite3.Connection, number: int, keys: Collection[str] | None, undoing: int, by: str, at: int
) -> Changed:
    """Take a change back, of all findings or some, where nobody has changed the finding since.

    When a finding was open is then as if the change had never been. Taking back what took back is a change
    like any other.
    """
    found = _changes(db, number, keys)
    known = workflows(db, (key for key, *_ in found))
    steps, conflicts, undone = [], [], []
    for key, before, after, counts, entry in found:
        now = known.get(key)
        if now is None or now != rows.workflow_of(after):
            conflicts.append(key)
            continue
        steps.append(Step(key, now, taken_back(rows.workflow_of(before), now), not counts))
        if counts:
            undone.append((entry,))
    db.executemany(_TAKE_BACK, undone)
    write(db, undoing, steps, by, at)
    return Changed(undoing, len(steps), 0, tuple(conflicts))


def _changes(
    db: sqlite3.Connection, number: int, keys: Collection[str] | None
) -> list[tuple[str, str, str, int, int]]:
    if keys is None:
        return db.execute(_CHANGES, (number,)).fetchall()
    return db.execute(_CHANGES_OF, (_listed(keys), number)).fetchall()


def workflows(db: sqlite3.Connection, keys: Iterable[str]) -> dict[str, Workflow]:
    """The workflows of the findings there are, by key."""
    found = db.execute(_WORKFLOWS, (_listed(keys),)).fetchall()
    return {key: rows.workflow_from(tuple(values)) for key, *values in found}


def write(db: sqlite3.Connection, number: int, steps: Sequence[Step], by: str, at: int) -> None:
    """Write workflows with their history. Findings get the next revisions, in their order, and spans anew
    where the status changed."""
    db.executemany(rows.ADD_HISTORY, [_history(number, step, by, at) for step in steps])
    spans = _spans(db, [step.key for step in steps if step.is_status])
    first = rows.next_revisions(db, len(steps))
    values = [
        (*rows.workflow_values(step.after), spans.get(step.key), first + place, step.key)
        for place, step in enumerate(steps)
    ]
    db.executemany(_SET, values)


def _history(number: int, step: Step, by: str, at: int) -> tuple[Any, ...]:
    before, after = rows.workflow_text(step.before), rows.workflow_text(step.after)
    return number, step.key, at, by, before, after, step.is_status, step.counts


def _spans(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    versions, changes = versions_of(db, keys), statuses_of(db, keys)
    return {key: rows.spans_text(open_spans(versions[key], changes.get(key, []))) for key in keys}


def versions_of(db: sqlite3.Connection, keys: Iterable[str]) -> dict[str, list[Version]]:
    """The versions of findings by key, in order."""
    found = db.execute(_VERSIONS, (_listed(keys),))
    return {key: [rows.version(values) for values in of_key] for key, of_key in _by_key(found)}


def statuses_of(db: sqlite3.Connection, keys: Iterable[str]) -> dict[str, list[tuple[int, Status]]]:
    """The changes of status of findings by key, in order; none of those without any."""
    found = db.execute(_STATUSES, (_listed(keys),))
    return {
        key: [(at, rows.workflow_of(after).status) for at, after in of_key] for key, of_key in _by_key(found)
    }


def _by_key(found: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    """Rows that are in order of their first column, a key, without it."""
    for key, of_key in groupby(found, key=itemgetter(0)):
        yield key, (values[1:] for values in of_key)


def _listed(keys: Iterable[str]) -> str:
    return msgspec.json.encode(list(keys)).decode()
