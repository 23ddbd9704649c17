"""What a question is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from data_access.model import Filters, Scope, Sql


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a question: its name, default text and what it takes."""

    name: str
    default: str
    help: str


PERIOD_PARAMS = (
    Param("from", "", "First day, YYYY-MM-DD, in the site's time zone; default: 30 days that have data"),
    Param("to", "", "Last day, inclusive"),
    Param("bots", "out", "Bots: out, in or only"),
    Param("where", "", "Conditions: country=DE,FR;!(device=mobile|page_path~/checkout)"),
    Param("segment", "", "Saved segments that all have to match; !name for what a segment leaves out"),
)
"""Parameters every question about a period takes, besides one per dimension (`country=DE,FR`)."""

COMPARE = Param("compare", "previous", "Compare with: previous, week, year, none or YYYY-MM-DD..YYYY-MM-DD")
"""Taken by every question that has metrics."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One asking of a question: filters, the asker's scope, and the question's own parameters.

    ``before`` are the filters over the period to compare with, None without one. ``part`` is a half-open
    UTC range within the period when only that part is to be answered.
    """

    filters: Filters
    scope: Scope
    values: Mapping[str, str]
    before: Filters | None = None
    part: tuple[datetime, datetime] | None = None


Finish = Callable[[pa.Table, Ask], pa.Table]
After = Callable[[pa.Table], pa.Table]
Pair = Literal["keys", "position", "sql"]


def as_it_is(table: pa.Table, _ask: Ask) -> pa.Table:
    """The finish of a question whose SQL already gives the answer."""
    return table


def as_compared(table: pa.Table) -> pa.Table:
    """What follows a comparison that leaves nothing more to say."""
    return table


def as_asked(ask: Ask) -> Ask:
    """What is settled of an asking that leaves nothing open."""
    return ask


@dataclass(frozen=True, slots=True)
class Question:
    """A question: ``sql`` builds its text, ``finish`` shapes the table.

    ``metrics`` are its columns that are metrics; a question that has some can be compared. ``pair`` says
    how its rows meet those of the period before: by all the columns that are no metrics, by their
    position in a series, or in the SQL itself, which then gives ``x_previous`` columns where ``before`` is
    given.
    ``after`` adds to the answer what follows from its comparison; it is left out with ``compare=none``.
    ``limit`` gives the rows to keep of a ranked list, whose SQL asks for one more.
    ``settle`` replaces parameters such as ``auto`` by what they mean for the period asked about.
    ``sizes`` is there for a question with an answer too large to sort at once: rows by hour (UTC,
    newest first), by which an export asks for it part by part.
    ``about_period`` is False for questions that take no filters.
    ``rows`` is True where rows are single events or sessions, not numbers about many: then they have a
    column ``site``, and who asks needs more than to see numbers.
    """

    name: str
    help: str
    sql: Callable[[Ask], Sql]
    params: tuple[Param, ...] = ()
    finish: Finish = as_it_is
    metrics: tuple[str, ...] = ()
    pair: Pair = "keys"
    after: After = as_compared
    limit: Callable[[Ask], int] | None = None
    settle: Callable[[Ask], Ask] = as_asked
    sizes: Callable[[Ask], Sql] | None = None
    about_period: bool = True
    rows: bool = False
