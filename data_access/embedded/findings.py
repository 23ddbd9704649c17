"""Findings in SQLite: every version, the newest with its workflow, history, scans and alerts to send."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock

from data_access import finding_steps as steps
from data_access.archived import Whole
from data_access.embedded import finding_archive as archive
from data_access.embedded import finding_rows as rows
from data_access.embedded import finding_work as work
from data_access.embedded.files import opened
from data_access.finding_steps import PROVIDER, TIMER
from data_access.findings import (
    Alert,
    Change,
    Changed,
    Entry,
    Finding,
    Kept,
    Row,
    Scan,
    Status,
    Stored,
    Version,
    Workflow,
    checked,
    epochs,
    open_spans,
    version_of,
)

_CACHE_KIB, _WAL_PAGES = 64 * 1024, 16_000
"""Keys are hashes, so every piece of a large change writes all over the indices: their pages stay in memory,
and go from the write-ahead log (64 MB) into the file once for many pieces."""


class EmbeddedFindings:
    """The FindingsStore port over one SQLite file, shared by threads and processes."""

    def __init__(self, path: Path) -> None:
        self._lock, self._read_lock = RLock(), Lock()
        self._db = opened(path)
        self._db.executescript(rows.SCHEMA + archive.SCHEMA)
        self._db.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._db.execute(f"pragma wal_autocheckpoint = {_WAL_PAGES}")
        self._reader = opened(path)  # of its own: readers wait for no writer

    def store(self, scan: Scan, findings: Sequence[Finding]) -> Stored:
        """Keep findings of a scan, all or none."""
        total = Stored()
        with self._changing() as db:
            db.execute(rows.ADD_SCAN, (scan.id, scan.name, scan.at, scan.by))
            for finding in findings:
                db.execute(rows.SEE, (scan.id, finding.key, finding.is_open))
                total += self._store(finding)
        return total

    def _store(self, finding: Finding) -> Stored:
        key, version = finding.key, version_of(finding)
        gone = archive.newest_gone(self._db, key)
        if gone and self._db.execute(archive.IS_ARCHIVED, (key, version.at, version.digest)).fetchone():
            return Stored(same=1)
        values = (key, version.at, version.digest, version.problem, version.severity, rows.packed(finding))
        if not self._db.execute(rows.ADD_VERSION, values).rowcount:
            return Stored(same=1)
        known = _row(self._db, key)
        if known is None and gone and (version.at, version.digest) < gone:
            return Stored(older=1)  # it waits for the finding to be back
        versions = [version] if known is None and gone is None else archive.read_versions(self._db, key)
        newest = versions[-1] == version
        if newest:
            self._db.execute(rows.PUT, rows.columns(finding))
        self._settle(key, known, versions)
        if known is None:
            archive.is_back(self._db, key)
            return Stored(new=1)
        return Stored(newer=1) if newest else Stored(older=1)

    def _settle(self, key: str, known: Row | None, versions: list[Version]) -> None:
        """Bring what follows from the versions up to date: epoch, workflow, spans and alerts."""
        opened = epochs(versions)
        if len(opened) != (known.epoch if known else 0):
            self._db.execute("update findings set epoch = ? where key = ?", (len(opened), key))
        if known is not None and len(opened) > known.epoch and versions[-1].problem:
            self._reopen(key, known.workflow, opened[-1].opened)
        self._mark(key, versions, is_new=known is None)
        due = steps.owed(opened)
        if known is not None:
            self._forget_alerts(key, due)
        self._db.executemany(rows.OWE, [(key, number, at) for number, at in due.items()])

    def _forget_alerts(self, key: str, owed: Collection[int]) -> None:
        """An older version may show that an epoch was not what it seemed."""
        for (number,) in self._db.execute("select epoch from alerts where key = ?", (key,)).fetchall():
            if number not in owed:
                self._db.execute(rows.FORGET_ALERT, (key, number))

    def _reopen(self, key: str, workflow: Workflow, opened: int) -> None:
        """What was resolved is new again; never earlier than what people did last."""
        if workflow.status is Status.RESOLVED:
            at = max(opened, self._statuses(key)[-1][0])
            step = steps.step_of(key, workflow, Change(status=Status.NEW))
            work.write(self._db, work.begin(self._db, at, PROVIDER), [step] if step else [], PROVIDER, at)

    def change(
        self, versions: Mapping[str, int], change: Change, by: str, at: int, number: int | None = None
    ) -> Changed:
        """Change the workflow of findings, by key, whose workflow still has the version named; with
        ``number`` as part of a change begun before. Raises UsageError for a change that cannot be."""
        checked(change, at)
        with self._changing() as db:
            return work.change(db, work.begin(db, at, by, number), versions, change, by, at)

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
        with self._changing() as db:
            return work.undo(db, number, keys, work.begin(db, at, by, undoing), by, at)

    def changed_by(self, number: int) -> list[str]:
        """The keys of the findings a change changed, in order."""
        with self._reading() as db:
            found = db.execute("select key from history where change = ? order by number", (number,))
            return list(dict.fromkeys(key for (key,) in found))

    def unmute(self, now: int) -> int:
        """End the suppressions that were to last until now; how many."""
        with self._changing() as db:
            due = [key for (key,) in db.execute(rows.DUE, (Status.SUPPRESSED, now)).fetchall()]
            if due:
                versions = {key: workflow.version for key, workflow in work.workflows(db, due).items()}
                work.change(db, work.begin(db, now, TIMER), versions, Change(status=Status.NEW), TIMER, now)
        return len(due)

    def get(self, key: str) -> Kept | None:
        """A finding with its workflow, or None."""
        with self._reading() as db:
            row = _row(db, key)
            if row is None:
                return None
            ((body,),) = db.execute(rows.NEWEST, (key,)).fetchall()
        return Kept(row, rows.unpacked(body))

    def named(self, name: str) -> list[str]:
        """The keys of the findings with an id; several when products use the same."""
        with self._reading() as db:
            found = db.execute("select key from findings where id = ? order by key", (name,)).fetchall()
        return [key for (key,) in found]

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """The rows of findings by key, in that order; keys there are not are left out."""
        with self._reading() as db:
            return [row for key in keys if (row := _row(db, key)) is not None]

    def history(self, key: str) -> list[Entry]:
        """What happened to a finding, newest first."""
        with self._reading() as db:
            found = db.execute(rows.HISTORY, (key,)).fetchall()
            versions = archive.read_versions(db, key)
        return rows.entries(found, versions)

    def revision(self) -> int:
        """A number that grows with every change."""
        with self._reading() as db:
            return rows.revision(db)

    def since(self, revision: int, limit: int) -> list[Row]:
        """What lists and figures need of the findings that changed after a revision, in its order."""
        text = f"{rows.SELECT} where revision > ? order by revision limit ?"
        with self._reading() as db:
            found = [rows.row(values) for values in db.execute(text, (revision, limit))]
            left = [steps.gone(*values) for values in db.execute(archive.GONE, (revision, limit))]
        return sorted([*found, *left], key=lambda row: row.revision)[:limit]

    def scans(self) -> list[tuple[Scan, int]]:
        """Every scan with the number of its findings, newest first."""
        with self._reading() as db:
            return [(Scan(*values), count) for *values, count in db.execute(rows.SCANS).fetchall()]

    def of_scan(self, scan_id: str) -> dict[str, bool]:
        """The findings of a scan by key, and whether each was a problem in it."""
        with self._reading() as db:
            found = db.execute("select key, problem from sightings where scan = ?", (scan_id,)).fetchall()
        return {key: bool(problem) for key, problem in found}

    def alerts(self, limit: int) -> list[Alert]:
        """Alerts that have not been sent, oldest first."""
        with self._reading() as db:
            found = db.execute(rows.ALERTS, (Status.SUPPRESSED, limit)).fetchall()
        return [rows.alert(values) for values in found]

    def alerted(self, alerts: Sequence[Alert], error: str | None) -> None:
        """Note that alerts were sent, or why they were not; of all or none."""
        notes = [(error is None, error, alert.key, alert.epoch) for alert in alerts]
        with self._changing() as db:
            db.executemany(rows.ALERTED_NOTE, notes)

    def closed_before(self, at: int, after: str, limit: int) -> list[str]:
        """The keys, greater than ``after``, of findings that are closed and that nobody changed since."""
        with self._reading() as db:
            values = {"at": at, "after": after, "limit": limit}
            return [key for (key,) in db.execute(archive.CLOSED, values).fetchall()]

    def whole(self, key: str) -> Whole | None:
        """All there is of a finding, or None."""
        with self._reading() as db:
            return archive.read(db, key)

    def forget(self, whole: Whole) -> bool:
        """Take a finding out if it is still exactly this; False if it is not."""
        with self._changing() as db:
            if archive.read(db, whole.key) != whole:
                return False
            archive.remove(db, whole.key)
        return True

    def restore(self, whole: Whole) -> int:
        """Put a finding back; of one that is there the workflow stays. Returns the versions added."""
        with self._changing() as db:
            added = archive.put_back(db, whole)
            self._mark(whole.key, archive.read_versions(db, whole.key))
        return added

    def _statuses(self, key: str) -> list[tuple[int, Status]]:
        return work.statuses_of(self._db, [key]).get(key, [])

    def _mark(self, key: str, versions: list[Version], *, is_new: bool = False) -> None:
        """Give a finding its spans anew, and the next revision."""
        spans = open_spans(versions, [] if is_new else self._statuses(key))
        self._db.execute(rows.MARK, (rows.spans_text(spans), rows.next_revisions(self._db), key))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the store for several reads, whoever writes meanwhile."""
        with self._read_lock:
            self._reader.execute("begin")
            try:
                yield self._reader
            finally:
                self._reader.execute("commit")

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise


def _row(db: sqlite3.Connection, key: str) -> Row | None:
    found = db.execute(f"{rows.SELECT} where key = ?", (key,)).fetchone()
    return rows.row(found) if found else None
