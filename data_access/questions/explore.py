"""Raw events, newest first, page by page with a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from data_access.model import Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.events import limit_of
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
ALL = "all"


def events(ask: Ask) -> Sql:
    """One page of events. Order: time, then event id, then site, so that no two rows tie."""
    params = Params({})
    newer = bool(ask.values["after"])
    direction = "asc" if newer else "desc"
    conditions = [where(ask.filters, ask.scope, params)]
    given = ask.values["after"] or ask.values["before"]
    if given:
        conditions.append(_beyond(given, ">" if newer else "<", params))
    matching = " and ".join(conditions)
    edge, limit = "", ""
    if ask.values["limit"] != ALL:
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
    return with_span(Sql(text, params.values), ask.filters)


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
    if not milliseconds_text.isdigit() or len(milliseconds_text) > 15 or not event_id:
        raise UsageError(f"{cursor!r} is no cursor; take it from the cursor column of an answer")
    moment = datetime.fromtimestamp(int(milliseconds_text) / 1000, UTC).replace(tzinfo=None)
    ts, id_, site_ = params.add(moment), params.add(event_id), params.add(site)
    return (
        f"(ts {sign} {ts} or (ts = {ts} and "
        f"(event_id {sign} {id_} or (event_id = {id_} and site {sign} {site_}))))"
    )


def newest_first(table: pa.Table, ask: Ask) -> pa.Table:
    """A page read upwards (``after``) turned around, so that every page is newest first."""
    return table.take(list(range(table.num_rows - 1, -1, -1))) if ask.values["after"] else table


def by_day(ask: Ask) -> Iterator[Ask]:
    """The period's days, newest first: each is sorted alone, so an export needs little memory."""
    day = ask.filters.to_day
    while day >= ask.filters.from_day:
        one_day = replace(ask.filters, from_day=day, to_day=day)
        yield replace(ask, filters=one_day, values={"limit": ALL, "before": "", "after": ""})
        day -= timedelta(days=1)


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
        by_day,
    ),
)
