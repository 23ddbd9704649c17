"""Moments as findings keep them, microseconds since 1970 in UTC; and times without zone, as the rest does."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

DAY = 86_400_000_000
"""Microseconds of a day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def now() -> int:
    """This moment."""
    return time.time_ns() // 1000


def utc(moment: int) -> datetime:
    """A moment as UTC time without zone, as in answers."""
    return _EPOCH + timedelta(microseconds=moment)


def of_seconds(seconds: float) -> datetime:
    """The UTC time without zone of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def of(value: datetime) -> int:
    """The moment of a time with a zone; of one without, taken as UTC."""
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return (plain - _EPOCH) // timedelta(microseconds=1)


def text(moment: int) -> str:
    """A moment as RFC 3339 in UTC, to the millisecond."""
    return utc(moment).isoformat(timespec="milliseconds") + "Z"
