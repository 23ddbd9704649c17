"""Questions about the data itself: how far it reaches, which values a dimension has."""

from __future__ import annotations

from data_access.lists import values as listed
from data_access.local_time import utc_span
from data_access.model import Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.sql import (
    SESSION_DIMENSIONS,
    Params,
    chosen_sites,
    column,
    scope_condition,
)

CHOICES = 1000


def extent(ask: Ask) -> Sql:
    """First and last event time (UTC) and number of events, bots included."""
    params = Params({})
    conditions = scope_condition(ask.scope, params, listed(ask.values["site"]))
    text = f"""
select min(ts) as first_ts, max(ts) as last_ts, count(*) as events
from events
where {_all(conditions)}
"""
    return Sql(text, params.values)


def values(ask: Ask) -> Sql:
    """The values a dimension has in all of the data, most frequent first."""
    dimension = ask.values["dimension"]
    if not dimension:
        raise UsageError("data.values needs dimension=…, for example dimension=country")
    params = Params({})
    conditions = scope_condition(ask.scope, params)
    of_session = dimension in SESSION_DIMENSIONS
    value = dimension if of_session else column(dimension)
    text = f"""
select {value} as value, {"cast(sum(events) as bigint)" if of_session else "count(*)"} as events
from {"sessions" if of_session else "events"}
where {_all([*conditions, f"coalesce({value}, '') <> ''"])}
group by 1
order by 2 desc, 1
limit {CHOICES}
"""
    return Sql(text, params.values)


def quality(ask: Ask) -> Sql:
    """What was received for the period and its sites: rows, resent ones among them, late ones.

    Counted as they arrive, by the minute of the event's time, so that no raw data is read here.
    """
    params = Params({})
    start, end = utc_span(ask.filters)
    conditions = [f"minute >= {params.add(start)}", f"minute < {params.add(end)}"]
    conditions += scope_condition(ask.scope, params, chosen_sites(ask.filters.where))
    text = f"""
select
    cast(coalesce(sum(received), 0) as bigint) as received,
    cast(coalesce(sum(duplicates), 0) as bigint) as duplicates,
    cast(coalesce(sum(late), 0) as bigint) as late
from intake
where {_all(conditions)}
"""
    return Sql(text, params.values)


def _all(conditions: list[str]) -> str:
    return " and ".join(conditions) or "1 = 1"


QUESTIONS = (
    Question(
        "data.extent",
        "First and last event, and how many there are",
        extent,
        (Param("site", "", "Sites to look at, separated by commas; default: all"),),
        about_period=False,
    ),
    Question(
        "data.values",
        "Values of a dimension in all data, most frequent first (at most 1,000)",
        values,
        (Param("dimension", "", "A dimension, or properties.<name>"),),
        about_period=False,
    ),
    Question(
        "data.quality",
        "Rows received for the period and its sites, duplicates and late rows among them",
        quality,
    ),
)
