"""Raw to curated on Athena: distinct events, sessions, orders, published in one step.

A round takes the files of some snapshots of the raw table. It reads the curated events only of days near
those of the new rows: an event that comes again counts once if its time is at most ``curation_days`` from
the first's, and sessions are followed out of those days where they lead there.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from data_access.aws import curation_sql as sql
from data_access.aws.athena_results import AthenaResults
from data_access.aws.athena_runs import AthenaRuns
from data_access.aws.curation_sql import Days, Span, Tables
from data_access.curation import LAYOUT_VERSION
from data_access.iceberg.published import CURATED, Published
from data_access.iceberg.raw import Gained, gained
from data_access.iceberg.tables import LAYOUT, RAW, current_id, files_of
from data_access.literals import at_snapshot, at_version
from data_access.model import Version
from data_access.ports import CurateResult, MaintainResult, ignored
from data_access.query_errors import MoreRunsNeeded

if TYPE_CHECKING:
    from data_access.aws.lake import AwsLake

log = logging.getLogger(__name__)

_MOST_RUNS = 20
"""How often a table is compacted or vacuumed further in one go."""
COMMITTED = "raw"
"""What a version's ``log`` counts in this form: when the newest raw rows in it were committed, in ms."""


class Statements:
    """Runs statements in a workgroup."""

    def __init__(self, runs: AthenaRuns, results: AthenaResults) -> None:
        self._runs, self._results = runs, results

    def run(self, text: str) -> None:
        """Run one that has no answer."""
        with self._runs.done(text, ignored):
            pass

    def rows(self, text: str) -> list[dict[str, Any]]:
        """The answer of one."""
        with self._runs.done(text, ignored) as run:
            found: list[dict[str, Any]] = self._results.table(run).to_pylist()
            return found

    def run_out(self, text: str) -> None:
        """Run one again and again while Athena says that there is more to do."""
        for _ in range(_MOST_RUNS):
            try:
                return self.run(text)
            except MoreRunsNeeded:
                log.info("there is more to do: %s", text)
        return None


def curate(lake: AwsLake, statements: Statements, reach: int) -> CurateResult:
    """Curate what the raw table has gained since the published version. The caller is the only writer."""
    rows = added = days = 0
    if lake.published().layout != LAYOUT_VERSION:
        _make_anew(lake, statements)
    while True:
        raw, before = lake.open_table(RAW), lake.published()
        found = gained(raw, before.raw, sql.MOST_FILES)
        if not found.files:
            return CurateResult(rows, added, days)
        done = _Round(lake, statements, found, before, reach).run()
        rows, added, days = rows + done.raw_rows, added + done.added, days + done.days


class _Round:
    """One round: the files that some snapshots brought."""

    def __init__(
        self, lake: AwsLake, statements: Statements, found: Gained, before: Published, reach: int
    ) -> None:
        self._lake, self._do, self._found, self._before = lake, statements, found, before
        self._reach = reach
        self._tables = _tables(lake.prefix, found, before)

    def run(self) -> CurateResult:
        """Do it all and publish it."""
        tables, raw_rows = self._tables, sum(file.rows for file in self._found.files)
        days, told = self._fill({file.day for file in self._found.files})
        written = self._do.rows(sql.days_written(tables))
        parts = sql.spans(_days(written, "day"))
        new = told.get("new")
        if new:
            self._write_events(days, parts)
            self._write_sessions(days, sql.spans(_days(written, "started", "left_behind")))
            if any(row["ordered"] for kind, row in told.items() if kind != "repeated"):
                self._write_orders(days, parts)
        for part in parts:
            self._do.run(sql.write_intake(tables, part))
        publish(self._lake, self._before, self._found.upto, new["newest"] if new else None)
        changed = max((told[kind]["days"] for kind in ("new", "moved") if kind in told), default=0)
        return CurateResult(raw_rows, new["n"] if new else 0, changed)

    def _fill(self, first: set[date]) -> tuple[Days, dict[str, dict[str, Any]]]:
        """Fill the work table, over as many days as it takes to see the end of every session that moves;
        these days, and what the table holds by kind."""
        reach = self._reach
        while True:
            days = Days.around(first, reach)
            self._do.run(sql.clear(self._tables))
            self._do.run(sql.fill(self._tables, days))
            told = {row["kind"]: row for row in self._do.rows(sql.summary(self._tables, days))}
            if "moved" not in told or not told["moved"]["at_end"]:
                return days, told
            reach *= 2

    def _write_events(self, days: Days, parts: list[Span]) -> None:
        for part in parts:
            self._do.run(sql.write_events(self._tables, days, part))

    def _write_sessions(self, days: Days, parts: list[Span]) -> None:
        further = self._do.rows(sql.reach_of_sessions(self._tables, days))
        # All days of a session: its events are on any of them.
        led_to = [(row["first_day"].date(), row["last_day"].date()) for row in further]
        wide = Days.merged([*days.ranges, *led_to])
        for part in parts:
            self._do.run(sql.write_sessions(self._tables, wide, part))

    def _write_orders(self, days: Days, parts: list[Span]) -> None:
        for part in parts:
            self._do.run(sql.write_orders(self._tables, days, part))


