"""The embedded lake: Iceberg tables on local files with a SQLite catalog.

Readers see three curated tables as one: a curation or compaction commits them one after the other and
then publishes their snapshot ids together, as one property of the events table. What a killed process
committed but did not publish is rolled back by the next writer and never visible.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.table import Table

from data_access.columns_read import columns_read
from data_access.embedded import curation, upkeep
from data_access.embedded.locks import exclusive
from data_access.embedded.published import CURATED, Published
from data_access.embedded.tables import (
    NAMESPACE,
    RAW,
    LakeFile,
    current_id,
    files_of,
    log_held,
    log_offset,
    open_catalog,
    overlapping,
)
from data_access.events import EVENT_SCHEMA
from data_access.model import Sql, Version
from data_access.ports import CurateResult, MaintainResult
from data_access.settings import Settings

_SEQUENCES = "streamgauge.sequences"
"""What of the log a snapshot of the raw table added."""


class EmbeddedLake:
    """The Lake port. Appends may run side by side; curation and maintenance take turns by a lock."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        self._catalog = open_catalog(folder)
        self._folder = folder
        self._connection = connection
        self._settings = settings
        self._lock = RLock()
        self._db = sqlite3.connect(
            f"file:{folder / 'catalog.db'}?mode=ro", uri=True, timeout=60, check_same_thread=False
        )
        self._seen: tuple[str, Version] | None = None
        self._files = lru_cache(maxsize=32)(self._plan)

    def append(self, events: pa.Table) -> None:
        """Add canonical events to the raw table in one commit, event times cut to the millisecond.

        Raises ValueError on a wrong schema.
        """
        self.open_table(RAW).append(_raw_rows(events))

    def append_log(self, events: pa.Table, epoch: str, after: int, last: int) -> bool:
        """Add what a log holds between two sequences, in one commit that also notes ``last``.

        A lock keeps a writer that was thought dead from adding the same once more: whoever has it sees how
        far the lake really is.
        """
        with exclusive(self._folder / "log.lock"):
            raw = self.open_table(RAW)
            if log_offset(raw, epoch) != after:
                return False
            with raw.transaction() as change:
                change.set_properties(log_held(epoch, last))
                if len(events):
                    change.append(_raw_rows(events), {_SEQUENCES: f"{epoch}:{after + 1}-{last}"})
            return True

    def log_offset(self, epoch: str) -> int:
        """The last sequence of a log that the raw table holds; 0 at first."""
        return log_offset(self.open_table(RAW), epoch)

    def ingested(self, prefix: str) -> dict[str, int]:
        """Raw batches whose ingest_id starts with ``prefix``, with their row counts."""
        raw = self.open_table(RAW)
        ids = raw.scan(row_filter=f"ingest_id like '{prefix}%'", selected_fields=("ingest_id",)).to_arrow()[
            "ingest_id"
        ]
        counts = pc.value_counts(ids).to_pylist()
        return {entry["values"]: entry["counts"] for entry in counts}

    def curate(self) -> CurateResult:
        """Bring events, sessions and orders up to date with the raw table, in one visible step."""
        with exclusive(self._folder / "write.lock"):
            self._roll_back()
            return curation.curate(self, self._connection)

    def maintain(self, now: datetime) -> MaintainResult:
        """Compact days closed before ``now``, expire old snapshots, sweep files no snapshot names."""
        with exclusive(self._folder / "write.lock"):
            self._roll_back()
            curation.curate(self, self._connection)
            return upkeep.maintain(self, self._connection, self._folder, self._settings, now)

    def snapshot(self) -> Version:
        """The current data version, read from the catalog and parsed only when it has changed."""
        with self._lock:
            (location,) = self._db.execute(
                "select metadata_location from iceberg_tables"
                " where table_namespace = ? and table_name = 'events'",
                (NAMESPACE,),
            ).fetchone()
            if self._seen is None or self._seen[0] != location:
                self._seen = location, self.published().version
            return self._seen[1]

    def health(self) -> dict[str, Any]:
        """Tables with rows, files, bytes and snapshots, and raw rows that wait for curation."""
        published = self.published()
        tables = {}
        for name in (RAW, *CURATED):
            table = self.open_table(name)
            snapshot = current_id(table) if name == RAW else dict(published.version.tables)[name]
            files = files_of(table, snapshot)
            tables[name] = {
                "rows": sum(f.rows for f in files),
                "files": len(files),
                "bytes": sum(f.size for f in files),
                "snapshots": len(table.metadata.snapshots),
            }
        waiting = sum(f.rows for f in curation.new_raw_files(self.open_table(RAW), published.raw))
        return {"tables": tables, "rows_waiting_for_curation": waiting}

    def scan_bytes(self, sql: Sql, version: Version) -> int:
        """About how much answering a question reads, by the sizes of its columns in files that can matter."""
        total = 0
        for name, columns in columns_read(sql.text).items():
            files = overlapping(self.files(name, version), sql.span if name == "events" else None)
            total += sum(file.bytes_of(name, columns) for file in files)
        return total

    def open_table(self, name: str) -> Table:
        """A table as it is now."""
        with self._lock:
            return self._catalog.load_table((NAMESPACE, name))

    def published(self) -> Published:
        """What readers may see now."""
        return Published.of(self.open_table("events"))

    def files(self, name: str, version: Version) -> list[LakeFile]:
        """The data files of a table in a version."""
        with self._lock:
            return self._files(name, dict(version.tables)[name])

    def _plan(self, name: str, snapshot_id: int) -> list[LakeFile]:
        return files_of(self.open_table(name), snapshot_id)

    def _roll_back(self) -> None:
        """Undo commits a killed writer did not publish."""
        for name, snapshot_id in self.published().version.tables:
            table = self.open_table(name)
            if current_id(table) == snapshot_id:
                continue
            if snapshot_id:
                table.manage_snapshots().rollback_to_snapshot(snapshot_id).commit()
            elif files_of(table, current_id(table)):
                table.delete(AlwaysTrue())


def _raw_rows(events: pa.Table) -> pa.Table:
    if not events.schema.equals(EVENT_SCHEMA):
        events = events.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)
    at = EVENT_SCHEMA.get_field_index("ts")
    whole = pc.floor_temporal(events["ts"], unit="millisecond")
    return events.set_column(at, EVENT_SCHEMA.field(at), whole)
