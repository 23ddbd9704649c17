"""Funnels: exact, in every order, on any engine; one linear window pass a step, never a self-join.

A unit (user or session) reaches step k when it has k different events that match steps 1 to k, all in
the period, the last within the conversion window of the first (inclusive), and

- ordered: in time order; equal times count as ordered;
- strict: in time order with no other event of the unit between them (events of one moment may be put
  in whichever order makes the match);
- any: in any order.

Every start counts, so a later start may reach deeper than the first one.

How: events are summed up into *moments* (unit, millisecond). In a moment whose events can serve steps
j+1..k at once (Hall's marriage condition; for steps that exclude each other just "one event each"), a
chain that had reached step j goes on to step k. Among chains of equal depth the one that started last is
the best, so the latest start is all that a pass has to carry forward.

Times from the previous step: at a unit's first arrival at step k, from the latest moment at which it
reached step k-1 on the way there. In any order there is no one way: it is the latest moment up to the
arrival; where one event could match step k and an earlier step, the latest earlier moment within the
window, else the arrival itself. With a breakdown each start counts for the value that its own event
has, so a unit can stand under several values.

Compared with another period, both rates get the 95 % confidence interval of their change and a verdict:
``data_access/significance.py`` says how, and what it takes for granted.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from data_access.model import Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.funnel_sql import FunnelSql
from data_access.questions.funnel_steps import Funnel, read
from data_access.significance import Difference, Share, difference
from data_access.sql import Params, with_span

METRICS = ("reached", "from_step_before", "from_first", "median_seconds", "p90_seconds")
_OWN = ("step", "name", *METRICS)


def steps(ask: Ask) -> Sql:
    """How many units reach each step, and the ranks around the median and 90th percentile of times."""
    funnel = read(ask.values)
    if funnel.breakdown in _OWN:
        raise UsageError(f"breakdown={funnel.breakdown!r} is no dimension")
    params = Params({})
    text = FunnelSql(funnel).text(ask, params)
    return with_span(Sql(text, params.values), ask.filters)


def with_rates(table: pa.Table, ask: Ask) -> pa.Table:
    """A row for every step, reached or not, with rates (0 to 1) and times in seconds.

    Percentiles interpolate linearly between ranks (definition 7 of Hyndman and Fan, 1996).
    """
    funnel = read(ask.values)
    found: dict[Any, dict[int, dict[str, Any]]] = {} if funnel.breakdown else {None: {}}
    for row in table.to_pylist():
        found.setdefault(row.get("value"), {})[row["step"]] = row
    values = sorted(found, key=lambda v: (-found[v].get(1, {"reached": 0})["reached"], v or ""))
    rows = [row for value in values for row in _rows(funnel, value, found[value])]
    return pa.Table.from_pylist(rows, schema=_schema(funnel))


def _schema(funnel: Funnel) -> pa.Schema:
    breakdown = [(funnel.breakdown, pa.string())] if funnel.breakdown else []
    kinds = (pa.int64(), pa.string(), pa.int64(), pa.float64(), pa.float64(), pa.float64(), pa.float64())
    return pa.schema(breakdown + list(zip(_OWN, kinds, strict=True)))


def _rows(funnel: Funnel, value: str | None, found: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    reached = [found.get(n, {"reached": 0})["reached"] for n in range(1, len(funnel.steps) + 1)]
    before = [reached[0], *reached]
    return [
        {
            **({funnel.breakdown: value} if funnel.breakdown else {}),
            "step": n,
            "name": step.label(),
            "reached": reached[n - 1],
            "from_step_before": _rate(reached[n - 1], before[n - 1]),
            "from_first": _rate(reached[n - 1], reached[0]),
            **_times(n, found.get(n)),
        }
        for n, step in enumerate(funnel.steps, start=1)
    ]


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _times(number: int, row: dict[str, Any] | None) -> dict[str, float | None]:
    if number == 1 or row is None:
        return {"median_seconds": None, "p90_seconds": None}
    part = (9 * (row["reached"] - 1) % 10) / 10
    p90 = row["p90_low"] + part * (row["p90_high"] - row["p90_low"])
    return {
        "median_seconds": (row["median_low"] + row["median_high"]) / 2000,
        "p90_seconds": p90 / 1000,
    }


RATES = ("from_step_before", "from_first")
"""The rates whose change gets an interval."""


def with_intervals(table: pa.Table) -> pa.Table:
    """The compared table with the 95 % interval of each rate's change (percentage points) and a verdict.

    Null at the first step, and where either period has nobody at the step that a rate is part of.
    """
    rows = table.to_pylist()
    columns: dict[str, Any] = {}
    for name in table.column_names:
        columns[name] = table[name]
        rate = name.removesuffix("_change")
        if rate in RATES and rate != name:
            pairs = zip(rows, _wholes(rows, rate), strict=True)
            columns |= _interval(rate, [_difference(row, whole) for row, whole in pairs])
    return pa.table(columns)


def _wholes(rows: list[dict[str, Any]], rate: str) -> list[dict[str, Any] | None]:
    """For each row the one whose units its rate is a part of; none for a first step."""
    wholes: list[dict[str, Any] | None] = []
    for index, row in enumerate(rows):
        back = 1 if rate == "from_step_before" else row["step"] - 1
        wholes.append(rows[index - back] if row["step"] > 1 else None)
    return wholes


def _difference(row: dict[str, Any], whole: dict[str, Any] | None) -> Difference | None:
    if whole is None or row["reached_previous"] is None:
        return None
    now = Share(row["reached"], whole["reached"])
    return difference(now, Share(row["reached_previous"], whole["reached_previous"]))


def _interval(rate: str, found: list[Difference | None]) -> dict[str, Any]:
    return {
        f"{rate}_change_low": pa.array([d and 100 * d.low for d in found], pa.float64()),
        f"{rate}_change_high": pa.array([d and 100 * d.high for d in found], pa.float64()),
        f"{rate}_verdict": pa.array([d and d.verdict for d in found], pa.string()),
    }


QUESTIONS = (
    Question(
        "funnel.steps",
        "Users or sessions that reach each step, rates (0 to 1), median and p90 seconds between steps",
        steps,
        (
            Param("steps", "", "2 to 10 steps: name,name[property=value;property>3],… (= != ~ > >= < <=)"),
            Param("window", "7d", "Conversion window from the first step: 30m, 12h, 7d, …, 90d, or period"),
            Param("unit", "user", "user or session"),
            Param("order", "ordered", "ordered, strict (nothing between) or any"),
            Param("breakdown", "", "A dimension, or properties.<name>, at the first step"),
        ),
        with_rates,
        metrics=METRICS,
        after=with_intervals,
    ),
)
