"""Frozen values that cross the borders between layers. They know no driver and no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa

from data_access.settings import Roles

Bots = Literal["out", "in", "only"]
How = Literal["all", "any"]


class UsageError(ValueError):
    """The asker can put it right: the message says what was wrong and what is taken."""


class NotAllowed(UsageError):
    """The asker lacks a permission: the message says what for, and what may be asked instead."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose question it is, and the sites it may be about; of these, where single events may be shown
    (``rows``), and where what says who somebody is (``raw``). None means every site."""

    user: str
    sites: frozenset[str] | None = None
    rows: frozenset[str] | None = None
    raw: frozenset[str] | None = None

    @property
    def of_rows(self) -> Scope:
        """The asker where single events may be shown to them."""
        if self.rows is None:
            return self
        return replace(self, sites=self.rows if self.sites is None else self.sites & self.rows)

    @property
    def key(self) -> str:
        """What of the scope an answer depends on; part of the cache key."""
        return "*" if self.sites is None else ",".join(sorted(self.sites))


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a dimension, a number column or ``properties.<path>`` with some values.

    ``operator`` is one of ``= != ~ !~ > >= < <=``, where ``~`` is "contains". The values are
    alternatives; none at all after ``=`` is "is empty". Every condition is true or false, also where
    the value is missing: ``!=`` and ``!~`` are the exact opposites of ``=`` and ``~``.
    """

    name: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions and groups of which all or any must hold, or, negated, must not.

    An empty group that is not negated always holds.
    """

    how: How = "all"
    parts: tuple[Condition | Group, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a question is about, and by whose calendar and money they are counted.

    Days are inclusive, in ``time_zone``; ``week_start`` is 0 for Monday to 6 for Sunday; ``where`` holds
    every filter that was asked for, as one value; ``site_currencies`` are those of sites whose money is not
    in ``currency``.
    """

    from_day: date
    to_day: date
    time_zone: str = "UTC"
    bots: Bots = "out"
    where: Group = field(default_factory=Group)
    week_start: int = 0
    currency: str = "EUR"
    roles: Roles = field(default_factory=Roles)
    site_currencies: tuple[tuple[str, str], ...] = ()


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
    ``complete_to`` is the time of the newest event in the version, UTC. ``log`` is how far the version
    holds the log: its epoch and the last sequence.
    """

    tables: tuple[tuple[str, int], ...]
    complete_to: datetime | None = None
    log: tuple[str, int] = ("", 0)

    @property
    def key(self) -> str:
        """The version as text: part of every cache key and of every stamp."""
        return ".".join(str(snapshot) for _, snapshot in self.tables)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where an answer comes from: shown on cards, sent with every JSON answer and every CSV.

    ``compared_from`` and ``compared_to`` are the days it is compared with; None without a comparison or
    where the data does not reach back that far. ``late_share`` and ``duplicate_share`` (0 to 1) are of
    the rows received for the period and its sites; None where none were counted. ``truncated`` means a
    limit left out rows. ``bytes_scanned`` is what this asking read: 0 when cached, None when the engine
    does not say. ``dollars`` is about what that cost; None where the engine charges nothing by the byte.
    """

    data_version: str
    complete_to: datetime | None
    from_day: date | None
    to_day: date | None
    time_zone: str
    engine: str
    rows: int
    milliseconds: float
    cached: bool
    truncated: bool = False
    bytes_scanned: int | None = None
    late_share: float | None = None
    duplicate_share: float | None = None
    compared_from: date | None = None
    compared_to: date | None = None
    dollars: float | None = None


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
