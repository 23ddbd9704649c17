"""Curation as statements of Athena, around the portable texts of ``data_access.curation``.

A round of curation puts all that it needs to know into the work table ``incoming`` first: the rows of new raw
files, each ``new`` or ``repeated``, and the curated events that ``moved`` into another session, with the
session they were in (``old_key``). What follows reads that table instead of the raw files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from data_access.curation import IDLE_SECONDS, INTAKE, ORDERS, OWNER, PLACED, SESSIONS
from data_access.events import (
    CURATED_SCHEMA,
    EVENT_SCHEMA,
    IS_LOGGED,
    ORDER_SCHEMA,
    SESSION_SCHEMA,
    TIMESTAMP,
)
from data_access.iceberg.tables import Layout, utc_day_start
from data_access.literals import quoted

INCOMING = "incoming"
_SEEN = [field.with_nullable(True) for field in CURATED_SCHEMA]
WORK: Layout = {
    INCOMING: (
        pa.schema(
            [
                *_SEEN,
                pa.field("old_key", pa.int64(), metadata={"doc": "The session the event was in"}),
                pa.field("old_start", TIMESTAMP, metadata={"doc": "Start of that session, UTC"}),
                pa.field("kind", pa.string(), metadata={"doc": "new, repeated or moved"}),
            ]
        ),
        None,
    )
}
"""The tables that only a curation reads, not partitioned: it reads them whole."""
MOST_FILES = 800
"""Files that are named in a text: Athena takes 256 KB of it."""
MOST_DAYS = 90
"""Days a statement writes: Athena opens no more than a hundred partitions at once."""

_RAW = ", ".join(EVENT_SCHEMA.names)
_ALL = ", ".join(WORK[INCOMING][0].names)


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, as ranges [first, last], in order and apart."""

    ranges: tuple[tuple[date, date], ...]

    @staticmethod
    def around(days: Iterable[date], reach: int = 0) -> Days:
        """All days at most ``reach`` days from some."""
        more = timedelta(days=reach)
        return Days.merged((day - more, day + more) for day in days)

    @staticmethod
    def merged(ranges: Iterable[tuple[date, date]]) -> Days:
        """The days of some ranges, which may overlap."""
        found: list[tuple[date, date]] = []
        for first, last in sorted(ranges):
            if found and first <= found[-1][1] + timedelta(days=1):
                found[-1] = found[-1][0], max(last, found[-1][1])
            else:
                found.append((first, last))
        return Days(tuple(found))

    def hold(self, column: str) -> str:
        """SQL: whether a time is in one of them. Literals, so that Athena opens no other day's files."""
        ranges = [
            f"{column} >= {_midnight(first)} and {column} < {_midnight(last + timedelta(days=1))}"
            for first, last in self.ranges
        ]
        return f"({' or '.join(ranges) or 'false'})"

    def end_at(self, column: str) -> str:
        """SQL: whether a session with an event at a time may go on behind the end of a range."""
        ends = [utc_day_start(last + timedelta(days=1)) for _, last in self.ranges]
        near = [
            f"{column} >= {literal(end - timedelta(seconds=IDLE_SECONDS))} and {column} < {literal(end)}"
            for end in ends
        ]
        return f"({' or '.join(near) or 'false'})"


@dataclass(frozen=True, slots=True)
class Span:
    """Some of all time: from a day on, before another one; None for no bound."""

    first: date | None = None
    end: date | None = None

    def hold(self, column: str) -> str:
        """SQL: whether a time is in it."""
        bounds = [
            *([f"{column} >= {_midnight(self.first)}"] if self.first else []),
            *([f"{column} < {_midnight(self.end)}"] if self.end else []),
        ]
        return " and ".join(bounds) or "true"


def spans(days: Iterable[date]) -> list[Span]:
    """All time in parts that hold at most MOST_DAYS of some days each."""
    bounds = sorted(set(days))[MOST_DAYS::MOST_DAYS]
    return [Span(first, end) for first, end in zip([None, *bounds], [*bounds, None], strict=True)]


@dataclass(frozen=True, slots=True)
class Tables:
    """Where a round's tables are: ``prefix`` is the database, ``raw`` all raw rows up to this round,
    ``before`` those of earlier rounds, ``events``, ``sessions`` and ``orders`` the curated ones before it."""

    prefix: str
    raw: str
    before: str
    events: str
    sessions: str
    orders: str
    paths: tuple[str, ...]

    @property
    def incoming(self) -> str:
        """The work table."""
        return f"{self.prefix}.{INCOMING}"

    @property
    def fresh(self) -> str:
        """Condition on the raw table: its row is in one of the new files. Where these are too many to be
        named it is that the row is in none of the others, which takes longer to find."""
        if len(self.paths) <= MOST_FILES:
            return f'"$path" in ({", ".join(quoted(path) for path in self.paths)})'
        return f'"$path" not in (select distinct "$path" from {self.before} as b)'


