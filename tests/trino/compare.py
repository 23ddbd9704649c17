"""Two engines' answers held side by side: columns, types, order and every value to the last digit."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pyarrow as pa


def difference(ours: pa.Table, theirs: pa.Table, *, ordered: bool = True) -> str:
    """What the first difference of two answers is; empty for none. Rows of a text without an order are
    compared as a multiset."""
    if ours.schema.names != theirs.schema.names:
        return f"columns {ours.schema.names} and {theirs.schema.names}"
    for one, other in zip(ours.schema, theirs.schema, strict=True):
        if one.type != other.type:
            return f"{one.name} is {one.type} and {other.type}"
    if ours.num_rows != theirs.num_rows:
        return f"{ours.num_rows} and {theirs.num_rows} rows"
    left, right = _rows(ours), _rows(theirs)
    if not ordered:
        odd = Counter(left) - Counter(right)
        return f"only one has {next(iter(odd))}" if odd else ""
    at = next((n for n, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1]), None)
    return "" if at is None else f"row {at}: {left[at]} and {right[at]}"


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [[_exact(value) for value in column.to_pylist()] for column in table.columns]
    return list(zip(*columns, strict=True))


def _exact(value: Any) -> Any:
    """A value that equals only itself: NaN too, and 0.0 is not -0.0."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value.hex()
    return value
