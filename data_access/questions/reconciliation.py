"""Reconciliation: what the lake holds of the log, minute by minute, to be held against the live counts."""

from __future__ import annotations

from datetime import datetime

from data_access.events import IS_LOGGED
from data_access.lists import values as listed
from data_access.model import Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.sql import Params, scope_condition


def minutes(ask: Ask) -> Sql:
    """Per site, minute (UTC) and event type, of what came through the log.

    ``final`` events whose own minute it is; ``received`` rows that count live in it, ``duplicates`` among
    them that were there already, and others ``moved_in``, whose own minute is another; ``moved_out`` are
    events of this minute that count live in another.
    """
    params = Params({})
    since = params.add(_moment(ask.values["since"]))
    shared = " and ".join([*scope_condition(ask.scope, params), "1 = 1"])
    text = f"""
with
parts as (
    select site, counted as minute, event_type, 0 as final, received, duplicates,
        case when minute <> counted then received - duplicates else 0 end as moved_in, 0 as moved_out
    from intake
    where logged and counted >= {since} and {shared}
    union all
    select site, minute, event_type, 0 as final, 0 as received, 0 as duplicates, 0 as moved_in,
        case when minute <> counted then received - duplicates else 0 end as moved_out
    from intake
    where logged and minute >= {since} and {shared}
    union all
    select site, date_trunc('minute', ts) as minute, event_type, 1 as final, 0 as received, 0 as duplicates,
        0 as moved_in, 0 as moved_out
    from events
    where {IS_LOGGED} and ts >= {since} and {shared}
)
select
    site,
    minute,
    event_type,
    cast(sum(final) as bigint) as final,
    cast(sum(received) as bigint) as received,
    cast(sum(duplicates) as bigint) as duplicates,
    cast(sum(moved_in) as bigint) as moved_in,
    cast(sum(moved_out) as bigint) as moved_out
from parts
group by site, minute, event_type
order by minute, site, event_type
"""
    return Sql(text, params.values)


def extent(ask: Ask) -> Sql:
    """First and last minute (UTC) in which events counted that came through the log, and how many came."""
    params = Params({})
    conditions = scope_condition(ask.scope, params, listed(ask.values["site"]))
    text = f"""
select
    min(counted) as first_minute,
    max(counted) as last_minute,
    cast(coalesce(sum(received), 0) as bigint) as received
from intake
where {" and ".join(["logged", *conditions])}
"""
    return Sql(text, params.values)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise UsageError(f"since={text!r}; it takes a UTC time such as 2026-03-09T12:00") from None


QUESTIONS = (
    Question(
        "reconciliation.minutes",
        "What the lake holds of the log by site, minute and type, to be compared with the live counts",
        minutes,
        (Param("since", "1970-01-01T00:00", "First minute, UTC"),),
        about_period=False,
    ),
    Question(
        "reconciliation.extent",
        "First and last minute in which events came through the log, and how many",
        extent,
        (Param("site", "", "Sites to look at, separated by commas; default: all"),),
        about_period=False,
    ),
)
