"""Raw events, newest first, page by page with a cursor."""

from __future__ import annotations

import re

import pyarrow as pa

from data_access.local_time import utc_span
from data_access.model import Sql, UsageError
from data_access.moments import of_seconds
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import limit_of
from data_access.sql import Params, milliseconds, where, with_span

COLUMNS = (
    "ts",
    "event_name",
    "event_type",
    "site",
    "cast(visitor_id as varchar) as visitor_id",
    "cast(session_key as varchar) as session_key",
    "login_state",
    "user_id",
    "client_id",
    "source",
    "page_path",
    "page_title",
    "referrer",
    "channel",
    "country",
    "device",
    "browser",
    "os",
    "is_bot",
    "product_id",
    "product_name",
    "product_category",
    "product_brand",
    "product_price",
    "order_id",
    "revenue",
    "currency",
    "search_term",
    "properties",
    "event_id",
)
"""What a row shows. The two 64-bit keys are text, as a browser's numbers end at 53 bits."""

_CURSOR = f"cast({milliseconds('ts')} as varchar) || '|' || site || '|' || event_id as cursor"


def events(ask: Ask) -> Sql:
    """One page of events, or all of a part of the period.

    Order: time, then event id, then site, so that no two rows tie.
    """
    params = Params({})
    newer = bool(ask.values["after"])
    direction = "asc" if newer else "desc"
    conditions = [where(ask.filters, ask.scope, params)]
    if ask.part:
        conditions += [f"ts >= {params.add(ask.part[0])}", f"ts < {params.add(ask.part[1])}"]
    given = ask.values["after"] or ask.values["before"]
    if given:
        conditions.append(_beyond(given, ">" if newer else "<", params))
    matching = " and ".join(conditions)
    edge, limit = "", ""
    if ask.part is None:
        limit = f"limit {limit_of(ask.values['limit'])}"
        edge = _edge(matching, direction, limit)
        matching += f" and ts {'<=' if newer else '>='} (select ts from edge)"
    text = f"""{edge}
select {_CURSOR}, {", ".join(COLUMNS)}
from events
where {matching}
order by events.ts {direction}, events.event_id {direction}, events.site {direction}
{limit}
"""
    return Sql(text, params.values, ask.part or utc_span(ask.filters))


def _edge(matching: str, direction: str, limit: str) -> str:
    """The time of a page's last row, found by reading times alone: the wide columns are then read only
    for rows up to it (five times faster on ten million events)."""
    return f"""
with
page as (
    select ts from events where {matching} order by events.ts {direction} {limit}
),
edge as (
    select {"max" if direction == "asc" else "min"}(ts) as ts from page
)"""


def _beyond(cursor: str, sign: str, params: Params) -> str:
    """Rows past the cursor in the order (ts, event_id, site)."""
    milliseconds_text, _, rest = cursor.partition("|")
    site, _, event_id = rest.partition("|")
    if not re.fullmatch("[0-9]{1,15}", milliseconds_text) or not event_id:
        raise UsageError(f"{cursor!r} is no cursor; take it from the cursor column of an answer")
    moment = of_seconds(int(milliseconds_text) / 1000)
    ts, id_, site_ = params.add(moment), params.add(event_id), params.add(site)
    return (
        f"(ts {sign} {ts} or (ts = {ts} and "
        f"(event_id {sign} {id_} or (event_id = {id_} and site {sign} {site_}))))"
    )


def newest_first(table: pa.Table, ask: Ask) -> pa.Table:
    """A page read upwards (``after``) turned around, so that every page is newest first."""
    upwards = pa.array(range(table.num_rows - 1, -1, -1), pa.int64())
    return table.take(upwards) if ask.values["after"] else table


def sizes(ask: Ask) -> Sql:
    """Rows by hour, newest first: what an export plans its parts by."""
    params = Params({})
    text = f"""
select cast(date_trunc('hour', ts) as timestamp) as hour, count(*) as rows
from events
where {where(ask.filters, ask.scope, params)}
group by 1
order by 1 desc
"""
    return with_span(Sql(text, params.values), ask.filters)


QUESTIONS = (
    Question(
        "explore.events",
        "Raw events, newest first, by pages; an export gives them all",
        events,
        (
            Param("limit", "100", "Rows a page, 1 to 1,000"),
            Param("before", "", "Cursor of the last row of a page: the next older page"),
            Param("after", "", "Cursor of the first row of a page: the next newer page"),
        ),
        newest_first,
        sizes=sizes,
        rows=True,
    ),
)
