"""Traffic: visitors, sessions and page views, where they come from and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from data_access.local_time import hour_of_day, utc_span, weekday
from data_access.model import Filters, Scope, Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import Key, dimension_key, filled, grouped, limit, ranked, total
from data_access.questions.series import over_time
from data_access.sql import (
    Params,
    chosen_sites,
    scope_condition,
)

METRICS = ("visitors", "sessions", "page_views", "bounce_rate", "pages_per_session", "median_session_seconds")
SORTS = ("visitors", "sessions", "page_views")
BY_TIME = ("visitors", "sessions", "page_views", "events")
_BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as all times of the lake


def kpis(ask: Ask) -> Sql:
    """One row of the key figures."""
    return total(ask, METRICS)


def by(ask: Ask) -> Sql:
    """The key figures by a dimension of the event or of its session."""
    sort = ask.values["sort"]
    if sort not in SORTS:
        raise UsageError(f"sort={sort!r}; it takes {', '.join(SORTS)}")
    return ranked(ask, METRICS, dimension_key(ask.values["by"]), sort)


def new_and_returning(ask: Ask) -> Sql:
    """The key figures of new visitors, whose first event ever is in the period, and of returning ones."""
    key = Key("visitor", lambda _: "visitor", _told_apart)
    sql = grouped(ask, METRICS, (key,))
    return replace(sql, span=(_BEGINNING, utc_span(ask.filters)[1]))


def _told_apart(filters: Filters, scope: Scope, params: Params) -> str:
    """Events that say whether their visitor was there before the period, on the sites it is about."""
    conditions = [f"ts < {params.add(utc_span(filters)[0])}"]
    conditions += scope_condition(scope, params, chosen_sites(filters.where))
    return f"""(
        select events.*,
            case
                when events.visitor_id is null then 'unknown'
                when known.visitor_id is null then 'new'
                else 'returning'
            end as visitor
        from events
        left join (
            select distinct visitor_id from events where {" and ".join(conditions)}
        ) known on known.visitor_id = events.visitor_id
    ) told"""


def with_both(table: pa.Table, _ask: Ask) -> pa.Table:
    """The rows with those of ``new`` and ``returning`` that nobody was."""
    known = table["visitor"].to_pylist()
    wanted = ["new", "returning", *(name for name in known if name == "unknown")]
    return filled(table, ({"visitor": name} for name in wanted))


def by_weekday_and_hour(ask: Ask) -> Sql:
    """Visitors, sessions, page views and events by local day of the week (0 is Monday) and hour."""
    return grouped(ask, BY_TIME, (Key("weekday", weekday), Key("hour", hour_of_day)))


def whole_week(table: pa.Table, ask: Ask) -> pa.Table:
    """All 168 hours of the week, from the site's first day of it; zeros where nothing happened."""
    days = [(ask.filters.week_start + n) % 7 for n in range(7)]
    return filled(table, ({"weekday": day, "hour": hour} for day in days for hour in range(24)))


QUESTIONS = (
    Question(
        "traffic.kpis",
        "Visitors, sessions, page views, bounce rate (%), pages per session, median session length (s)",
        kpis,
        metrics=METRICS,
    ),
    over_time(
        "traffic.over_time",
        "The traffic figures by hour, day, week or month",
        METRICS,
    ),
    Question(
        "traffic.by",
        "The traffic figures by a dimension: page_path, entry_page, entry_channel, country, device, …",
        by,
        (
            Param("by", "page_path", "A dimension of the event or its session, or properties.<name>"),
            Param("sort", "visitors", "Largest first by visitors, sessions or page_views"),
            Param("limit", "10", "Rows, 1 to 1,000"),
        ),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
    Question(
        "traffic.new_and_returning",
        "The traffic figures of new and of returning visitors",
        new_and_returning,
        finish=with_both,
        metrics=METRICS,
    ),
    Question(
        "traffic.by_weekday_and_hour",
        "Visitors, sessions, page views and events by day of the week and hour",
        by_weekday_and_hour,
        finish=whole_week,
        metrics=BY_TIME,
    ),
)
