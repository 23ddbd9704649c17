"""What a question is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

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
    """One asking of a question: filters, the asker's scope, and the question's own parameters."""

    filters: Filters
    scope: Scope
    values: Mapping[str, str]


def as_it_is(table: pa.Table, _ask: Ask) -> pa.Table:
    """The finish of a question whose SQL already gives the answer."""
    return table


def no_slices(_ask: Ask) -> Iterator[Ask] | None:
    """A question that is streamed in one piece."""
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """A question: ``sql`` builds its text, ``finish`` shapes the table.

    ``slices`` cuts an asking that returns many sorted rows into consecutive smaller ones whose
    answers follow each other, so that an export need not sort everything at once.
    ``about_period`` is False for questions that take no filters.
    """

    name: str
    help: str
    sql: Callable[[Ask], Sql]
    params: tuple[Param, ...] = ()
    finish: Callable[[pa.Table, Ask], pa.Table] = as_it_is
    slices: Callable[[Ask], Iterator[Ask] | None] = no_slices
    about_period: bool = True
