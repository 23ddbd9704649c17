"""What a question is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

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
)
"""Parameters every question about a period takes, besides one per dimension (`country=DE,FR`)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One asking of a question: filters, the asker's scope, and the question's own parameters.

    ``part`` is a half-open UTC range within the period when only that part is to be answered.
    """

    filters: Filters
    scope: Scope
    values: Mapping[str, str]
    part: tuple[datetime, datetime] | None = None


def as_it_is(table: pa.Table, _ask: Ask) -> pa.Table:
    """The finish of a question whose SQL already gives the answer."""
    return table


@dataclass(frozen=True, slots=True)
class Question:
    """A question: ``sql`` builds its text, ``finish`` shapes the table.

    ``sizes`` is there for a question with an answer too large to sort at once: rows by hour (UTC,
    newest first), by which an export asks for it part by part.
    ``about_period`` is False for questions that take no filters.
    """

    name: str
    help: str
    sql: Callable[[Ask], Sql]
    params: tuple[Param, ...] = ()
    finish: Callable[[pa.Table, Ask], pa.Table] = as_it_is
    sizes: Callable[[Ask], Sql] | None = None
    about_period: bool = True
