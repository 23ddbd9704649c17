"""Columns of times to naive UTC, whole columns at once; a bad value only costs its own row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_access.events import TIMESTAMP
from data_access.model import UsageError
from pipeline.importers.mapping import FieldRule
from pipeline.importers.model import Faults

NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DIGITS = r"^-?\d{1,18}$"
_LAST = datetime(3000, 1, 1)  # noqa: DTZ001 - naive UTC, as in the lake
_ZONED = r"(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
_DATE_ONLY = r"^\d{4}-?\d{2}-?\d{2}$"
_MILLISECONDS = pa.timestamp("ms")


def to_times(values: Any, rule: FieldRule, name: str, column: str, faults: Faults) -> Any:
    """The times of an array as naive UTC in whole milliseconds; nulls stay null.

    ``values`` are text, numbers or timestamps. Times without a zone are read in the rule's time zone
    (of two equal local times the earlier one). Bad rows become null and go to ``faults``. Raises
    UsageError when the whole column cannot be times without more being said.
    """
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        times = _from_timestamps(values, rule.time_zone)
    elif rule.unit in {"s", "ms"}:
        times = _from_numbers(values, rule.unit, column, faults)
    elif pa.types.is_string(values.type):
        times = _from_text(values, rule.time_zone, column, faults)
    else:
        raise UsageError(
            f'{name}: the column {column!r} holds {values.type}; say unit = "s" or unit = "ms" in a mapping'
        )
    return _in_range(times, column, faults)


def _in_range(times: Any, column: str, faults: Faults) -> Any:
    first = pa.scalar(datetime(1970, 1, 1), _MILLISECONDS)  # noqa: DTZ001
    good = pc.and_(pc.greater_equal(times, first), pc.less(times, pa.scalar(_LAST, _MILLISECONDS)))
    bad = pc.invert(pc.fill_null(good, True))
    faults.add_where(bad, column, lambda _: "lies outside the years 1970 to 2999; check its unit")
    return pc.if_else(bad, pa.scalar(None, _MILLISECONDS), times).cast(TIMESTAMP)


def _from_timestamps(values: Any, zone: str) -> Any:
    if getattr(values.type, "tz", None) is None:
        values = _assume(values.cast(pa.timestamp("us"), safe=False), zone)
    return _floor(values.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.timestamp("us")))


def _assume(naive: Any, zone: str) -> Any:
    if zone == "UTC":
        return naive
    local = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    return local.cast(pa.timestamp("us", "UTC"))


def _floor(times: Any) -> Any:
    return pc.floor_temporal(times, unit="millisecond").cast(_MILLISECONDS)


def _from_numbers(values: Any, unit: str, column: str, faults: Faults) -> Any:
    if pa.types.is_string(values.type):
        good = pc.match_substring_regex(values, NUMBER)
        faults.add_where(
            pc.invert(pc.fill_null(good, True)),
            column,
            lambda row: f"{short(values[row])} is not a Unix time",
        )
        values = pc.if_else(good, values, pa.scalar(None, pa.string()))
        whole = pc.all(pc.match_substring_regex(values, _DIGITS)).as_py() is not False
        values = values.cast(pa.int64() if whole else pa.float64())
    if unit == "ms" and pa.types.is_integer(values.type):
        return _bounded(values.cast(pa.float64(), safe=False), values)
    scaled = pc.multiply(values.cast(pa.float64(), safe=False), 1000.0 if unit == "s" else 1.0)
    # Seconds with decimals are not exact in floating point: 0.025 s must not become 24 ms.
    scaled = pc.round(scaled) if unit == "s" else pc.floor(scaled)
    return _bounded(scaled, scaled)


def _bounded(size: Any, values: Any) -> Any:
    """Milliseconds as times; far outside any range (or not finite) as a time out of range."""
    fits = pc.and_(pc.is_finite(size), pc.less(pc.abs(size), 1e15))
    return pc.if_else(fits, values, -1).cast(pa.int64()).cast(_MILLISECONDS)


def _from_text(values: Any, zone: str, column: str, faults: Faults) -> Any:
    values = pc.replace_substring_regex(values, r"\s*(?:UTC|GMT)$", "Z")
    try:
        return _fast_text(values, zone)
    except pa.ArrowInvalid:
        return _slow_text(values, zone, column, faults)


def _fast_text(values: Any, zone: str) -> Any:
    """The usual ISO 8601 spellings. Raises ArrowInvalid when a single value is something else."""
    is_zoned = pc.and_(
        pc.match_substring_regex(values, _ZONED), pc.invert(pc.match_substring_regex(values, _DATE_ONLY))
    )
    none = pa.scalar(None, pa.string())
    zoned = pc.if_else(is_zoned, values, none).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    naive = pc.if_else(is_zoned, none, values).cast(pa.timestamp("us"))
    return _floor(
        pc.coalesce(zoned, _assume(naive, zone).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")))
    )


def _slow_text(values: Any, zone: str, column: str, faults: Faults) -> Any:
    encoded = values.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    parsed = [_parse(text) for text in texts]
    naive = pa.array([t if t is not None and t.tzinfo is None else None for t in parsed], pa.timestamp("us"))
    zoned = pa.array([_utc(t) if t is not None and t.tzinfo else None for t in parsed], pa.timestamp("us"))
    times = pc.coalesce(zoned, _assume(naive, zone).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")))
    result = times.take(encoded.indices)
    bad = pa.array(np.asarray(pc.is_valid(values)) & ~np.asarray(pc.is_valid(result)))
    faults.add_where(bad, column, lambda row: _reason(values[row].as_py()))
    return _floor(result)


def _parse(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if not text.isdigit() else None
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _reason(text: str) -> str:
    if text.lstrip("-").replace(".", "", 1).isdigit():
        return f'{short(text)} looks like a Unix time; say unit = "s" or unit = "ms" in a mapping'
    return f"{short(text)} is not an ISO 8601 time such as 2026-03-09 12:00:00"


def short(value: Any) -> str:
    """A value for a message, quoted and cut to 60 characters."""
    text = value.as_py() if hasattr(value, "as_py") else value
    return repr(text if not isinstance(text, str) or len(text) <= 60 else text[:59] + "…")
