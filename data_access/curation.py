"""What the curated tables hold, as portable SQL: the same text curates on every form.

Relations a back end provides: ``incoming`` (OWNER as owner, and ts, of events not curated yet),
``events``, the curated ones, and ``received``: site, ts, received_at, event_type and ingest_id of raw rows,
and whether they are ``repeated``, the event having been there already.
"""

from __future__ import annotations

from data_access.events import IS_LOGGED
from data_access.sql import milliseconds

IDLE_SECONDS = 1800
"""A session ends when nothing happens for longer than this: the field's usual 30 minutes."""


def _number_of(text: str) -> str:
    """SQL of 60 bits of an MD5: the same number on every engine and at every curation. Numbers take a
    quarter of the memory that the texts would."""
    return f"from_base(substr(to_hex(md5(to_utf8({text}))), 1, 15), 16)"


LATE_SECONDS = 86400
"""Rows that come longer than this after their event are late."""
FUTURE_SECONDS = 300
"""Rows that come longer than this before their event have a wrong clock."""

LAYOUT_VERSION = 4
"""Raised when what the texts here give has changed: curated data is then made anew from what there is."""

OWNER = _number_of("site || '|' || coalesce('s:' || session_id, 'v:' || cast(visitor_id as varchar))")
"""Whose session an event belongs to: the source's own session id where there is one, else the visitor.
NULL for an event without any identity, which belongs to no session."""

SESSION_KEY = _number_of(f"cast(owner as varchar) || '|' || cast({milliseconds('session_start')} as varchar)")
"""A session is its owner and its start."""

PLACED = f"""
with
affected as (
    select distinct owner from incoming
),
together as (
    select owner, ts, cast(null as timestamp(6)) as known from incoming
    union all
    select {OWNER} as owner, ts, session_start as known from events
),
moments as (
    select together.owner, together.ts, min(known) as known
    from together
    join affected on affected.owner = together.owner
    group by together.owner, together.ts
),
gaps as (
    select
        owner,
        ts,
        case
            when to_unixtime(ts) - to_unixtime(lag(ts) over (partition by owner order by ts))
                <= {IDLE_SECONDS}
            then null
            else coalesce(known, ts)
        end as opened
    from moments
),
started as (
    select
        owner,
        ts,
        max(opened) over (partition by owner order by ts rows unbounded preceding) as session_start
    from gaps
)
select owner, ts, session_start, {SESSION_KEY} as session_key
from started
"""
"""The session of every moment of every owner that has incoming events, old moments included: a late
event can join two sessions. Of a session that began before the events at hand, its start is known."""

_VIEW = "case when event_type = 'page_view' then place end"
_PAGE = "case when event_type = 'page_view' and page_path is not null then place end"


def _first_known(column: str) -> str:
    """SQL of a column's value in the first event that has one. Engines differ in what ``min_by`` makes of
    missing values, so none may reach it."""
    return f"min_by({column}, case when {column} is not null then place end)"


SESSIONS = f"""
with
placed as (
    select
        *,
        row_number() over (partition by session_key order by ts, event_id) as place
    from events
    where session_key is not null
)
select
    session_key,
    min(site) as site,
    min(session_start) as session_start,
    max(ts) as session_end,
    {_first_known("visitor_id")} as visitor_id,
    count(*) as events,
    count(case when event_type = 'page_view' then 1 end) as page_views,
    min_by(page_path, {_PAGE}) as entry_page,
    max_by(page_path, {_PAGE}) as exit_page,
    {_first_known("channel")} as entry_channel,
    {_first_known("country")} as country,
    {_first_known("device")} as device,
    bool_or(is_bot) as is_bot,
    case
        when count(case when event_type = 'page_view' then 1 end) > 0
        then nullif(min_by(coalesce(referrer, ''), {_VIEW}), '')
        else {_first_known("referrer")}
    end as entry_referrer,
    {_first_known("utm_source")} as entry_utm_source,
    {_first_known("utm_medium")} as entry_utm_medium,
    {_first_known("utm_campaign")} as entry_utm_campaign
from placed
group by session_key
"""
"""Events of one moment go by their ids: the same data gives the same sessions, however it is read."""

ORDERS = f"""
with
placed as (
    select
        *,
        row_number() over (partition by site, order_id order by ts, event_id) as place
    from events
    where coalesce(order_id, '') <> ''
)
select
    site,
    order_id,
    min(ts) as ts,
    {_first_known("visitor_id")} as visitor_id,
    {_first_known("session_key")} as session_key,
    {_first_known("revenue")} as revenue,
    {_first_known("currency")} as currency,
    bool_or(is_bot) as is_bot
from placed
group by site, order_id
"""

_AGE = f"({milliseconds('received_at')} - {milliseconds('ts')})"
_COUNTED = f"""case
        when {_AGE} >= {-FUTURE_SECONDS * 1000} and {_AGE} <= {LATE_SECONDS * 1000} then ts
        else received_at
    end"""
INTAKE = f"""
select
    site,
    date_trunc('minute', ts) as minute,
    count(*) as received,
    count(case when repeated then 1 end) as duplicates,
    count(case when {_AGE} > {LATE_SECONDS * 1000} then 1 end) as late,
    event_type,
    date_trunc('minute', {_COUNTED}) as counted,
    {IS_LOGGED} as logged
from received
group by 1, 2, 6, 7, 8
"""
"""What came in, by the minute of the events' own time; and by the minute in which they count live, which is
that of their arrival when the two are too far apart (`pipeline.live`)."""
