"""What Trino sends as JSON, as Arrow: the types come from Trino's columns, never from the values."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "char": pa.string(),
    "json": pa.string(),
    "varbinary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "unknown": pa.null(),
}
"""Arrow types as DuckDB gives them for the same; ``unknown`` is the type of a bare NULL."""

_PRECISION = re.compile(r"\(.*?\)")
_MICROSECONDS = len("2024-03-01 12:00:00.000000")


def schema(description: Sequence[Any]) -> pa.Schema:
    """The schema of an answer that a cursor describes. Raises TypeError for a type no question has."""
    return pa.schema([(column.name, _type(column)) for column in description])


def _type(column: Any) -> pa.DataType:
    name = _PRECISION.sub("", column.type_code)
    if name == "decimal":
        return pa.decimal128(column.precision, column.scale)
    if name not in _TYPES:
        raise TypeError(f"an answer has a column of Trino's type {name}")
    return _TYPES[name]


def batch(rows: Sequence[Sequence[Any]], types: pa.Schema) -> pa.RecordBatch:
    """Rows as they come in Trino's JSON as a record batch."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    arrays = [_array(values, field.type) for values, field in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):  # a precision beyond that of the lake has no digits of meaning
        return pa.array([value and value[:_MICROSECONDS] for value in values], pa.string()).cast(kind)
    if pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_floating(kind):  # JSON has no NaN and no infinity: they come as text
        return pa.array([float(value) if isinstance(value, str) else value for value in values], kind)
    if pa.types.is_binary(kind):
        return pa.array([value if value is None else b64decode(value) for value in values], kind)
    return pa.array(values, kind)
