"""Metrics over time, in the site's hours, days, weeks or months."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import cast, get_args

import pyarrow as pa

from data_access.local_time import Interval, bucket
from data_access.model import Filters, Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import Key, filled, grouped

INTERVAL = Param("interval", "auto", "auto, hour, day, week or month, by the site's calendar")
_AUTO: tuple[tuple[int, Interval], ...] = ((2, "hour"), (92, "day"), (730, "week"))


def over_time(name: str, help_text: str, metrics: tuple[str, ...]) -> Question:
    """The question for some metrics over time: a row for every interval, also without events."""

    def sql(ask: Ask) -> Sql:
        interval = interval_of(ask)
        return grouped(ask, metrics, (Key("time", lambda filters: bucket(interval, filters)),))

    return Question(
        name, help_text, sql, (INTERVAL,), with_empty_buckets, metrics, "position", settle=settled
    )


def settled(ask: Ask) -> Ask:
    """The asking with the interval that ``auto`` means, so that the series before has the same."""
    return replace(ask, values={**ask.values, "interval": interval_of(ask)})


def interval_of(ask: Ask) -> Interval:
    """The interval asked for; ``auto`` takes one that gives a readable number of points."""
    name = ask.values["interval"]
    if name != "auto" and name not in get_args(Interval):
        raise UsageError(f"interval={name!r}; it takes auto, {', '.join(get_args(Interval))}")
    days = (ask.filters.to_day - ask.filters.from_day).days + 1
    return cast(Interval, name) if name != "auto" else next((i for n, i in _AUTO if days <= n), "month")


def with_empty_buckets(table: pa.Table, ask: Ask) -> pa.Table:
    """The series with a row for every interval of the period in which nothing happened."""
    return filled(table, ({"time": start} for start in bucket_starts(ask.filters, interval_of(ask))))


def bucket_starts(filters: Filters, interval: Interval) -> Iterator[datetime]:
    """Local starts of the intervals that the period touches."""
    at = _start_of(datetime.combine(filters.from_day, time()), interval, filters.week_start)
    end = datetime.combine(filters.to_day, time(23, 59, 59))
    while at <= end:
        yield at
        at = _next(at, interval)


def _start_of(at: datetime, interval: Interval, week_start: int) -> datetime:
    if interval == "week":
        return at - timedelta(days=(at.weekday() - week_start) % 7)
    return at.replace(day=1) if interval == "month" else at


def _next(at: datetime, interval: Interval) -> datetime:
    if interval == "month":
        return (at.replace(day=28) + timedelta(days=4)).replace(day=1)
    return at + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[interval]