def _days(rows: list[dict[str, Any]], *names: str) -> list[date]:
    return [row[name].date() for row in rows for name in names if row[name]]


def _tables(prefix: str, found: Gained, before: Published) -> Tables:
    curated = at_version(prefix, before.version)
    return Tables(
        prefix,
        raw=at_snapshot(f"{prefix}.{RAW}", found.upto),
        before=at_snapshot(f"{prefix}.{RAW}", before.raw),
        events=curated["events"],
        sessions=curated["sessions"],
        orders=curated["orders"],
        paths=tuple(file.path for file in found.files),
    )


def _make_anew(lake: AwsLake, statements: Statements) -> None:
    before = lake.published()
    for text in sql.made_anew(_tables(lake.prefix, Gained((), before.raw), before)):
        statements.run(text)
    publish(lake, before, before.raw)


def publish(lake: AwsLake, before: Published, raw_id: int, newest: datetime | None = None) -> None:
    """Show the tables as they are now, together, in place of what was published ``before``; they hold the raw
    table up to a snapshot, whose ``newest`` event may be newer than all."""
    ids = tuple((name, current_id(lake.open_table(name))) for name in CURATED)
    times = [moment for moment in (before.version.complete_to, newest) if moment]
    snapshot = lake.open_table(RAW).snapshot_by_id(raw_id)
    log_held = (COMMITTED, snapshot.timestamp_ms) if snapshot else before.version.log
    version = Version(ids, max(times, default=None), log_held)
    after = Published(version, raw_id)
    if after != before:
        after.write(lake.open_table("events"))


def maintain(lake: AwsLake, statements: Statements, today: date) -> MaintainResult:
    """Put the files of closed days together, expire old snapshots and delete what no other names. The raw
    table is only vacuumed: its files are read once, and known by their names until then."""
    before = lake.file_count()
    days = sum(_compact(lake, statements, name, today) for name in CURATED)
    published = lake.published()
    publish(lake, published, published.raw)
    old = lake.snapshot_count()
    for name in (*LAYOUT, sql.INCOMING):
        statements.run_out(sql.vacuum(f"{lake.prefix}.{name}"))
    expired = old - lake.snapshot_count()
    return MaintainResult(days, before, lake.file_count(), expired, 0, 0)


def _compact(lake: AwsLake, statements: Statements, name: str, today: date) -> int:
    table = lake.open_table(name)
    files = Counter(file.day for file in files_of(table, current_id(table)) if file.day < today)
    days = [day for day, n in files.items() if n > 1]
    if days:
        text = sql.compact(f"{lake.prefix}.{name}", LAYOUT[name][1], Days.around(days))
        statements.run_out(text)
    return len(days)