def clear(tables: Tables) -> str:
    """Empty the work table."""
    return f"delete from {tables.incoming}"


def fill(tables: Tables, days: Days) -> str:
    """Put the new files' rows and the moved events into the work table.

    A row that Firehose brought again is no row: it came through the log and has the place in it that another
    row has. Of rows with one event, which came again, the first received is new.
    """
    return f"""
insert into {tables.incoming} ({_ALL})
with
known as (
    select distinct site, event_id from {tables.events} as e where {days.hold("ts")}
),
seen as (
    select distinct ingest_id as seen_id, site as seen_site, event_id as seen_event
    from {tables.before} as r
    where {IS_LOGGED} and {days.hold("ts")}
),
fresh as (
    select {_RAW}, "$path" as path,
        row_number() over (partition by ingest_id, site, event_id order by received_at, "$path") as copy
    from {tables.raw} as r
    where {tables.fresh}
),
received as (
    select fresh.*, {OWNER} as owner,
        row_number() over (
            partition by site, event_id
            order by received_at, path, ts, ingest_id, event_name, properties
        ) as place
    from fresh
    left join seen on seen_id = ingest_id and seen_site = site and seen_event = event_id
    where not ({IS_LOGGED}) or (copy = 1 and seen_id is null)
),
judged as (
    select received.*,
        case when place = 1 and known.event_id is null then 'new' else 'repeated' end as kind
    from received
    left join known on known.site = received.site and known.event_id = received.event_id
),
incoming as (
    select owner, ts from judged where kind = 'new'
),
events as (
    select {_RAW}, session_key, session_start from {tables.events} as e where {days.hold("ts")}
),
placed as (
    {PLACED}
),
owned as (
    select events.*, {OWNER} as owner from events
)
select {_prefixed("judged", EVENT_SCHEMA)}, placed.session_key, placed.session_start,
    cast(null as bigint) as old_key, cast(null as timestamp(6)) as old_start, kind
from judged
left join placed on placed.owner = judged.owner and placed.ts = judged.ts and judged.kind = 'new'
union all
select {_prefixed("owned", EVENT_SCHEMA)}, placed.session_key, placed.session_start,
    owned.session_key as old_key, owned.session_start as old_start, 'moved' as kind
from owned
join placed on placed.owner = owned.owner and placed.ts = owned.ts
where owned.session_key is distinct from placed.session_key
"""


def summary(tables: Tables, days: Days) -> str:
    """What the work table holds: a row a kind."""
    return f"""
select kind, count(*) as n, max(ts) as newest, count(distinct date_trunc('day', ts)) as days,
    count(case when coalesce(order_id, '') <> '' then 1 end) as ordered,
    count(case when {days.end_at("ts")} then 1 end) as at_end
from {tables.incoming}
group by kind
"""


def days_written(tables: Tables) -> str:
    """The days of the work table: its events', and those on which their sessions start and started."""
    return f"""
select distinct date_trunc('day', ts) as day, date_trunc('day', session_start) as started,
    date_trunc('day', old_start) as left_behind
from {tables.incoming}
"""


def write_events(tables: Tables, days: Days, span: Span) -> str:
    """Add the new events of a span, and give the moved ones their session."""
    values = ", ".join(f"s.{name}" for name in CURATED_SCHEMA.names)
    return f"""
merge into {tables.prefix}.events as t
using (select * from {tables.incoming} where kind <> 'repeated' and {span.hold("ts")}) as s
on t.site = s.site and t.event_id = s.event_id and t.ts = s.ts and {days.hold("t.ts")}
when matched then update set session_key = s.session_key, session_start = s.session_start
when not matched then insert ({", ".join(CURATED_SCHEMA.names)}) values ({values})
"""


def _touched(tables: Tables) -> str:
    return f"""
    select session_key, session_start
    from {tables.incoming} where kind <> 'repeated' and session_key is not null
    union
    select old_key as session_key, old_start as session_start
    from {tables.incoming} where kind = 'moved' and old_key is not null
"""


def reach_of_sessions(tables: Tables, days: Days) -> str:
    """First and last day of the sessions that change, where they reach out of the days."""
    return f"""
select distinct date_trunc('day', s.session_start) as first_day, date_trunc('day', s.session_end) as last_day
from {tables.sessions} as s
join ({_touched(tables)}) as k on k.session_key = s.session_key
where not {days.hold("s.session_start")} or not {days.hold("s.session_end")}
"""


