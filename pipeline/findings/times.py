"""Times of findings: ISO 8601 in any zone and precision, or epoch numbers, as UTC microseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

NO_ZONE = "has no time zone and is taken as UTC"
NOT_A_TIME = "is not a time"
_OUTSIDE = "is not between 1970 and 2100"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A date far ahead would beat every later version of the finding for ever, so it is no time of a version.
_LATEST = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_NUMBER = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?")
# Seconds of a time up to 2100 have at most ten digits, milliseconds 13, microseconds 16.
_UNITS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))


def to_micros(value: object) -> tuple[int | None, str]:
    """The time in microseconds since 1970 (UTC), or None; and what is wrong with it, in words, or "".

    Digits beyond the microsecond are cut off. Numbers are seconds, milliseconds or microseconds, by size.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _epoch(value, "")
    if not isinstance(value, str):
        return None, NOT_A_TIME
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _epoch(float(text) if "." in text else int(text), "is a number as text")
    return _iso(text)


def _epoch(value: float, wrong: str) -> tuple[int | None, str]:
    for limit, factor in _UNITS:
        if 0 < value < limit:
            return _within(round(value * factor), wrong)
    return None, _OUTSIDE


def _iso(text: str) -> tuple[int | None, str]:
    match = _ISO.fullmatch(text)
    if not match:
        return None, NOT_A_TIME
    year, month, day, hour, minute, second, fraction, zulu, sign, off_hours, off_minutes = match.groups("")
    seconds = int(second or 0)
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    if seconds > 60 or int(off_minutes or 0) > 59:
        return None, NOT_A_TIME
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=UTC)
        # A leap second is the first of the next minute: datetime knows none.
        moment += timedelta(seconds=seconds) + (offset if sign == "-" else -offset)
    except (ValueError, OverflowError):
        return None, NOT_A_TIME
    micros = (moment - _EPOCH) // timedelta(microseconds=1) + int(f"{fraction:0<6}"[:6])
    return _within(micros, _missing_part(hour, zulu or sign))


def _missing_part(hour: str, zone: str) -> str:
    if not hour:
        return "has no time of day"
    return "" if zone else NO_ZONE


def _within(micros: int, wrong: str) -> tuple[int | None, str]:
    return (micros, wrong) if 0 < micros < _LATEST else (None, _OUTSIDE)
