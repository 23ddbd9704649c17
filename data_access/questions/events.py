"""Questions that count events: over time, by any dimension, by login state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import cast, get_args

import pyarrow as pa

from data_access.model import Filters, Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.overview import FIGURES, RATES
from data_access.sql import Interval, Params, bucket, value_or_unknown, where, with_span

MAX_LIMIT = 1000
_AUTO: tuple[tuple[int, Interval], ...] = ((2, "hour"), (92, "day"), (730, "week"))


def over_time(ask: Ask) -> Sql:
    """A row for each local hour, day, week or month that has events."""
    params = Params({})
    text = f"""
with
figures as (
    select {bucket(interval_of(ask), ask.filters.time_zone)} as time, {FIGURES}
    from events
    where {where(ask.filters, ask.scope, params)}
    group by 1
)
select time, events, clients, visitors, sessions, {RATES}
from figures
order by time
"""
    return with_span(Sql(text, params.values), ask.filters)


def interval_of(ask: Ask) -> Interval:
    """The interval asked for; ``auto`` takes one that gives a readable number of points."""
    name = ask.values["interval"]
    if name != "auto" and name not in get_args(Interval):
        raise UsageError(f"interval={name!r}; it takes auto, {', '.join(get_args(Interval))}")
    days = (ask.filters.to_day - ask.filters.from_day).days + 1
    return cast(Interval, name) if name != "auto" else next((i for n, i in _AUTO if days <= n), "month")


def with_empty_buckets(table: pa.Table, ask: Ask) -> pa.Table:
    """The series with a row of zeros for every interval of the period in which nothing happened."""
    rows = {row["time"]: row for row in table.to_pylist()}
    zeros = dict.fromkeys(table.column_names, 0)
    filled = [rows.get(t, zeros | {"time": t}) for t in bucket_starts(ask.filters, interval_of(ask))]
    return pa.Table.from_pylist(filled, schema=table.schema)


def bucket_starts(filters: Filters, interval: Interval) -> Iterator[datetime]:
    """Local starts of the intervals that the period touches."""
    at = _start_of(datetime.combine(filters.from_day, time()), interval)
    end = datetime.combine(filters.to_day, time(23, 59, 59))
    while at <= end:
        yield at
        at = _next(at, interval)


def _start_of(at: datetime, interval: Interval) -> datetime:
    if interval == "week":
        return at - timedelta(days=at.weekday())
    return at.replace(day=1) if interval == "month" else at


def _next(at: datetime, interval: Interval) -> datetime:
    if interval == "month":
        return (at.replace(day=28) + timedelta(days=4)).replace(day=1)
    return at + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[interval]


def mix(ask: Ask) -> Sql:
    """Events, visitors and sessions by a dimension, most events first, and the share of all events."""
    return _by(ask, ask.values["by"], "value", limit_of(ask.values["limit"]))


def by_login_state(ask: Ask) -> Sql:
    """Events, visitors and sessions by login state; blank is 'unknown'."""
    return _by(ask, "login_state", "login_state", MAX_LIMIT)


def _by(ask: Ask, dimension: str, name: str, limit: int) -> Sql:
    params = Params({})
    text = f"""
with
groups as (
    select
        {value_or_unknown(dimension)} as {name},
        count(*) as events,
        count(distinct visitor_id) as visitors,
        count(distinct session_key) as sessions
    from events
    where {where(ask.filters, ask.scope, params)}
    group by 1
)
select {name}, events, visitors, sessions, cast(events as double) / sum(events) over () as share
from groups
order by events desc, {name}
limit {limit}
"""
    return with_span(Sql(text, params.values), ask.filters)


def limit_of(text: str) -> int:
    """A row limit of 1 to 1,000."""
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise UsageError(f"limit={text!r}; it takes a whole number from 1 to {MAX_LIMIT}")
    return int(text)


QUESTIONS = (
    Question(
        "events.over_time",
        "Events, clients, visitors, sessions and rates (%) by hour, day, week or month",
        over_time,
        (Param("interval", "auto", "auto, hour, day, week or month, in the site's time zone"),),
        with_empty_buckets,
    ),
    Question(
        "events.mix",
        "Events, visitors, sessions and share (0 to 1) by a dimension, most events first",
        mix,
        (
            Param("by", "event_name", "A dimension, or properties.<name>"),
            Param("limit", "10", "Rows, 1 to 1,000"),
        ),
    ),
    Question(
        "events.by_login_state",
        "Events, visitors, sessions and share (0 to 1) by login state",
        by_login_state,
    ),
)