def write_sessions(tables: Tables, days: Days, span: Span) -> str:
    """Make the sessions of a span that changed anew from their events, and drop those that were joined to
    others."""
    names = SESSION_SCHEMA.names
    return f"""
merge into {tables.prefix}.sessions as t
using (
    with
    touched as (select * from ({_touched(tables)}) as every where {span.hold("session_start")}),
    events as (
        select e.*
        from {tables.prefix}.events as e
        join touched on touched.session_key = e.session_key
        where {days.hold("e.ts")}
    ),
    made as ({SESSIONS})
    select touched.session_key as touched_key, made.session_key is null as gone, made.*
    from touched
    left join made on made.session_key = touched.session_key
) as s
on t.session_key = s.touched_key and {days.hold("t.session_start")}
when matched and s.gone then delete
when matched then update set {_set(names)}
when not matched and not s.gone then insert ({", ".join(names)}) values ({_prefixed("s", SESSION_SCHEMA)})
"""


def write_orders(tables: Tables, days: Days, span: Span) -> str:
    """Make the orders of a span anew that events of this round name.

    Of an order's events on other days its row is known: it stands for them, at its own time where that is on
    another day, else for what none of the events at hand says.
    """
    columns = "site, order_id, ts, event_id, visitor_id, session_key, revenue, currency, is_bot"
    names = ORDER_SCHEMA.names
    return f"""
merge into {tables.prefix}.orders as t
using (
    with
    named as (
        select distinct site, order_id from {tables.incoming}
        where kind <> 'repeated' and coalesce(order_id, '') <> ''
    ),
    known as (
        select o.site, o.order_id,
            case when {days.hold("o.ts")} then timestamp '9999-12-31 00:00:00.000000' else o.ts end as ts,
            '' as event_id, o.visitor_id, o.session_key, o.revenue, o.currency, o.is_bot
        from {tables.orders} as o
    ),
    events as (
        select {_of("e", columns)}
        from {tables.prefix}.events as e
        join named on named.site = e.site and named.order_id = e.order_id
        where {days.hold("e.ts")}
        union all
        select {_of("k", columns)}
        from known as k
        join named on named.site = k.site and named.order_id = k.order_id
    )
    select * from ({ORDERS}) as made where {span.hold("made.ts")}
) as s
on t.site = s.site and t.order_id = s.order_id
when matched then update set {_set(names)}
when not matched then insert ({", ".join(names)}) values ({_prefixed("s", ORDER_SCHEMA)})
"""


def write_intake(tables: Tables, span: Span) -> str:
    """Count what the new files brought of a span."""
    return f"""
insert into {tables.prefix}.intake
with received as (
    select site, ts, received_at, event_type, ingest_id, kind = 'repeated' as repeated
    from {tables.incoming}
    where kind <> 'moved' and {span.hold("ts")}
)
select * from ({INTAKE}) as counted
"""


def made_anew(tables: Tables) -> tuple[str, ...]:
    """Sessions, orders and intake of an older release by the texts of this one, statement by statement."""
    place = f"{tables.prefix}."
    return (
        f"delete from {place}sessions",
        f"insert into {place}sessions with events as (select * from {tables.events} as e) "
        f"select * from ({SESSIONS}) as made",
        f"delete from {place}orders",
        f"insert into {place}orders with events as (select * from {tables.events} as e) "
        f"select * from ({ORDERS}) as made",
        f"delete from {place}intake",
        f"""
insert into {place}intake
with
once as (
    select site, event_id, ts, received_at, event_type, ingest_id,
        row_number() over (partition by ingest_id, site, event_id order by received_at) as copy
    from {tables.before} as r
),
received as (
    select site, ts, received_at, event_type, ingest_id,
        row_number() over (partition by site, event_id order by received_at, ingest_id) > 1 as repeated
    from once
    where not ({IS_LOGGED}) or copy = 1
)
select * from ({INTAKE}) as counted
""",
    )


def compact(table: str, column: str, days: Days) -> str:
    """Put the files of some days together."""
    return f"optimize {table} rewrite data using bin_pack where {days.hold(column)}"


def vacuum(table: str) -> str:
    """Expire old snapshots, and delete the files that no other names."""
    return f"vacuum {table}"


def literal(moment: datetime) -> str:
    """A time as an SQL literal."""
    return f"timestamp '{moment.isoformat(' ', 'microseconds')}'"


def _midnight(day: date) -> str:
    return literal(utc_day_start(day))


def _prefixed(alias: str, schema: pa.Schema) -> str:
    return ", ".join(f"{alias}.{name}" for name in schema.names)


def _of(alias: str, columns: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns.split(", "))


def _set(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = s.{name}" for name in names)
