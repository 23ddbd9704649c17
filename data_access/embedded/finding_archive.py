"""Whole findings in SQLite: read in one piece, taken out, put back. Callers hold the transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple

from data_access.archived import PastAlert, PastChange, Seen, Whole
from data_access.embedded import finding_rows as rows
from data_access.finding_steps import restored_alerts, restored_changes
from data_access.findings import Epoch, Scan, Version, Workflow, epochs, version_of

SCHEMA = """
create table if not exists gone (key text primary key, revision integer not null) without rowid;
create index if not exists gone_by_revision on gone (revision);
create table if not exists archived_versions (
    key text not null, updated integer not null, digest text not null, primary key (key, updated, digest)
) without rowid;
"""
IS_ARCHIVED = "select 1 from archived_versions where key = ? and updated = ? and digest = ?"
CLOSED = """
select key from findings
where key > :after and (problem = 0 or status = 'RESOLVED') and status <> 'SUPPRESSED' and updated < :at
    and not exists (select 1 from history where history.key = findings.key and history.at >= :at)
order by key limit :limit
"""
GONE = "select key, revision from gone where revision > ? order by revision limit ?"
_WORKFLOW = "select status, assignee, note, reason, until, version from findings where key = ?"
_BODIES = "select body from versions where key = ? order by updated, digest"
_CHANGES = "select change, at, who, before, after, counts from history where key = ? order by number"
_SEEN = (
    "select id, name, at, who, problem from sightings join scans on id = scan where key = ? order by at, id"
)
_ALERTS = "select epoch, at, sent, attempts, error from alerts where key = ? order by epoch"


def read(db: sqlite3.Connection, key: str) -> Whole | None:
    """All there is of a finding, or None."""
    workflow = db.execute(_WORKFLOW, (key,)).fetchone()
    if workflow is None:
        return None
    return Whole(
        key,
        tuple(rows.unpacked(body) for (body,) in db.execute(_BODIES, (key,)).fetchall()),
        rows.workflow_from(tuple(workflow)),
        tuple(
            PastChange(number, at, by, rows.workflow_of(before), rows.workflow_of(after), bool(counts))
            for number, at, by, before, after, counts in db.execute(_CHANGES, (key,)).fetchall()
        ),
        tuple(
            Seen(Scan(*values), bool(problem)) for *values, problem in db.execute(_SEEN, (key,)).fetchall()
        ),
        tuple(
            PastAlert(epoch, at, bool(sent), attempts, error)
            for epoch, at, sent, attempts, error in db.execute(_ALERTS, (key,)).fetchall()
        ),
    )


def remove(db: sqlite3.Connection, key: str) -> None:
    """Take a finding out. What stays is that it is gone, and which versions: they are known when they come
    in again."""
    text = "insert or ignore into archived_versions select key, updated, digest from versions where key = ?"
    db.execute(text, (key,))
    for table in ("findings", "versions", "history", "sightings", "alerts"):
        db.execute(f"delete from {table} where key = ?", (key,))
    db.execute("insert or replace into gone values (?, ?)", (key, rows.next_revisions(db)))


def newest_gone(db: sqlite3.Connection, key: str) -> tuple[int, str] | None:
    """Time and digest of the newest version of a finding that is in the archive, or None."""
    text = (
        "select updated, digest from archived_versions where key = ?"
        " order by updated desc, digest desc limit 1"
    )
    found: tuple[int, str] | None = db.execute(text, (key,)).fetchone()
    return found


def is_back(db: sqlite3.Connection, key: str) -> None:
    """Note that a finding is there, if it was gone."""
    db.execute("delete from gone where key = ?", (key,))


def put_back(db: sqlite3.Connection, whole: Whole) -> int:
    """Put a finding back, or into what has come of it since: versions, changes, scans and alerts are those
    of both, the workflow is the store's. Returns the versions added. Its spans are to be marked after."""
    known = read(db, whole.key)
    added = sum(_add_version(db, whole, number) for number in range(len(whole.versions)))
    db.execute("delete from archived_versions where key = ?", (whole.key,))
    is_back(db, whole.key)
    both = read_versions(db, whole.key)
    _set_top(db, whole.key, both)
    _put_changes(db, whole, known)
    for seen in whole.seen:
        db.execute(rows.ADD_SCAN, (seen.scan.id, seen.scan.name, seen.scan.at, seen.scan.by))
        db.execute(rows.SEE, (seen.scan.id, whole.key, seen.problem))
    _put_alerts(db, whole.key, epochs(both), [*whole.alerts, *(known.alerts if known else ())])
    return added


def _add_version(db: sqlite3.Connection, whole: Whole, number: int) -> int:
    finding = whole.versions[number]
    version = version_of(finding)
    values = (whole.key, version.at, version.digest, version.problem, version.severity, rows.packed(finding))
    return db.execute(rows.ADD_VERSION, values).rowcount


def read_versions(db: sqlite3.Connection, key: str) -> list[Version]:
    """A finding's versions in order."""
    return [rows.version(values) for values in db.execute(rows.VERSIONS, (key,)).fetchall()]


def _set_top(db: sqlite3.Connection, key: str, versions: list[Version]) -> None:
    ((body,),) = db.execute(rows.NEWEST, (key,)).fetchall()
    db.execute(rows.PUT, rows.columns(rows.unpacked(body)))
    db.execute("update findings set epoch = ? where key = ?", (len(epochs(versions)), key))


def _put_changes(db: sqlite3.Connection, whole: Whole, known: Whole | None) -> None:
    if known is None:
        _set_workflow(db, whole.key, whole.workflow)
    db.execute("delete from history where key = ?", (whole.key,))
    for one in restored_changes(whole, known):
        number = one.number if _is_change(db, one) else 0
        words = (rows.workflow_text(one.before), rows.workflow_text(one.after))
        is_status = one.before.status is not one.after.status
        db.execute(rows.ADD_HISTORY, (number, whole.key, one.at, one.by, *words, is_status, one.counts))


def _is_change(db: sqlite3.Connection, one: PastChange) -> bool:
    """Whether the number is that of the same change in this store: then it can still be undone."""
    found = db.execute(
        "select 1 from changes where number = ? and at = ? and who = ?", (one.number, one.at, one.by)
    )
    return found.fetchone() is not None


def _set_workflow(db: sqlite3.Connection, key: str, workflow: Workflow) -> None:
    db.execute(rows.SET_WORKFLOW, (*rows.workflow_values(workflow), key))


def _put_alerts(
    db: sqlite3.Connection, key: str, opened: Sequence[Epoch], alerts: Sequence[PastAlert]
) -> None:
    db.execute("delete from alerts where key = ?", (key,))
    for one in restored_alerts(opened, alerts):
        db.execute("insert into alerts values (?, ?, ?, ?, ?, ?)", (key, *astuple(one)))
