"""Values as Athena writes them into an answer, and the types as it names them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

_NAMES: tuple[tuple[Callable[[pa.DataType], bool], str, int, int], ...] = (
    (pa.types.is_boolean, "boolean", 0, 0),
    (pa.types.is_int8, "tinyint", 3, 0),
    (pa.types.is_int16, "smallint", 5, 0),
    (pa.types.is_int32, "integer", 10, 0),
    (pa.types.is_integer, "bigint", 19, 0),
    (pa.types.is_float32, "float", 17, 0),
    (pa.types.is_float64, "double", 17, 0),
    (pa.types.is_date, "date", 0, 0),
    (pa.types.is_string, "varchar", 2147483647, 0),
    (pa.types.is_large_string, "varchar", 2147483647, 0),
)


def column(field: pa.Field) -> dict[str, Any]:
    """A column as GetQueryResults describes it."""
    name, precision, scale = _named(field.type)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": field.name,
        "Label": field.name,
        "Type": name,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": name == "varchar",
    }


def _named(kind: pa.DataType) -> tuple[str, int, int]:
    if pa.types.is_timestamp(kind):
        return ("timestamp with time zone" if kind.tz else "timestamp"), 3, 0
    if pa.types.is_decimal(kind):
        # DuckDB adds up bigints into 128 bits; Athena's sum of bigints is one.
        return (
            ("bigint", 19, 0)
            if (kind.precision, kind.scale) == (38, 0)
            else ("decimal", kind.precision, kind.scale)
        )
    return next(((name, *sizes) for holds, name, *sizes in _NAMES if holds(kind)), ("unknown", 0, 0))  # type: ignore[return-value]


def csv_lines(table: pa.Table) -> Iterator[str]:
    """The lines of an answer's file: every value in quotes, nothing at all for NULL."""
    yield ",".join(map(_quoted, table.column_names))
    for batch in table.to_batches(10_000):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield ",".join("" if value is None else _quoted(text(value)) for value in row)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def text(value: Any) -> str:
    """A value as Athena writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds" if value.microsecond % 1000 else "milliseconds")
    return str(value)


def _double(value: float) -> str:
    """As Java writes it: with an exponent below a thousandth and from ten millions on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value) if "e" not in repr(value) else f"{Decimal(repr(value)):f}"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{exponent + len(digits) - 1}"


def rows(table: pa.Table, start: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """A page of an answer as GetQueryResults has it, the names of the columns before the first row, and where
    the next page starts."""
    head = [{"Data": [{"VarCharValue": name} for name in table.column_names]}] if start == 0 else []
    page = table.slice(start, limit - len(head))
    columns = [column.to_pylist() for column in page.columns]
    found = [
        {"Data": [{} if value is None else {"VarCharValue": text(value)} for value in row]}
        for row in zip(*columns, strict=True)
    ]
    return head + found, start + page.num_rows
