"""What lists and figures of findings are made from: columns in memory, brought up to date from any store.

Half a million findings take some 400 MB and every figure some tens of milliseconds. Rows are only ever added
or changed in place, so a row's number stays good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Literal

import numpy as np

from data_access.finding_columns import (
    FIELDS,
    SEVERITIES,
    STANDARDS,
    TIMES,
    Columns,
    Marks,
    Numbers,
    Rows,
)
from data_access.findings import Compliance, Severity, Status
from data_access.model import UsageError
from data_access.ports import FindingsStore
from data_access.value_counts import ValueCounts

_PAGE = 2_000
_SEARCHED = ("title", "control", "resource")
_PLACES = range(len(SEVERITIES))
STATES = ("open", "passed", "suppressed", "resolved", "all")
SORTS = ("severity", "title", "control", "account", "region", "resource_type", "status", "updated", "opened")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings: in a state; by field any of some values; with a text in title, control or resource;
    opened from a time on and before another (UTC µs); only those over their target; only those with one of
    some keys."""

    state: str = "open"
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""
    opened_from: int | None = None
    opened_before: int | None = None
    overdue: bool = False
    keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What a value has: its findings, those that passed, those with a problem, those that are open by
    severity; and its resources, and those of them with a problem."""

    value: str
    findings: int
    passed: int
    problems: int
    open_by_severity: tuple[int, ...]
    resources: int
    problem_resources: int

    @property
    def open(self) -> int:
        """Open findings."""
        return sum(self.open_by_severity)

    @property
    def score(self) -> float | None:
        """Passed of 100 that passed or failed, None without either."""
        judged = self.passed + self.problems
        return 100 * self.passed / judged if judged else None


@dataclass(frozen=True, slots=True)
class Ages:
    """How old the open findings of a severity are: how many there are and how many of them are over their
    target, the median age and the oldest (µs), None where none is open."""

    severity: Severity
    open: int
    overdue: int
    median: int | None
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Flow:
    """How many findings opened and closed: a line for each interval, a column for each of SEVERITIES."""

    opened: Numbers
    closed: Numbers


class FindingIndex:
    """The columns, shared by threads. Every question first takes in what has changed."""

    def __init__(self, store: FindingsStore) -> None:
        self._store = store
        self._refreshing = Lock()
        self._lock = RLock()
        self._revision = 0
        self._columns = Columns()

    def refresh(self) -> int:
        """Take in what has changed until now; the revision that is reached. Questions about rows that are
        known are answered meanwhile."""
        with self._refreshing:
            goal = self._store.revision()
            while self._revision < goal and (changed := self._store.since(self._revision, _PAGE)):
                with self._lock:
                    self._columns.take(changed)
                    self._revision = changed[-1].revision
            return self._revision

    def select(self, wanted: Wanted, now: int, targets: Mapping[str, int]) -> Rows:
        """The rows that are wanted, by number. ``targets`` holds the µs a severity may stay open. Raises
        UsageError for a state or field there is not."""
        self.refresh()
        with self._lock:
            kept = self._in_state(wanted.state) & self._columns.here
            if wanted.keys is not None:
                kept &= self._named(wanted.keys)
            for name, values in wanted.values:
                kept &= self._has(name, values)
            if wanted.text:
                kept &= self._says(wanted.text)
            if wanted.opened_from is not None:
                kept &= self._columns.numbers("opened") >= wanted.opened_from
            if wanted.opened_before is not None:
                kept &= self._columns.is_open & (self._columns.numbers("opened") < wanted.opened_before)
            if wanted.overdue:
                kept &= self._overdue(now, targets)
            return np.flatnonzero(kept)

    def find(self, keys: Collection[str]) -> Rows:
        """The rows of findings by key, by number; keys there are not are left out."""
        self.refresh()
        with self._lock:
            return np.flatnonzero(self._named(keys) & self._columns.here)

    def versions(self, rows: Rows) -> dict[str, int]:
        """The keys of some rows with their workflow's version, as a change names it."""
        with self._lock:
            versions = self._columns.numbers("version")[rows].tolist()
            return {self._columns.keys[row]: version for row, version in zip(rows, versions, strict=True)}

    def _named(self, keys: Collection[str]) -> Marks:
        found = np.zeros(len(self._columns.keys), bool)
        found[self._columns.places(keys)] = True
        return found

    def _in_state(self, state: str) -> Marks:
        match state:
            case "open":
                return self._columns.is_open
            case "passed":
                return self._has("compliance", (Compliance.PASSED,))
            case "suppressed" | "resolved":
                return self._has("status", (Status(state.upper()),))
            case "all":
                return np.ones(len(self._columns.keys), bool)
        raise UsageError(f"state={state!r}; it takes {', '.join(STATES)}")

    def _has(self, name: str, values: Iterable[str]) -> Marks:
        if name not in FIELDS:
            raise UsageError(f"there is no field {name!r}; there are {', '.join(FIELDS)}")
        wanted = frozenset(values)
        codes = self._columns.codes[name]
        if name == STANDARDS:
            marked = codes.marked(lambda text: not wanted.isdisjoint(text.split("\n")))
        else:
            marked = codes.marked(wanted.__contains__)
        return self._columns.of_codes(name, marked)

    def _says(self, text: str) -> Marks:
        found = np.zeros(len(self._columns.keys), bool)
        for name in _SEARCHED:
            found |= self._columns.of_codes(name, self._columns.codes[name].saying(text.casefold()))
        return found

    def _overdue(self, now: int, targets: Mapping[str, int]) -> Marks:
        columns = self._columns
        allowed = np.array([targets[value] for value in columns.codes["severity"].values], np.int64)
        due = columns.numbers("opened") + allowed[columns.coded("severity")]
        return self._columns.is_open & (due < now)

    def page(self, rows: Rows, sort: str, *, down: bool, start: int, count: int) -> list[str]:
        """The keys of some rows in order, ``start`` of them left out. Of equal ones the newest is first."""
        if sort not in SORTS:
            raise UsageError(f"sort={sort!r}; it takes {', '.join(SORTS)}")
        with self._lock:
            columns = self._columns
            ranks = self._ranks(sort)[rows]
            if down:
                ranks = -ranks
            ages = -columns.numbers("updated")[rows]
            last = min(start + count, len(rows))
            if last < len(rows):  # all that can be on the page, before the rest is put in order
                kept = _top(ranks, ages, last)
                rows, ranks, ages = rows[kept], ranks[kept], ages[kept]
            order = np.lexsort((columns.numbers("order")[rows], ages, ranks))
            return [columns.keys[row] for row in rows[order[start:last]]]

    def _ranks(self, sort: str) -> Numbers:
        if sort in TIMES:
            return self._columns.numbers(sort)
        if sort == "severity":  # the worst has the greatest rank
            return -self._columns.severity
        values = self._columns.codes[sort].values
        by_value = {value: place for place, value in enumerate(sorted(values, key=str.casefold))}
        ranks = np.array([by_value[value] for value in values], np.int64)
        return ranks[self._columns.coded(sort)]

    def groups(self, rows: Rows, name: str, most: int | None = None) -> list[Group]:
        """What each value of a field has among some rows; those with most open, worst severity first, the
        first ``most`` of them: much quicker than all for a field in which every finding has its own."""
        with self._lock:
            columns = self._columns
            coded = columns.coded(name)[rows].astype(np.int64)
            resources = columns.coded("resource")[rows]
            problem, is_open = columns.problem[rows], columns.is_open[rows]
            severity, passed = columns.severity[rows], self._in_state("passed")[rows]
            by_value = ValueCounts(columns.codes[name].values, is_several=name == STANDARDS)
        counts = [
            by_value.count(coded),
            by_value.count(coded[passed]),
            by_value.count(coded[problem]),
            by_value.distinct(coded, resources),
            by_value.distinct(coded[problem], resources[problem]),
        ]
        opened = [by_value.count(coded[is_open & (severity == place)]) for place in _PLACES]
        found = np.flatnonzero(counts[0])
        if most is not None:
            found = found[_first(np.column_stack([*opened, counts[0]])[found], by_value.values, found, most)]
        lines = zip(
            found, *(np.column_stack(table)[found].tolist() for table in (counts, opened)), strict=True
        )
        groups = [
            Group(by_value.values[number], total, passing, problems, tuple(by_severity), resources, bad)
            for number, (total, passing, problems, resources, bad), by_severity in lines
        ]
        return sorted(groups, key=_worst_first)

    def ages(self, rows: Rows, now: int, targets: Mapping[str, int]) -> list[Ages]:
        """How old the open ones of some rows are, for each of SEVERITIES. ``targets`` as in ``select``."""
        with self._lock:
            rows = rows[self._columns.is_open[rows]]
            severity, overdue = self._columns.severity[rows], self._overdue(now, targets)[rows]
            ages = np.maximum(now - self._columns.numbers("opened")[rows], 0)
        return [
            _ages_of(found, ages[severity == place], overdue[severity == place])
            for place, found in enumerate(SEVERITIES)
        ]

    def trend(self, rows: Rows, at: Sequence[int]) -> Numbers:
        """Open findings among some rows at some times, ascending (UTC µs): a line a time, a column a
        severity of SEVERITIES."""
        flow = self._up_to(rows, at, "right")
        return flow.opened - flow.closed

    def flow(self, rows: Rows, edges: Sequence[int]) -> Flow:
        """How many of some rows opened and closed between times, ascending (UTC µs): a line for each time
        but the last, from it on until before the next."""
        found = self._up_to(rows, edges, "left")
        return Flow(np.diff(found.opened, axis=0), np.diff(found.closed, axis=0))

    def _up_to(self, rows: Rows, at: Sequence[int], side: Literal["left", "right"]) -> Flow:
        """How many of some rows opened and closed before each of some times, or with "right" until then."""
        with self._lock:
            of_row, begun, ended = self._columns.spans(rows)
            severity = self._columns.severity[of_row]
        times = np.asarray(at, np.int64)
        found = [
            [np.searchsorted(np.sort(side_of[severity == place]), times, side) for place in _PLACES]
            for side_of in (begun, ended)
        ]
        return Flow(*(np.column_stack(columns) for columns in found))


