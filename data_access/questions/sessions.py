"""Sessions: the busiest, and one event by event."""

from __future__ import annotations

import re

from data_access.local_time import utc_span
from data_access.model import Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import limit
from data_access.sql import Params, scope_condition, where


def timeline(ask: Ask) -> Sql:
    """The session's events in order, with seconds since its start and to the next event."""
    key = ask.values["session"]
    if not re.fullmatch("[0-9]{1,19}", key) or int(key) >= 2**63:
        raise UsageError(f"session={key!r}; take it from the session_key column of explore.events")
    params = Params({})
    conditions = [f"session_key = {params.add(int(key))}", *scope_condition(ask.scope, params)]
    text = f"""
select
    ts,
    to_unixtime(ts) - to_unixtime(session_start) as seconds_since_start,
    to_unixtime(lead(ts) over (order by ts, event_id)) - to_unixtime(ts) as seconds_to_next,
    event_name,
    event_type,
    page_path,
    page_title,
    product_name,
    search_term,
    order_id,
    revenue,
    currency,
    event_id,
    site
from events
where {" and ".join(conditions)}
order by events.ts, events.event_id
"""
    return Sql(text, params.values)


def busiest(ask: Ask) -> Sql:
    """Sessions by the source's own id, most events in the period first: their events, first and last event
    (UTC), and how many event types they have."""
    params = Params({})
    text = f"""
select
    site,
    session_id,
    count(*) as events,
    min(ts) as session_start,
    max(ts) as session_end,
    count(distinct event_type) as event_types
from events
where {where(ask.filters, ask.scope, params)} and coalesce(session_id, '') <> ''
group by site, session_id
order by 3 desc, 1, 2
limit {limit(ask) + 1}
"""
    return Sql(text, params.values, utc_span(ask.filters))


QUESTIONS = (
    Question(
        "sessions.busiest",
        "Sessions with the most events",
        busiest,
        (Param("limit", "100", "Rows, 1 to 1,000"),),
        limit=limit,
        rows=True,
    ),
    Question(
        "sessions.timeline",
        "The events of one session in order, with seconds between them",
        timeline,
        (Param("session", "", "The session_key of an event"),),
        about_period=False,
        rows=True,
    ),
)
