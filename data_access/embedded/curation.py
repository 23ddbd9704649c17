"""Raw to curated on DuckDB: distinct events, sessions, orders, published in one step.

Only days whose rows or sessions change are rewritten, in chunks of bounded size. Writers hold the
lake's lock; readers go on with the version they know.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pyiceberg.table import Table

from data_access import curation
from data_access.embedded.days import Day, chunks, overwrite
from data_access.embedded.tables import held_log, relation
from data_access.iceberg.published import CURATED, Published
from data_access.iceberg.raw import new_raw_files
from data_access.iceberg.tables import LAYOUT, RAW, LakeFile, current_id, files_of
from data_access.literals import quoted
from data_access.model import Version
from data_access.ports import CurateResult
from data_access.sql import to_engine

if TYPE_CHECKING:
    from data_access.embedded.lake import EmbeddedLake

_OWNER = to_engine(curation.OWNER, "duckdb")


def curate(lake: EmbeddedLake, connection: duckdb.DuckDBPyConnection) -> CurateResult:
    """Curate what the raw table has gained since the published version. The caller holds the lock."""
    raw, before = lake.open_table(RAW), lake.published()
    fresh = new_raw_files(raw, before.raw)
    outdated = before.layout != curation.LAYOUT_VERSION
    if not fresh and not outdated:
        return CurateResult(0, 0, 0)
    cursor = connection.cursor()
    try:
        if outdated:
            _made_anew(lake, cursor, before)
        added, days = _curate(lake, cursor, fresh, current_id(raw), held_log(raw)) if fresh else (0, 0)
    finally:
        cursor.close()
    return CurateResult(sum(f.rows for f in fresh), added, days)


def _curate(
    lake: EmbeddedLake,
    cursor: duckdb.DuckDBPyConnection,
    fresh: list[LakeFile],
    raw_id: int,
    log: tuple[str, int],
) -> tuple[int, int]:
    events, sessions, orders, intake = (lake.open_table(name) for name in CURATED)
    old_files = files_of(events, current_id(events))
    _choose_incoming(cursor, relation(RAW, fresh), relation("events", old_files))
    intake.append(_arrived(cursor, fresh))
    added = _number(cursor, "select count(*) from chosen")
    days: list[Day] = []
    if added:
        _place(cursor, old_files)
        days = _affected_days(cursor, old_files)
        started = _affected_starts(cursor, old_files)
        overwrite(events, days, (_day_rows(cursor, chunk, old_files, fresh) for chunk in chunks(days)))
        new_events = relation("events", files_of(events, current_id(events)))
        _write_sessions(cursor, sessions, started, new_events)
        _write_orders(cursor, orders, new_events)
    _publish(cursor, lake, raw_id, log)
    return added, len(days)


def _made_anew(lake: EmbeddedLake, cursor: duckdb.DuckDBPyConnection, before: Published) -> None:
    """Sessions, orders and intake of an older release by the texts of this one."""
    events, sessions, orders, intake = (lake.open_table(name) for name in CURATED)
    files = files_of(events, current_id(events))
    curated = relation("events", files)
    rows: dict[date, int] = {}
    for file in [*files, *files_of(sessions, current_id(sessions))]:
        rows[file.day] = rows.get(file.day, 0) + file.rows
    _write_sessions(cursor, sessions, [Day(day, rows[day]) for day in sorted(rows)], curated)
    _write_orders(cursor, orders, curated)
    raw = lake.open_table(RAW)
    to_come = {file.path for file in new_raw_files(raw, before.raw)}
    done = [file for file in files_of(raw, current_id(raw)) if file.path not in to_come]
    _choose_incoming(cursor, relation(RAW, done), relation("events", []))
    counted = _arrived(cursor, done)
    if files_of(intake, current_id(intake)):
        intake.overwrite(counted)
    else:
        intake.append(counted)
    _publish(cursor, lake, before.raw, before.version.log)


def _arrived(cursor: duckdb.DuckDBPyConnection, files: list[LakeFile]) -> pa.Table:
    """What some raw files brought, by minute; the temp table ``chosen`` says which rows were no repeats."""
    received = f"""(
        select r.site, r.ts, r.received_at, r.event_type, r.ingest_id, c.file is null as repeated
        from {relation(RAW, files)} r
        left join chosen c on c.file = hash(r.filename) and c.file_row_number = r.file_row_number
    )"""
    return _fetch(cursor, curation.INTAKE, {"received": received}, "intake")


def _choose_incoming(cursor: duckdb.DuckDBPyConnection, fresh: str, events: str) -> None:
    """Of the fresh rows, one per site and event_id, and none that is curated already.

    A file is kept as the hash of its name: millions of rows repeat it.
    """
    cursor.execute(f"""
        create or replace temp table chosen as
        select hash(filename) as file, file_row_number, {_OWNER} as owner, ts
        from {fresh}
        anti join {events} known using (site, event_id)
        qualify row_number() over (
            partition by site, event_id order by received_at, filename, file_row_number
        ) = 1
    """)


def _place(cursor: duckdb.DuckDBPyConnection, old: list[LakeFile]) -> None:
    text = _bound(curation.PLACED, {"incoming": "chosen", "events": relation("events", old)})
    cursor.execute(f"create or replace temp table placed as {text}")
    cursor.execute(f"""
        create or replace temp table moved as
        select distinct cast(e.ts as date) as day, e.session_start as old_start, p.session_start as new_start
        from (select {_OWNER} as owner, ts, session_key, session_start from {relation("events", old)}) e
        join placed p on p.owner = e.owner and p.ts = e.ts
        where e.session_key is distinct from p.session_key
    """)


def _incoming(fresh: list[LakeFile]) -> str:
    """The chosen rows of some raw files, whole."""
    names = ", ".join(f.name for f in LAYOUT[RAW][0])
    return f"""(
        select {names} from {relation(RAW, fresh)} r
        semi join chosen c on c.file = hash(r.filename) and c.file_row_number = r.file_row_number
    )"""


def _affected_days(cursor: duckdb.DuckDBPyConnection, old: list[LakeFile]) -> list[Day]:
    """Days that gain rows or have rows whose session moved, with the rows they will have."""
    gained = dict(cursor.execute("select cast(ts as date), count(*) from chosen group by all").fetchall())
    moved = {row[0] for row in cursor.execute("select distinct day from moved").fetchall()}
    kept: dict[date, int] = {}
    for file in old:
        kept[file.day] = kept.get(file.day, 0) + file.rows
    return [Day(day, gained.get(day, 0) + kept.get(day, 0)) for day in sorted(gained.keys() | moved)]


def _affected_starts(cursor: duckdb.DuckDBPyConnection, old: list[LakeFile]) -> list[Day]:
    """Days on which a session starts (or used to start) that changes, with the events of those days."""
    days = {
        row[0]
        for row in cursor.execute("""
            select cast(p.session_start as date) from placed p
            join chosen c on c.owner = p.owner and c.ts = p.ts
            union select cast(old_start as date) from moved where old_start is not null
            union select cast(new_start as date) from moved
        """).fetchall()
    }
    rows = dict(
        cursor.execute("select cast(session_start as date), count(*) from placed group by all").fetchall()
    )
    for file in old:
        rows[file.day] = rows.get(file.day, 0) + file.rows
    return [Day(day, rows.get(day, 0)) for day in sorted(days)]


def _day_rows(
    cursor: duckdb.DuckDBPyConnection, days: list[date], old: list[LakeFile], fresh: list[LakeFile]
) -> pa.Table:
    """All rows of some days, old and new, each with its session."""
    kept = relation("events", [f for f in old if f.day in set(days)])
    gained = _incoming([f for f in fresh if f.day in set(days)])
    names = ", ".join(f"e.{f.name}" for f in LAYOUT[RAW][0])
    return _arrow(
        cursor,
        f"""
        select {names},
            coalesce(p.session_key, e.session_key) as session_key,
            coalesce(p.session_start, e.session_start) as session_start
        from (
            select *, {_OWNER} as owner from {kept}
            union all by name
            select *, {_OWNER} as owner, null as session_key, null as session_start from {gained}
        ) e
        left join placed p on p.owner = e.owner and p.ts = e.ts
        order by e.ts
        """,
        "events",
    )


def _write_sessions(cursor: duckdb.DuckDBPyConnection, sessions: Table, days: list[Day], events: str) -> None:
    def of(group: list[date]) -> pa.Table:
        listed = ", ".join(f"date {quoted(day.isoformat())}" for day in group)
        chosen = f"(select * from {events} where cast(session_start as date) in ({listed}))"
        return _fetch(cursor, curation.SESSIONS, {"events": chosen}, "sessions")

    overwrite(sessions, days, (of(group) for group in chunks(days)))


def _write_orders(cursor: duckdb.DuckDBPyConnection, orders: Table, events: str) -> None:
    """All orders anew: they are few, and a late event can move any of them to another day."""
    rows = _fetch(cursor, curation.ORDERS, {"events": events}, "orders")
    days = {f.day for f in files_of(orders, current_id(orders))} | set(
        rows["ts"].cast(pa.date32()).to_pylist()
    )
    if days:
        overwrite(orders, [Day(day, 0) for day in sorted(days)], [rows])


def _publish(
    cursor: duckdb.DuckDBPyConnection, lake: EmbeddedLake, raw_id: int, log: tuple[str, int]
) -> None:
    """Show the tables as they are now, together; they hold the log as far as ``log`` says."""
    tables = {name: lake.open_table(name) for name in CURATED}
    ids = tuple((name, current_id(table)) for name, table in tables.items())
    events = relation("events", files_of(tables["events"], dict(ids)["events"]))
    (newest,) = cursor.execute(f"select max(ts) from {events}").fetchall()[0]
    Published(Version(ids, newest, log), raw_id).write(tables["events"])


def _fetch(cursor: duckdb.DuckDBPyConnection, text: str, names: dict[str, str], table: str) -> pa.Table:
    return _arrow(cursor, _bound(text, names), table)


def _arrow(cursor: duckdb.DuckDBPyConnection, text: str, table: str) -> pa.Table:
    """A query's answer in a table's exact schema."""
    schema, _ = LAYOUT[table]
    return cursor.sql(text).to_arrow_table().select(schema.names).cast(schema)


def _bound(text: str, names: dict[str, str]) -> str:
    """Portable text as DuckDB's, its relations replaced."""
    marked = to_engine(text, "duckdb", tuple((name, f"bound_{name}") for name in names))
    for name, target in names.items():
        marked = marked.replace(f"bound_{name}", target)
    return marked


def _number(cursor: duckdb.DuckDBPyConnection, text: str) -> int:
    (value,) = cursor.execute(text).fetchall()[0]
    return int(value)
