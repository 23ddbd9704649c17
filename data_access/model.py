"""Frozen values that cross the borders between layers. They know no driver and no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa

Bots = Literal["out", "in", "only"]


class UsageError(ValueError):
    """The asker can put it right: the message says what was wrong and what is taken."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose question it is: ``sites`` None means every site."""

    user: str
    sites: frozenset[str] | None = None

    @property
    def key(self) -> str:
        """What of the scope an answer depends on; part of the cache key."""
        return "*" if self.sites is None else ",".join(sorted(self.sites))


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a question is about. Days are inclusive, in ``time_zone``.

    ``dimensions`` holds (dimension, accepted values) pairs in a fixed order; values of one dimension
    are alternatives, dimensions all have to match.
    """

    from_day: date
    to_day: date
    time_zone: str = "UTC"
    bots: Bots = "out"
    dimensions: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Sql:
    """A question's text in the Athena dialect, with ``:name`` placeholders, and its values.

    ``span`` is the half-open UTC time range [from, to) the text is limited to by its own WHERE: back
    ends may use it to open fewer files, never to change the answer.
    """

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)
    span: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The data version: snapshot ids of the curated tables, read at one instant.

    ``tables`` holds (table name, snapshot id) pairs; 0 means the table is still empty.
    ``complete_to`` is the time of the newest event in the version, UTC.
    """

    tables: tuple[tuple[str, int], ...]
    complete_to: datetime | None = None

    @property
    def key(self) -> str:
        """The version as text: part of every cache key and of every stamp."""
        return ".".join(str(snapshot) for _, snapshot in self.tables)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where an answer comes from: shown on cards and sent with every JSON answer."""

    data_version: str
    complete_to: datetime | None
    from_day: date | None
    to_day: date | None
    time_zone: str
    engine: str
    rows: int
    milliseconds: float
    cached: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A question's answer: its table and its stamp."""

    question: str
    table: pa.Table
    stamp: Stamp

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return list(self.table.column_names)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries of plain Python values."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows
