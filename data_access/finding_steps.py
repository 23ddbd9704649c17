"""What every store makes of a finding: a change of workflow, its history, its alerts, and one that comes back
from the archive. Values only; stores keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from data_access.archived import PastAlert, PastChange, Whole
from data_access.findings import (
    Change,
    Compliance,
    Entry,
    Epoch,
    Row,
    Severity,
    Status,
    Version,
    Workflow,
    changed,
)

PROVIDER, TIMER, RESTORER = "provider", "timer", "archive"
"""Who changed a workflow where nobody did: a problem that came back, a suppression that ended, a restored
finding that met a newer one."""
CACHED = 1024
"""Workflows most findings share are made once."""
_FOREVER = 2**63


@dataclass(frozen=True, slots=True)
class Step:
    """A finding's workflow before a change and after it, its version already one higher. One that does not
    count makes as if the change before had never been."""

    key: str
    before: Workflow
    after: Workflow
    counts: bool = True

    @property
    def is_status(self) -> bool:
        """Whether the status is another one."""
        return self.before.status is not self.after.status


def step_of(key: str, before: Workflow, wanted: Change) -> Step | None:
    """What a change makes of a workflow, None where it is as wanted already."""
    after = _after(before, wanted)
    return Step(key, before, after) if after else None


@lru_cache(CACHED)
def _after(before: Workflow, wanted: Change) -> Workflow | None:
    """A workflow after a change, None if it is as wanted already."""
    after = changed(before, wanted)
    return None if after == before else replace(after, version=before.version + 1)


@lru_cache(CACHED)
def taken_back(before: Workflow, now: Workflow) -> Workflow:
    """A workflow as it was before a change, to come after the one there is now."""
    return replace(before, version=now.version + 1)


def timeline(changes: Iterable[Entry], versions: Sequence[Version]) -> list[Entry]:
    """A finding's history, newest first, from the changes of its workflow and its versions in order."""
    found = list(changes)
    was: bool | None = None
    for one in versions:
        before = {} if was is None else {"problem": was}
        after = {"problem": one.problem, "severity": one.severity, "digest": one.digest}
        found.append(Entry(one.at, PROVIDER, "version", before, after))
        was = one.problem
    return sorted(found, key=lambda entry: entry.at, reverse=True)


_NOTHING = (
    *("",) * 9,
    *(0, 0, 0),
    *(Severity.INFORMATIONAL, Compliance.NOT_AVAILABLE, False, False, (), (), Workflow()),
)
"""What a row says of a finding that is gone."""


def gone(key: str, revision: int) -> Row:
    """The row of a finding that has left the store."""
    return Row._make((key, revision, *_NOTHING, True))


def owed(opened: Sequence[Epoch]) -> dict[int, int]:
    """The epochs people are to be told of, by number (from 1), and when each opened (UTC µs)."""
    return {number: epoch.opened for number, epoch in enumerate(opened, 1) if epoch.alerted}


def restored_alerts(opened: Sequence[Epoch], alerts: Sequence[PastAlert]) -> list[PastAlert]:
    """An alert for every epoch that is owed one; sent if it was sent by whatever number it had then."""
    due, found = owed(opened), []
    ends = [*(epoch.opened for epoch in opened[1:]), _FOREVER]
    for number, at in due.items():
        told = [one for one in alerts if at <= one.at < ends[number - 1]]
        best = max(told, key=lambda one: (one.sent, one.attempts), default=None)
        state = (best.sent, best.attempts, best.error) if best else (False, 0, None)
        found.append(PastAlert(number, at, *state))
    return found


def restored_changes(whole: Whole, known: Whole | None) -> list[PastChange]:
    """The archive's changes, then the store's. Where the two do not meet, a change says so."""
    if known is None:
        return list(whole.changes)
    newer = [one for one in known.changes if one not in whole.changes]
    return [*whole.changes, *_bridge(whole, known, newer), *newer]


def _bridge(whole: Whole, known: Whole, newer: Sequence[PastChange]) -> list[PastChange]:
    """The change from the archive's workflow to the one the store began with, if they differ."""
    start = newer[0].before if newer else known.workflow
    if start.status is whole.workflow.status or not whole.changes:
        return []
    mine = {one.digest for one in whole.versions}
    since = [one.updated for one in known.versions if one.digest not in mine]
    at = max(min(since, default=0), whole.changes[-1].at)
    return [PastChange(0, at, RESTORER, whole.workflow, start)]


def statuses(changes: Iterable[PastChange]) -> list[tuple[int, Status]]:
    """The changes of status that count, in order: when (UTC µs), and to what."""
    return [
        (one.at, one.after.status)
        for one in changes
        if one.counts and one.before.status is not one.after.status
    ]


def workflow_entry(at: int, by: str, before: Mapping[str, object], after: Mapping[str, object]) -> Entry:
    """A change of workflow as a line of the history."""
    return Entry(at, by, "workflow", before, after)
