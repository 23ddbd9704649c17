"""What the curated tables hold, as portable SQL: the same text curates on every form.

Relations a back end provides: ``incoming`` (OWNER as owner, and ts, of events not curated yet),
``events``, the curated ones, and ``received``: site, ts and received_at of raw rows, and whether they are
``repeated``, the event having been there already.
"""

from __future__ import annotations

from data_access.sql import milliseconds

IDLE_SECONDS = 1800
"""A session ends when nothing happens for longer than this: the field's usual 30 minutes."""


def _number_of(text: str) -> str:
    """SQL of 60 bits of an MD5: the same number on every engine and at every curation. Numbers take a
    quarter of the memory that the texts would."""
    return f"from_base(substr(to_hex(md5(to_utf8({text}))), 1, 15), 16)"


LATE_SECONDS = 86400
"""Rows that come longer than this after their event are late."""

LAYOUT_VERSION = 2
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
    select owner, ts from incoming
    union all
    select {OWNER} as owner, ts from events
),
moments as (
    select distinct together.owner, together.ts
    from together
    join affected on affected.owner = together.owner
),
gaps as (
    select
        owner,
        ts,
        case
            when to_unixtime(ts) - to_unixtime(lag(ts) over (partition by owner order by ts))
                <= {IDLE_SECONDS}
            then null
            else ts
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
event can join two sessions."""

SESSIONS = """
select
    session_key,
    min(site) as site,
    min(session_start) as session_start,
    max(ts) as session_end,
    min_by(visitor_id, ts) as visitor_id,
    count(*) as events,
    count_if(event_type = 'page_view') as page_views,
    min_by(page_path, case when event_type = 'page_view' then ts end) as entry_page,
    max_by(page_path, case when event_type = 'page_view' then ts end) as exit_page,
    min_by(channel, case when channel is not null then ts end) as entry_channel,
    min_by(country, ts) as country,
    min_by(device, ts) as device,
    bool_or(is_bot) as is_bot,
    case
        when count_if(event_type = 'page_view') > 0
        then nullif(min_by(coalesce(referrer, ''), case when event_type = 'page_view' then ts end), '')
        else min_by(referrer, case when referrer is not null then ts end)
    end as entry_referrer,
    min_by(utm_source, case when utm_source is not null then ts end) as entry_utm_source,
    min_by(utm_medium, case when utm_medium is not null then ts end) as entry_utm_medium,
    min_by(utm_campaign, case when utm_campaign is not null then ts end) as entry_utm_campaign
from events
where session_key is not null
group by session_key
"""

ORDERS = """
select
    site,
    order_id,
    min(ts) as ts,
    min_by(visitor_id, ts) as visitor_id,
    min_by(session_key, ts) as session_key,
    min_by(revenue, case when revenue is not null then ts end) as revenue,
    min_by(currency, case when currency is not null then ts end) as currency,
    bool_or(is_bot) as is_bot
from events
where coalesce(order_id, '') <> ''
group by site, order_id
"""

INTAKE = f"""
select
    site,
    date_trunc('minute', ts) as minute,
    count(*) as received,
    count(case when repeated then 1 end) as duplicates,
    count(case when to_unixtime(received_at) - to_unixtime(ts) > {LATE_SECONDS} then 1 end) as late
from received
group by 1, 2
"""
"""What came in, by the minute of the events' own time."""
