"""What a period is compared with, and how big a change is.

An answer's metric ``x`` gets the columns ``x_previous`` and ``x_change``. The change of a count, an
amount or a duration is in percent of the previous value; that of a percentage is in percentage points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from data_access.metrics import METRICS, Metric
from data_access.model import Filters, UsageError

COMPARISONS: Mapping[str, str] = {
    "previous": "Previous period",
    "week": "Same weekdays before",
    "year": "Same period last year",
    "none": "No comparison",
}
"""Values of ``compare`` and what they are called; ``YYYY-MM-DD..YYYY-MM-DD`` names any other period."""


def before(filters: Filters, compare: str) -> Filters | None:
    """The filters over the period to compare with; None for no comparison.

    ``previous`` ends the day before; ``week`` goes back by as few whole weeks as keep the periods apart
    (one for up to seven days), so that weekdays meet weekdays; ``year`` takes the same dates, 29
    February as the 28th. Raises UsageError for anything else.
    """
    days = (filters.to_day - filters.from_day).days + 1
    match compare:
        case "none":
            return None
        case "previous":
            return _moved(filters, days)
        case "week":
            return _moved(filters, 7 * -(-days // 7))
        case "year":
            first, last = _year_before(filters.from_day), _year_before(filters.to_day)
            return replace(filters, from_day=first, to_day=last)
    return _named(filters, compare)


def _moved(filters: Filters, days: int) -> Filters:
    span = timedelta(days=days)
    if filters.from_day.toordinal() <= days:
        raise UsageError(f"there is no calendar {days} days before {filters.from_day}; use compare=none")
    return replace(filters, from_day=filters.from_day - span, to_day=filters.to_day - span)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _named(filters: Filters, compare: str) -> Filters:
    first, dots, last = compare.partition("..")
    try:
        from_day, to_day = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise UsageError(
            f"compare={compare!r}; it takes {', '.join(COMPARISONS)} or a period as YYYY-MM-DD..YYYY-MM-DD"
        ) from error
    if not dots or from_day > to_day:
        raise UsageError(f"compare={compare!r}: the first day is after the last; swap them")
    return replace(filters, from_day=from_day, to_day=to_day)


def change(metric: Metric, now: float | None, previous: float | None) -> float | None:
    """The change in percent of ``previous``, or in percentage points for a percentage or share.

    None where there is nothing to compare: a value is missing, or it was zero and is not any more.
    """
    if now is None or previous is None:
        return None
    if metric.in_points:
        return (now - previous) * metric.points
    if previous == 0:
        return 0.0 if now == 0 else None
    return 100 * (now - previous) / abs(previous)


def with_changes(table: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """The table with ``x_previous`` (null where it has none) and ``x_change`` beside every metric x."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        if name.endswith("_previous") and name.removesuffix("_previous") in metrics:
            continue
        columns[name] = table[name]
        if name in metrics:
            columns |= _compared(table, name)
    return pa.table(columns)


def _compared(table: pa.Table, name: str) -> dict[str, Any]:
    given = f"{name}_previous"
    kind = table.schema.field(name).type
    previous = table[given] if given in table.column_names else pa.nulls(table.num_rows, kind)
    pairs = zip(table[name].to_pylist(), previous.to_pylist(), strict=True)
    changes = [change(METRICS[name], now, earlier) for now, earlier in pairs]
    return {given: previous, f"{name}_change": pa.array(changes, pa.float64())}


def joined(now: pa.Table, earlier: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """``now`` with the metrics of the rows of ``earlier`` that are equal in all that is no metric.

    Where there is none, counts were 0 and rates unknown. Rows that only ``earlier`` has come last.
    """
    keys = [name for name in now.column_names if name not in metrics]
    found = {_key(row, keys): row for row in earlier.to_pylist()}
    rows = [_paired(row, found.pop(_key(row, keys), None), metrics) for row in now.to_pylist()]
    rows += [_paired(_gone(row, metrics), row, metrics) for row in found.values()]
    return pa.Table.from_pylist(rows, schema=_schema(now, metrics))


def aligned(now: pa.Table, earlier: pa.Table, metrics: Sequence[str]) -> pa.Table:
    """A series with the one before it, interval by interval; ``time_previous`` says which it is."""
    rows = list(_aligned(now.to_pylist(), earlier.to_pylist(), metrics))
    schema = _schema(now, metrics).append(pa.field("time_previous", now.schema.field("time").type))
    return pa.Table.from_pylist(rows, schema=schema)


def _aligned(
    now: list[dict[str, Any]], earlier: list[dict[str, Any]], metrics: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for index, row in enumerate(now):
        other = earlier[index] if index < len(earlier) else None
        values = {f"{name}_previous": other[name] if other else None for name in metrics}
        yield row | values | {"time_previous": other["time"] if other else None}


def _key(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[key] for key in keys)


def _gone(row: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, Any]:
    return dict(row) | {name: METRICS[name].nothing for name in metrics}


def _paired(
    row: Mapping[str, Any], earlier: Mapping[str, Any] | None, metrics: Sequence[str]
) -> dict[str, Any]:
    other = earlier if earlier is not None else {name: METRICS[name].nothing for name in metrics}
    return dict(row) | {f"{name}_previous": other[name] for name in metrics}


def _schema(table: pa.Table, metrics: Sequence[str]) -> pa.Schema:
    schema = table.schema
    for name in metrics:
        schema = schema.append(pa.field(f"{name}_previous", schema.field(name).type))
    return schema
