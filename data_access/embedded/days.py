"""Whole UTC days of an Iceberg table written anew, in one commit and in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import pyarrow as pa
from pyiceberg.table import Table, Transaction

from data_access.iceberg.tables import LAYOUT, current_id, files_of, utc_day_start

CHUNK_ROWS = 400_000


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day and how many rows it will have."""

    day: date
    rows: int


def chunks(days: Iterable[Day]) -> Iterator[list[date]]:
    """Consecutive days grouped so that a group has at most about CHUNK_ROWS rows."""
    group: list[date] = []
    rows = 0
    for day in days:
        if group and rows + day.rows > CHUNK_ROWS:
            yield group
            group, rows = [], 0
        group.append(day.day)
        rows += day.rows
    if group:
        yield group


def overwrite(
    table: Table, days: list[Day], parts: Iterable[pa.Table], properties: dict[str, str] | None = None
) -> None:
    """Replace whole UTC days of a table by ``parts``, in one commit."""
    _, time_column = LAYOUT[table.name()[-1]]
    replaced = sorted({f.day for f in files_of(table, current_id(table))} & {d.day for d in days})
    with table.transaction() as change:
        if replaced:
            change.delete(in_days(time_column, replaced), snapshot_properties=properties or {})
        _append_all(change, parts, properties or {})


def _append_all(change: Transaction, parts: Iterable[pa.Table], properties: dict[str, str]) -> None:
    for part in parts:
        if part.num_rows:
            change.append(part, snapshot_properties=properties)


def in_days(column: str, days: list[date]) -> str:
    """An Iceberg filter for whole UTC days, as few ranges as they need."""
    numbered = groupby(enumerate(sorted(days)), key=lambda pair: pair[1].toordinal() - pair[0])
    runs = ([day for _, day in run] for _, run in numbered)
    return " or ".join(
        f"({column} >= '{utc_day_start(run[0]).isoformat()}'"
        f" and {column} < '{utc_day_start(run[-1] + timedelta(days=1)).isoformat()}')"
        for run in runs
    )