def _first(table: Numbers, values: Sequence[str], found: Rows, most: int) -> Rows:
    """The places of the first lines of a table: those with the greatest numbers, of equal ones by value."""
    order = np.lexsort(-table.T[::-1])
    if most >= len(order):
        return order
    tied = (table[order] == table[order[most]]).all(axis=1)
    better = order[: int(np.argmax(tied))]
    rest = sorted(order[tied].tolist(), key=lambda place: values[int(found[place])])
    return np.concatenate([better, np.array(rest[: most - len(better)], np.intp)])


def _top(ranks: Numbers, ages: Numbers, count: int) -> Marks:
    """Which rows can be among the first ``count``: those of lesser ranks and, of the last of these, the
    youngest. With many equal ranks that leaves few to put in order."""
    if not count:
        return np.zeros(len(ranks), bool)
    pivot = np.partition(ranks, count - 1)[count - 1]
    before, equal = ranks < pivot, ranks == pivot
    left = count - int(before.sum())
    found: Marks = before | (equal & (ages <= np.partition(ages[equal], left - 1)[left - 1]))
    return found


def _ages_of(severity: Severity, ages: Numbers, overdue: Marks) -> Ages:
    median, oldest = (int(np.median(ages)), int(ages.max())) if len(ages) else (None, None)
    return Ages(severity, len(ages), int(overdue.sum()), median, oldest)


def _worst_first(group: Group) -> tuple[list[int], int, str]:
    return [-count for count in group.open_by_severity], -group.findings, group.value
