"""The columns an index of findings is made of: numbers in memory, a line for each finding. No locks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_access.findings import Row, Severity, Span

Numbers = NDArray[np.int64]
Marks = NDArray[np.bool_]
Rows = NDArray[np.intp]
"""Numbers of rows."""

SEVERITIES = tuple(Severity)
NEVER = -1
EVER = int(np.iinfo(np.int64).max)
FOREVER = EVER - 1
"""A moment after every other, as the end of what has none yet is EVER."""
_ORDER_DIGITS = 15
"""Hexadecimal digits of a key that put rows in an order that stays; as many as a number of a column holds."""
STANDARDS = "standard"
"""The field whose texts hold several values, a line each: a finding may belong to several standards."""
FIELDS = (
    "severity",
    "compliance",
    "status",
    "assignee",
    "provider",
    "control",
    "title",
    "service",
    "account",
    "region",
    "resource_type",
    "resource",
    STANDARDS,
)
"""What findings can be filtered and grouped by."""
TIMES = ("created", "updated", "opened")
NUMBERS = (*TIMES, "begun", "ended", "order", "version")
"""Columns of numbers: times (UTC µs), the first span, an order of the keys, and the workflow's version."""


class Codes:
    """A column of texts that repeat: a number for each, and which text that is."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._folded: list[str] = []
        self._numbers: dict[str, int] = {}

    def numbers(self, texts: Collection[str]) -> NDArray[np.int32]:
        """The number of each text; those not seen before get the next ones."""
        try:
            return self._known(texts)
        except KeyError:
            for text in dict.fromkeys(texts):
                if text not in self._numbers:
                    self._numbers[text] = len(self.values)
                    self.values.append(text)
                    self._folded.append(text.casefold())
            return self._known(texts)

    def _known(self, texts: Collection[str]) -> NDArray[np.int32]:
        return np.fromiter(map(self._numbers.__getitem__, texts), np.int32, len(texts))

    def marked(self, is_wanted: Callable[[str], bool]) -> Marks:
        """Which texts are wanted, by number."""
        return np.fromiter(map(is_wanted, self.values), bool, len(self.values))

    def saying(self, needle: str) -> Marks:
        """Which texts hold a casefolded one, whatever their case."""
        return np.fromiter([needle in text for text in self._folded], bool, len(self._folded))


class Columns:
    """Everything lists and figures need of the findings of a store, by number of row."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.codes = {name: Codes() for name in FIELDS}
        self.later: dict[int, tuple[Span, ...]] = {}
        self._places: dict[str, int] = {}
        self._coded = {name: np.empty(0, np.int32) for name in FIELDS}
        self._numbers = {name: np.empty(0, np.int64) for name in NUMBERS}
        self._problem = np.empty(0, bool)
        self._gone = np.empty(0, bool)

    def take(self, rows: Sequence[Row]) -> None:
        """Take in rows as they are now; a later one of a finding replaces what was known of it."""
        here = [row for row in rows if not row.gone]
        for row in here:
            if row.key not in self._places:
                self._places[row.key] = len(self.keys)
                self.keys.append(row.key)
        self._grow(len(self.keys))
        if here:
            self._set(here)
        self._gone[self.places(row.key for row in rows if row.gone)] = True

    def places(self, keys: Iterable[str]) -> Rows:
        """The rows of the keys that are known, in their order."""
        known = self._places
        return np.array([known[key] for key in keys if key in known], np.intp)

    def coded(self, name: str) -> NDArray[np.int32]:
        """The number each row has for its text in a field."""
        return self._coded[name][: len(self.keys)]

    def numbers(self, name: str) -> Numbers:
        """A column of NUMBERS."""
        return self._numbers[name][: len(self.keys)]

    @property
    def problem(self) -> Marks:
        """Which findings are a problem for their provider."""
        return self._problem[: len(self.keys)]

    @property
    def here(self) -> Marks:
        """Which findings are still in the store."""
        return ~self._gone[: len(self.keys)]

    @property
    def is_open(self) -> Marks:
        """Which findings are open."""
        found: Marks = self.numbers("opened") != NEVER
        return found

    @property
    def severity(self) -> Numbers:
        """The place of each row's severity in SEVERITIES."""
        places = [SEVERITIES.index(Severity(value)) for value in self.codes["severity"].values]
        return np.array(places, np.int64)[self.coded("severity")]

    def of_codes(self, name: str, marked: Marks) -> Marks:
        """The rows whose text in a field is marked."""
        found: Marks = marked[self.coded(name)]
        return found

    def spans(self, rows: Rows) -> tuple[Rows, Numbers, Numbers]:
        """When some rows were open: a row's number, a beginning and an end for each time."""
        places = np.fromiter(self.later, np.intp, len(self.later))
        several = places[np.isin(places, rows)]
        later = [(row, span.opened, _end(span)) for row in several for span in self.later[row]]
        more = np.array(later, np.int64).reshape(-1, 3)
        return (
            np.concatenate([rows, more[:, 0]]),
            np.concatenate([self.numbers("begun")[rows], more[:, 1]]),
            np.concatenate([self.numbers("ended")[rows], more[:, 2]]),
        )

    def _grow(self, count: int) -> None:
        if count > len(self._problem):
            size = max(1024, 2 * count)
            for columns in (self._coded, self._numbers):
                for name, column in columns.items():
                    columns[name] = np.resize(column, size)
            self._problem = np.resize(self._problem, size)
            self._gone = np.resize(self._gone, size)

    def _set(self, rows: Sequence[Row]) -> None:
        """Write rows into the columns, a column at a time: half a million are taken in at a start."""
        of = dict(zip(Row._fields, zip(*rows, strict=True), strict=True))
        places = self.places(of["key"])
        for name, numbers in _numbers_of(rows, of).items():
            self._numbers[name][places] = numbers
        for name, texts in _texts_of(of).items():
            self._coded[name][places] = self.codes[name].numbers(texts)
        self._problem[places] = of["problem"]
        self._gone[places] = False
        self._set_later(places, of["spans"])

    def _set_later(self, places: Rows, spans: Iterable[tuple[Span, ...]]) -> None:
        for place, found in zip(places.tolist(), spans, strict=True):
            if len(found) > 1:
                self.later[place] = found[1:]
            else:
                self.later.pop(place, None)


