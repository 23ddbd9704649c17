"""Questions that count events: over time, by any dimension, by login state."""

from __future__ import annotations

from data_access.local_time import utc_span
from data_access.model import Sql
from data_access.questions import overview
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import MAX_LIMIT, dimension_key, limit, ranked
from data_access.questions.series import over_time
from data_access.sql import Params, where

METRICS = ("events", "visitors", "sessions", "share")


def mix(ask: Ask) -> Sql:
    """Events, visitors and sessions by a dimension, most events first, and the share of all events."""
    return ranked(ask, METRICS, dimension_key(ask.values["by"]), "events")


def by_login_state(ask: Ask) -> Sql:
    """Events, visitors and sessions by login state; blank is 'unknown'."""
    return ranked(ask, METRICS, dimension_key("login_state", "login_state"), "events")


def by_hour_and_type(ask: Ask) -> Sql:
    """Events by hour (UTC) and event type, oldest first; hours without events have no row."""
    params = Params({})
    text = f"""
select date_trunc('hour', ts) as hour, event_type, count(*) as events
from events
where {where(ask.filters, ask.scope, params)}
group by 1, 2
order by 1, 2
"""
    return Sql(text, params.values, utc_span(ask.filters))


def errors(ask: Ask) -> Sql:
    """Error events, newest first. ``message`` and ``code`` stay in ``properties``."""
    params = Params({})
    text = f"""
select site, event_id, ts, session_id, user_id, source, country, page_path, properties
from events
where {where(ask.filters, ask.scope, params)} and event_type = 'error'
order by events.ts desc, events.event_id
limit {limit(ask) + 1}
"""
    return Sql(text, params.values, utc_span(ask.filters))


QUESTIONS = (
    over_time(
        "events.over_time",
        "Events, clients, visitors, sessions and rates (%) by hour, day, week or month",
        overview.METRICS,
    ),
    Question(
        "events.mix",
        "Events, visitors, sessions and share (0 to 1) by a dimension, most events first",
        mix,
        (
            Param("by", "event_name", "A dimension of the event or its session, or properties.<name>"),
            Param("limit", "10", "Rows, 1 to 1,000"),
        ),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
    Question(
        "events.by_login_state",
        "Events, visitors, sessions and share (0 to 1) by login state",
        by_login_state,
        (Param("limit", str(MAX_LIMIT), "Rows, 1 to 1,000"),),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
    Question("events.by_hour_and_type", "Events by hour (UTC) and event type", by_hour_and_type),
    Question(
        "events.errors",
        "Error events, newest first",
        errors,
        (Param("limit", "100", "Rows, 1 to 1,000"),),
        limit=limit,
        rows=True,
    ),
)
