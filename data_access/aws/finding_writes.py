"""Writes of findings: many in one transaction, each on condition that nobody wrote it since it was read.

A transaction also takes the next revisions, on condition that they are the next, so that whatever has a
revision is in the table before anything with a greater one is. A write whose answer was lost is repeated, by
botocore, and refused then: what it wrote names it, and so it is known that it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar
from uuid import uuid4

from data_access.aws import finding_items as items
from data_access.aws.finding_state import State
from data_access.aws.finding_table import FindingTable
from data_access.aws.finding_tidy import tidy
from data_access.aws.finding_transaction import Transaction, Write
from data_access.aws.transactions import tried

Result = TypeVar("Result")
_AT_ONCE = 50
"""Findings read before they are written."""
_TRIES = 60


@dataclass(frozen=True)
class Unit(Generic[Result]):
    """What is to be done to a finding: ``step`` says what becomes of it, and what to answer. It is asked
    again when somebody wrote the finding meanwhile."""

    key: str
    step: Callable[[State], tuple[State, Result]]
    writer: str = field(default_factory=lambda: uuid4().hex[:16])


@dataclass(frozen=True)
class _Plan(Generic[Result]):
    place: int
    unit: Unit[Result]
    old: State
    new: State
    result: Result

    @property
    def write(self) -> Write:
        return Write(self.old, self.new, self.unit.writer)


class FindingWrites:
    """Writers of findings. Several may write at once, in any process."""

    def __init__(self, table: FindingTable) -> None:
        self._table = table

    def run(self, units: Sequence[Unit[Result]]) -> list[Result]:
        """Do something to findings, in order; the answers. When botocore gives up, some of it is done: the
        same again completes it."""
        results: dict[int, Result] = {}
        numbered = iter(enumerate(units))
        while chunk := list(islice(numbered, _AT_ONCE)):
            self._run(chunk, results)
        return [results[place] for place in range(len(units))]

    def _run(self, chunk: Sequence[tuple[int, Unit[Result]]], results: dict[int, Result]) -> None:
        states = self.tidied(unit.key for _, unit in chunk)
        waiting: dict[str, _Plan[Result]] = {}
        for place, unit in chunk:
            if unit.key in waiting:
                states |= self._flush(list(waiting.values()), results)
                waiting = {}
            if plan := self._planned(place, unit, states[unit.key], results):
                waiting[unit.key] = plan
        self._flush(list(waiting.values()), results)

    def tidied(self, keys: Iterable[str]) -> dict[str, State]:
        """Findings by key, once what was left by archiving or restoring them is in order."""
        states = self._table.states(keys)
        for key in states:
            while states[key].leaving:
                tidy(self._table, states[key])
                states[key] = self._table.states([key])[key]
        return states

    def _planned(
        self, place: int, unit: Unit[Result], state: State, results: dict[int, Result]
    ) -> _Plan[Result] | None:
        """What to write; None if that is nothing."""
        new, results[place] = unit.step(state)
        if new == state:
            return None
        if new.life != state.life:
            self._write_ahead(new)
        return _Plan(place, unit, state, new, results[place])

    def _write_ahead(self, state: State) -> None:
        """All items of a life that is to begin: nobody reads them before NOW names it."""
        bodies = (item for body in state.bodies for item in items.body_items(state, body))
        self._table.put_all([*items.items_of(state).values(), *bodies])

    def _flush(self, waiting: list[_Plan[Result]], results: dict[int, Result]) -> dict[str, State]:
        """Write what was planned, in as few transactions as hold it; the findings as they are then."""
        written: dict[str, State] = {}
        after, tries = self._table.number("revision") if waiting else 0, 0
        while waiting:
            after = max(after, *(plan.old.revision or 0 for plan in waiting))
            transaction = Transaction(self._table.name, after, [plan.write for plan in waiting])
            group, rest = waiting[: len(transaction.states)], waiting[len(transaction.states) :]
            refused = self._refused(transaction, tries)
            if refused is None:
                written |= transaction.states
                after, tries, waiting = transaction.revision, 0, rest
                continue
            after, tries = transaction.taken(refused), tries + 1
            again = []
            for plan, (is_stale, writer) in zip(group, transaction.fates(refused), strict=True):
                if writer == plan.unit.writer:
                    written[plan.unit.key] = transaction.states[plan.unit.key]
                else:
                    again += self._again(plan, written, results) if is_stale else [plan]
            waiting = [*again, *rest]
        return written

    def _again(
        self, plan: _Plan[Result], written: dict[str, State], results: dict[int, Result]
    ) -> list[_Plan[Result]]:
        """What to write of a finding that was written since it was read; nothing if that was this plan."""
        key = plan.unit.key
        written[key] = self.tidied([key])[key]
        if plan.unit.writer in written[key].writers:
            return []
        new = self._planned(plan.place, plan.unit, written[key], results)
        return [new] if new else []

    def _refused(self, transaction: Transaction, tries: int) -> list[Any] | None:
        """Try a transaction: None when it is made, else why it is not, by action."""
        return tried(self._table.dynamo, transaction.actions, tries, _TRIES, self._table.wait)
