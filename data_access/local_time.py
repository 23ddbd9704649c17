"""The site's calendar: local days as UTC ranges, and SQL for local hours, days, weeks and months."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from data_access.model import Filters

Interval = Literal["hour", "day", "week", "month"]


def utc_span(filters: Filters) -> tuple[datetime, datetime]:
    """The filters' local days, end day included, as a half-open UTC range without zone."""
    zone = ZoneInfo(filters.time_zone)
    start = datetime.combine(filters.from_day, time(), zone)
    end = datetime.combine(filters.to_day + timedelta(days=1), time(), zone)
    return start.astimezone(UTC).replace(tzinfo=None), end.astimezone(UTC).replace(tzinfo=None)


def bucket(interval: Interval, filters: Filters) -> str:
    """SQL of the local start of the hour, day, week or month that ``ts`` falls in."""
    at = local("ts", filters)
    if interval != "week" or filters.week_start == 0:
        return f"date_trunc('{interval}', {at})"
    # date_trunc knows weeks that begin on Monday: move the week's own first day there and back.
    days = f"interval '{7 - filters.week_start}' day"
    return f"date_trunc('week', {at} + {days}) - {days}"


def weekday(filters: Filters) -> str:
    """SQL of the local day of the week of ``ts``: 0 for Monday to 6 for Sunday."""
    # 1970-01-01 was a Thursday. Engines disagree about their own functions for it.
    days = f"cast(floor(to_unixtime({local('ts', filters)}) / cast(86400 as double)) as bigint)"
    return f"mod({days} + 3, 7)"


def hour_of_day(filters: Filters) -> str:
    """SQL of the local hour of ``ts``, 0 to 23."""
    hours = f"cast(floor(to_unixtime({local('ts', filters)}) / cast(3600 as double)) as bigint)"
    return f"mod({hours}, 24)"


def local(column_name: str, filters: Filters) -> str:
    """SQL of a UTC time as local time in the filters' zone, exact within their period.

    The zone's offsets are worked out here and written as plain additions: all engines then agree, whose
    time zone tables may differ, and a row costs a tenth of what ``at time zone`` does.
    """
    start, end = utc_span(filters)
    changes = offsets(ZoneInfo(filters.time_zone), start, end)
    shifted = [_shifted(column_name, seconds) for _, seconds in changes]
    if len(shifted) == 1:
        return shifted[0]
    cases = (
        f"when to_unixtime({column_name}) < {until.replace(tzinfo=UTC).timestamp():.0f} then {text}"
        for text, (until, _) in zip(shifted, changes[1:], strict=False)
    )
    return f"case {' '.join(cases)} else {shifted[-1]} end"


def _shifted(column_name: str, seconds: int) -> str:
    if not seconds:
        return column_name
    return f"{column_name} {'+' if seconds > 0 else '-'} interval '{abs(seconds)}' second"


@lru_cache(maxsize=1024)
def offsets(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """A zone's UTC offsets in [start, end), naive UTC: when each begins, and its seconds."""
    found = [(start, _offset(zone, start))]
    day = start
    while day < end:
        following = min(day + timedelta(days=1), end)
        if _offset(zone, following) != found[-1][1]:
            change = _change(zone, day, following)
            found.append((change, _offset(zone, change)))
        day = following
    # A day that the zone skipped is an empty range: one offset is there all the same.
    return found[:1] + [entry for entry in found[1:] if entry[0] < end]


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second in (before, after] whose offset is the one at ``after``."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return int((offset or timedelta()).total_seconds())
