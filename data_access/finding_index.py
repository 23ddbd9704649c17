"""What lists and figures of findings are made from: columns in memory, brought up to date from any store.

Half a million findings take about 150 MB and every figure some milliseconds. Rows are only ever added or
changed in place, so a row's number stays good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from data_access.findings import Compliance, Row, Severity, Span, Status
from data_access.model import UsageError
from data_access.ports import FindingsStore

Numbers = NDArray[np.int64]
Rows = NDArray[np.intp]
"""Numbers of rows."""

SEVERITIES = tuple(Severity)
NEVER = -1
_EVER = int(np.iinfo(np.int64).max)
_ORDER_DIGITS = 15
"""Hexadecimal digits of a key that put rows in an order that stays; as many as a number of a column holds."""
_PAGE = 20_000
_OF_ROW: Mapping[str, Callable[[Row], str]] = {
    "severity": lambda row: row.severity,
    "compliance": lambda row: row.compliance,
    "status": lambda row: row.workflow.status,
    "assignee": lambda row: row.workflow.assignee,
    "provider": lambda row: row.provider,
    "control": lambda row: row.control,
    "title": lambda row: row.title,
    "service": lambda row: row.service,
    "account": lambda row: row.account,
    "region": lambda row: row.region,
    "resource_type": lambda row: row.resource_type,
    "resource": lambda row: row.resource_id,
    "standard": lambda row: "\n".join(row.standards),
}
FIELDS = tuple(_OF_ROW)
"""What findings can be filtered and grouped by. A finding may belong to several standards."""
_SEARCHED = ("title", "control", "resource")
_TIMES: Mapping[str, Callable[[Row], int]] = {
    "created": lambda row: row.created,
    "updated": lambda row: row.updated,
    "opened": lambda row: NEVER if row.opened is None else row.opened,
    "begun": lambda row: row.spans[0].opened if row.spans else _EVER,
    "ended": lambda row: _end(row.spans[0]) if row.spans else _EVER,
    "order": lambda row: int(row.key[:_ORDER_DIGITS], 16),
}
"""Columns of numbers: times (UTC µs), the first span, and an order of the keys."""
STATES = ("open", "passed", "suppressed", "resolved", "all")
SORTS = ("severity", "title", "control", "account", "region", "resource_type", "status", "updated", "opened")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings: in a state; by field any of some values; with a text in title, control or resource;
    opened from a time on and before another (UTC µs); and only those over their target."""

    state: str = "open"
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""
    opened_from: int | None = None
    opened_before: int | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What a value has: its findings, those that passed, those with a problem, and those that are open by
    severity."""

    value: str
    findings: int
    passed: int
    problems: int
    open_by_severity: tuple[int, ...]

    @property
    def open(self) -> int:
        """Open findings."""
        return sum(self.open_by_severity)

    @property
    def score(self) -> float | None:
        """Passed of 100 that passed or failed, None without either."""
        judged = self.passed + self.problems
        return 100 * self.passed / judged if judged else None


class _Codes:
    """A column of texts that repeat: a number for each, and which text that is."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.folded: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: str) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
            self.folded.append(value.casefold())
        return found

    def marked(self, is_wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
        return np.fromiter(map(is_wanted, self.values), bool, len(self.values))

    def saying(self, needle: str) -> NDArray[np.bool_]:
        return np.fromiter([needle in text for text in self.folded], bool, len(self.folded))


class FindingIndex:
    """The columns, shared by threads. Every question first takes in what has changed."""

    def __init__(self, store: FindingsStore) -> None:
        self._store = store
        self._lock = RLock()
        self._revision = 0
        self._places: dict[str, int] = {}
        self._keys: list[str] = []
        self._codes = {name: _Codes() for name in FIELDS}
        self._coded = {name: np.empty(0, np.int32) for name in FIELDS}
        self._times = {name: np.empty(0, np.int64) for name in _TIMES}
        self._later: dict[int, tuple[Span, ...]] = {}
        self._problem = np.empty(0, bool)
        self._gone = np.empty(0, bool)

    def refresh(self) -> int:
        """Take in what has changed; the revision that is reached."""
        with self._lock:
            if self._store.revision() != self._revision:
                while changed := self._store.since(self._revision, _PAGE):
                    self._take(changed)
                    self._revision = changed[-1].revision
            return self._revision

    def _take(self, rows: Sequence[Row]) -> None:
        left: list[str] = []
        for row in rows:
            if row.gone:
                left.append(row.key)
            elif row.key not in self._places:
                self._places[row.key] = len(self._keys)
                self._keys.append(row.key)
        self._grow(len(self._keys))
        self._set([row for row in rows if not row.gone])
        self._gone[[self._places[key] for key in left if key in self._places]] = True

    def _grow(self, count: int) -> None:
        if count > len(self._problem):
            size = max(1024, 2 * count)
            for columns in (self._coded, self._times):
                for name, column in columns.items():
                    columns[name] = np.resize(column, size)
            self._problem = np.resize(self._problem, size)
            self._gone = np.resize(self._gone, size)

    def _set(self, rows: Sequence[Row]) -> None:
        """Write rows into the columns, a column at a time."""
        places = np.array([self._places[row.key] for row in rows], np.intp)
        for name, of_row in _OF_ROW.items():
            number = self._codes[name].number
            self._coded[name][places] = [number(of_row(row)) for row in rows]
        for name, time_of in _TIMES.items():
            self._times[name][places] = [time_of(row) for row in rows]
        self._problem[places] = [row.problem for row in rows]
        self._gone[places] = False
        for place, row in zip(map(int, places), rows, strict=True):
            self._later.pop(place, None)
            if len(row.spans) > 1:
                self._later[place] = row.spans[1:]

    def select(self, wanted: Wanted, now: int, targets: Mapping[str, int]) -> Rows:
        """The rows that are wanted, by number. ``targets`` holds the µs a severity may stay open. Raises
        UsageError for a state or field there is not."""
        with self._lock:
            self.refresh()
            kept = self._in_state(wanted.state) & ~self._gone[: len(self._keys)]
            for name, values in wanted.values:
                kept &= self._has(name, values)
            if wanted.text:
                kept &= self._says(wanted.text)
            if wanted.opened_from is not None:
                kept &= self._time("opened") >= wanted.opened_from
            if wanted.opened_before is not None:
                kept &= self._is_open() & (self._time("opened") < wanted.opened_before)
            if wanted.overdue:
                kept &= self._overdue(now, targets)
            return np.flatnonzero(kept)

    def _in_state(self, state: str) -> NDArray[np.bool_]:
        match state:
            case "open":
                return self._is_open()
            case "passed":
                return self._has("compliance", (Compliance.PASSED,))
            case "suppressed" | "resolved":
                return self._has("status", (Status(state.upper()),))
            case "all":
                return np.ones(len(self._keys), bool)
        raise UsageError(f"state={state!r}; it takes {', '.join(STATES)}")

    def _has(self, name: str, values: Iterable[str]) -> NDArray[np.bool_]:
        if name not in FIELDS:
            raise UsageError(f"there is no field {name!r}; there are {', '.join(FIELDS)}")
        wanted = frozenset(values)
        if name == "standard":
            return self._marked(name, lambda text: not wanted.isdisjoint(text.split("\n")))
        return self._marked(name, wanted.__contains__)

    def _says(self, text: str) -> NDArray[np.bool_]:
        found = np.zeros(len(self._keys), bool)
        for name in _SEARCHED:
            found |= self._of_codes(name, self._codes[name].saying(text.casefold()))
        return found

    def _marked(self, name: str, is_wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
        return self._of_codes(name, self._codes[name].marked(is_wanted))

    def _of_codes(self, name: str, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = marked[self._coded[name][: len(self._keys)]]
        return found

    def _time(self, name: str) -> Numbers:
        return self._times[name][: len(self._keys)]

    def _is_open(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self._time("opened") != NEVER
        return found

    def _overdue(self, now: int, targets: Mapping[str, int]) -> NDArray[np.bool_]:
        return self._is_open() & (self._due(targets) < now)

    def _due(self, targets: Mapping[str, int]) -> Numbers:
        severities = self._codes["severity"].values or [Severity.INFORMATIONAL]
        allowed = np.array([targets[value] for value in severities], np.int64)
        return self._time("opened") + allowed[self._coded["severity"][: len(self._keys)]]

    def page(self, rows: Rows, sort: str, *, down: bool, start: int, count: int) -> list[str]:
        """The keys of some rows in order, ``start`` of them left out. Of equal ones the newest is first."""
        if sort not in SORTS:
            raise UsageError(f"sort={sort!r}; it takes {', '.join(SORTS)}")
        with self._lock:
            ranks = self._ranks(sort)[rows]
            if down:
                ranks = -ranks
            last = min(start + count, len(rows))
            if last < len(rows):  # all that can be on the page, before the rest is put in order
                kept = ranks <= np.partition(ranks, last - 1)[last - 1] if last else np.zeros(0, bool)
                rows, ranks = rows[kept], ranks[kept]
            order = np.lexsort((self._time("order")[rows], -self._time("updated")[rows], ranks))
            return [self._keys[row] for row in rows[order[start:last]]]

    def _ranks(self, sort: str) -> Numbers:
        if sort in _TIMES:
            return self._time(sort)
        values = self._codes[sort].values
        if sort == "severity":  # the worst has the greatest rank
            by_value = {str(value): len(SEVERITIES) - place for place, value in enumerate(SEVERITIES)}
        else:
            by_value = {value: place for place, value in enumerate(sorted(values, key=str.casefold))}
        ranks = np.array([by_value[value] for value in values], np.int64)
        return ranks[self._coded[sort][: len(self._keys)]]

    def groups(self, rows: Rows, name: str) -> list[Group]:
        """What each value of a field has among some rows; those with most open, worst severity first."""
        with self._lock:
            codes = self._codes[name].values
            coded = self._coded[name][rows]
            shape = (len(codes), len(SEVERITIES))
            severity = self._severity()[rows]
            is_open = self._is_open()[rows]
            passed = self._in_state("passed")[rows]
            masks = (np.ones(len(rows), bool), passed, self._problem[rows])
            counts = [np.bincount(coded[mask], minlength=len(codes)) for mask in masks]
            cells = coded[is_open].astype(np.int64) * len(SEVERITIES) + severity[is_open]
            opened = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        found: dict[str, Group] = {}
        for number in np.flatnonzero(counts[0]):
            for value in codes[number].split("\n") if name == "standard" else (codes[number],):
                total, ok, problems = (int(count[number]) for count in counts)
                group = Group(value, total, ok, problems, tuple(map(int, opened[number])))
                found[value] = _together(found[value], group) if value in found else group
        return sorted(found.values(), key=_worst_first)

    def _severity(self) -> Numbers:
        """The place of each row's severity in SEVERITIES."""
        found = self._codes["severity"].values
        places = np.array([SEVERITIES.index(Severity(value)) for value in found], np.int64)
        return places[self._coded["severity"][: len(self._keys)]]

    def trend(self, rows: Rows, at: Sequence[int]) -> NDArray[np.int64]:
        """Open findings among some rows at some times, ascending (UTC µs): a line a time, a column a
        severity of SEVERITIES."""
        with self._lock:
            of_row, begun, ended = self._spans(rows)
            severity = self._severity()[of_row]
            found = np.zeros((len(at), len(SEVERITIES)), np.int64)
            for place in range(len(SEVERITIES)):
                own = severity == place
                found[:, place] = _up_to(begun[own], at) - _up_to(ended[own], at)
            return found

    def _spans(self, rows: Rows) -> tuple[Rows, Numbers, Numbers]:
        """When some rows were open: a row's number, a beginning and an end for each time."""
        places = np.fromiter(self._later, np.intp, len(self._later))
        several = places[np.isin(places, rows)]
        later = [(row, span.opened, _end(span)) for row in several for span in self._later[row]]
        more = np.array(later, np.int64).reshape(-1, 3)
        return (
            np.concatenate([rows, more[:, 0]]),
            np.concatenate([self._time("begun")[rows], more[:, 1]]),
            np.concatenate([self._time("ended")[rows], more[:, 2]]),
        )


def _end(span: Span) -> int:
    return _EVER if span.closed is None else span.closed


def _up_to(times: Numbers, at: Sequence[int]) -> Numbers:
    """How many times are at or before each of some moments."""
    return np.searchsorted(np.sort(times), np.asarray(at, np.int64), "right")


def _together(one: Group, other: Group) -> Group:
    opened = tuple(map(sum, zip(one.open_by_severity, other.open_by_severity, strict=True)))
    return Group(
        one.value,
        one.findings + other.findings,
        one.passed + other.passed,
        one.problems + other.problems,
        opened,
    )


def _worst_first(group: Group) -> tuple[list[int], int, str]:
    return [-count for count in group.open_by_severity], -group.findings, group.value