def _numbers_of(rows: Sequence[Row], of: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[int]]:
    """The columns of NUMBERS of some rows, whose own columns are ``of``."""
    return {
        "created": of["created"],
        "updated": of["updated"],
        "opened": [NEVER if row.opened is None else row.opened for row in rows],
        "begun": [spans[0].opened if spans else EVER for spans in of["spans"]],
        "ended": [_end(spans[0]) if spans else EVER for spans in of["spans"]],
        "order": [int(key[:_ORDER_DIGITS], 16) for key in of["key"]],
        "version": [workflow.version for workflow in of["workflow"]],
    }


def _texts_of(of: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[str]]:
    """The columns of FIELDS of some rows, whose own columns are ``of``."""
    own: dict[str, Sequence[str]] = {
        "status": [workflow.status for workflow in of["workflow"]],
        "assignee": [workflow.assignee for workflow in of["workflow"]],
        "resource": of["resource_id"],
        STANDARDS: [_joined(standards) for standards in of["standards"]],
    }
    texts = {name: own[name] if name in own else of[name] for name in FIELDS}
    # A link takes no blanks at the ends of a value.
    return {name: [text.strip() for text in column] for name, column in texts.items()}


def _end(span: Span) -> int:
    return EVER if span.closed is None else span.closed


def _joined(standards: Sequence[str]) -> str:
    """Standards a line each, those with line breaks on one."""
    return "\n".join(" ".join(one.splitlines()) if "\n" in one else one for one in standards)
