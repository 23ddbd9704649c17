"""What a question came to: its parameters, what answering it took, and all of its rows for an export."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from typing import Any

import pyarrow as pa

from data_access.model import Stamp
from data_access.questions import Ask, Question
from data_access.spending import Spending

PART_ROWS = 15_000
Batches = Generator[pa.RecordBatch, None, None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question's text parameters came to: the resolved period, filters and own parameters."""

    question: Question
    ask: Ask
    compare: str


@dataclass(slots=True)
class Work:
    """What answering took: bytes read where the engine said, and whether everything was in the cache."""

    scanned: list[int] = field(default_factory=list)
    cached: bool = True
    agreed: float = inf
    """US dollars people agreed to spend on each of its queries."""

    @property
    def bytes_scanned(self) -> int | None:
        """Bytes read: 0 from the cache, None when the engine did not say."""
        return 0 if self.cached else sum(self.scanned) or None

    def dollars(self, spending: Spending | None) -> float | None:
        """What answering cost; None where the engine charges nothing, or has not said yet what it read."""
        if spending is None or not (self.cached or self.scanned):
            return None
        return sum(map(spending.dollars, self.scanned))


@dataclass(frozen=True, slots=True)
class Export:
    """All rows of an answer in batches, the first of them without rows, and what to say about them.

    Who does not read on to the last batch closes them: then the engine stops as well.
    """

    batches: Batches
    asked: Asked
    begun: Stamp
    work: Work
    spending: Spending | None

    @property
    def stamp(self) -> Stamp:
        """The stamp as far as it is known: of rows that are streamed nobody knows their number (0), nor
        before the last is out what they cost."""
        dollars = self.work.dollars(self.spending)
        return replace(self.begun, bytes_scanned=self.work.bytes_scanned, dollars=dollars)


def with_header(schema: pa.Schema, batches: Batches) -> Batches:
    """An export's batches after one without rows: its header can go out before the first row is found."""
    with closing(batches):
        yield pa.RecordBatch.from_pylist([], schema=schema)
        yield from batches


def batches_of(table: pa.Table) -> Batches:
    """The batches of a table."""
    yield from table.to_batches()


def each(change: Callable[[pa.RecordBatch], pa.RecordBatch], batches: Batches) -> Batches:
    """Every batch, changed."""
    with closing(batches):
        yield from map(change, batches)


def after(first: pa.RecordBatch, rest: Batches) -> Batches:
    """Batches whose first was taken out already."""
    with closing(rest):
        yield first
        yield from rest


def parts(hours: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    """UTC ranges of about PART_ROWS rows that cover some hours (``hour``, ``rows``), newest first."""
    group: list[dict[str, Any]] = []
    for entry in hours:
        if group and sum(e["rows"] for e in group) + entry["rows"] > PART_ROWS:
            yield _range(group)
            group = []
        group.append(entry)
    if group:
        yield _range(group)


def _range(hours: list[dict[str, Any]]) -> tuple[datetime, datetime]:
    return hours[-1]["hour"], hours[0]["hour"] + timedelta(hours=1)
