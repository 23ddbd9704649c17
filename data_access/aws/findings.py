"""Findings in DynamoDB: every version, the newest with its workflow, history, scans and alerts to send.

Everything of one finding changes in one transaction; many findings change one after the other. What breaks
off in the middle is completed by doing the same again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from itertools import chain, islice
from typing import Any

from data_access import finding_steps as steps
from data_access.archived import PastChange, Whole
from data_access.aws import finding_items as items
from data_access.aws import finding_state as states
from data_access.aws.clients import Clients
from data_access.aws.finding_items import TABLE
from data_access.aws.finding_reads import FindingReads
from data_access.aws.finding_state import Outcome, State
from data_access.aws.finding_table import FindingTable, Wait
from data_access.aws.finding_transaction import count_scan
from data_access.aws.finding_writes import FindingWrites, Unit
from data_access.findings import (
    Alert,
    Change,
    Changed,
    Finding,
    Row,
    Scan,
    Status,
    Stored,
    checked,
)
from data_access.model import UsageError

__all__ = ["TABLE", "AwsFindings"]
_DIGITS = "0123456789abcdef"


class AwsFindings(FindingReads):
    """The FindingsStore port over one DynamoDB table, shared by threads, processes and hosts."""

    def __init__(self, clients: Clients, begin: str, wait: Wait = time.sleep) -> None:
        super().__init__(FindingTable(clients, begin, wait))
        self._writes = FindingWrites(self._table)

    def store(self, scan: Scan, findings: Sequence[Finding]) -> Stored:
        """Keep findings of a scan, one after the other; the same again completes what broke off. Raises
        ValueError for one that cannot be kept, before any is."""
        wanted = list(findings)
        for finding in wanted:
            items.check(finding)
        known = self._begun(scan)
        units = [Unit(one.key, self._storing(one, known)) for one in wanted]
        return sum(self._writes.run(units), Stored())

    def _storing(self, finding: Finding, scan: Scan) -> Any:
        begin = cache(partial(self._begin, by=steps.PROVIDER))
        return lambda state: states.stored(state, finding, scan, begin)

    def _begun(self, scan: Scan) -> Scan:
        """The scan as it was when it first came in."""
        return items.scan_from(self._table.update(count_scan(scan, 0)["Update"]), scan.id)

    def change(
        self, versions: Mapping[str, int], change: Change, by: str, at: int, number: int | None = None
    ) -> Changed:
        """Change the workflow of findings, by key, whose workflow still has the version named; with
        ``number`` as part of a change begun before. Raises UsageError for a change that cannot be."""
        checked(change, at)
        own = self._begin(at, by) if number is None else self._known(number)

        def unit(key: str, version: int) -> Unit[Outcome]:
            return Unit(key, lambda state: states.changed_state(state, version, change, own, by, at))

        units = [unit(key, version) for key, version in versions.items()]
        return _changed(own, units, self._writes.run(units))

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
        own = self._begin(at, by) if undoing is None else self._known(undoing)
        wanted = self.changed_by(number) if keys is None else list(dict.fromkeys(keys))
        units = [Unit(key, lambda state: states.undone(state, number, own, by, at)) for key in wanted]
        return _changed(own, units, self._writes.run(units))

    def _begin(self, at: int, by: str) -> int:
        """The number of a new change."""
        number = self._table.take("change")
        about = {"at_time": items.number(at), "who": items.text(by)}
        self._table.put_all([items.key_of(items.change_pk(number), "ABOUT") | about])
        return number

    def _known(self, number: int) -> int:
        if self._about(number) is None:
            raise UsageError(f"there is no change {number}")
        return number

    def _about(self, number: int) -> tuple[int, str] | None:
        """When a change was begun and by whom; None if there is no such change."""
        found = self._table.item(items.key_of(items.change_pk(number), "ABOUT"))
        return (int(found["at_time"]["N"]), found["who"]["S"]) if found else None

    def unmute(self, now: int) -> int:
        """End the suppressions that were to last until now; how many."""
        due = list(self.waiting(items.UNMUTE, now + 1))
        versions = {row.key: row.workflow.version for row in self.rows(due) if _is_due(row, now)}
        if not versions:
            return 0
        return self.change(versions, Change(status=Status.NEW), steps.TIMER, now).done

    def alerted(self, alerts: Sequence[Alert], error: str | None) -> None:
        """Note that alerts were sent, or why they were not."""
        told: dict[str, list[int]] = {}
        for alert in alerts:
            told.setdefault(alert.key, []).append(alert.epoch)

        def unit(key: str) -> Unit[None]:
            return Unit(key, lambda state: (states.noted(state, told[key], error), None))

        self._writes.run([unit(key) for key in told])

    def closed_before(self, at: int, after: str, limit: int) -> list[str]:
        """The keys, greater than ``after``, of findings that are closed and that nobody changed since."""
        self._writes.tidied(list(self.waiting(items.TIDY)))
        parts = (self.closed(digit, at, after) for digit in _DIGITS if digit >= after[:1])
        return list(islice(chain.from_iterable(parts), limit))

    def forget(self, whole: Whole) -> bool:
        """Take a finding out if it is still exactly this; False if it is not."""

        def step(state: State) -> tuple[State, bool]:
            if state.row is None or states.whole_of(state, self._table.bodies(state)) != whole:
                return state, False
            return states.forgotten(state), True

        (is_out,) = self._writes.run([Unit(whole.key, step)])
        self._writes.tidied([whole.key])
        return is_out

    def restore(self, whole: Whole) -> int:
        """Put a finding back; of one that is there the workflow stays. Returns the versions added."""

        def step(state: State) -> tuple[State, int]:
            return states.restored(state, self._table.bodies(state), whole, self._is_change)

        (added,) = self._writes.run([Unit(whole.key, step)])
        self._writes.tidied([whole.key])
        return added

    def _is_change(self, one: PastChange) -> bool:
        """Whether the number is that of the same change in this store: then it can still be undone."""
        return bool(one.number) and self._about(one.number) == (one.at, one.by)


def _changed(number: int, units: Sequence[Unit[Outcome]], outcomes: Sequence[Outcome]) -> Changed:
    conflicts = ([unit.key] * one.conflicts for unit, one in zip(units, outcomes, strict=True))
    return Changed(
        number,
        sum(one.done for one in outcomes),
        sum(one.same for one in outcomes),
        tuple(chain.from_iterable(conflicts)),
    )


def _is_due(row: Row, now: int) -> bool:
    workflow = row.workflow
    return workflow.status is Status.SUPPRESSED and workflow.until is not None and workflow.until <= now
