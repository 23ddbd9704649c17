"""What the lakes of both forms have in common: Iceberg tables, of which readers see the curated ones as one.

A curation or compaction commits them one after the other and then publishes their snapshot ids together, as
one property of the events table. What a killed process committed but did not publish is rolled back by the
next writer and never visible.
"""

from __future__ import annotations

from functools import lru_cache
from threading import RLock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.table import Table

from data_access.columns_read import columns_read
from data_access.events import EVENT_SCHEMA
from data_access.iceberg.published import CURATED, Published
from data_access.iceberg.raw import new_raw_files
from data_access.iceberg.tables import RAW, LakeFile, current_id, files_of, overlapping
from data_access.model import Sql, Version


class IcebergLake:
    """The tables of one namespace of a catalog."""

    def __init__(self, catalog: Catalog, namespace: str) -> None:
        self._catalog, self._namespace = catalog, namespace
        self._lock = RLock()
        self._files = lru_cache(maxsize=32)(self._plan)

    def append(self, events: pa.Table) -> None:
        """Add canonical events to the raw table in one commit, event times cut to the millisecond.

        Raises ValueError on a wrong schema.
        """
        self.open_table(RAW).append(raw_rows(events))

    def ingested(self, prefix: str) -> dict[str, int]:
        """Raw batches whose ingest_id starts with ``prefix``, with their row counts."""
        raw = self.open_table(RAW)
        ids = raw.scan(row_filter=f"ingest_id like '{prefix}%'", selected_fields=("ingest_id",)).to_arrow()[
            "ingest_id"
        ]
        counts = pc.value_counts(ids).to_pylist()
        return {entry["values"]: entry["counts"] for entry in counts}

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
        waiting = sum(f.rows for f in new_raw_files(self.open_table(RAW), published.raw))
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
            return self._catalog.load_table((self._namespace, name))

    def published(self) -> Published:
        """What readers may see now."""
        return Published.of(self.open_table("events"))

    def files(self, name: str, version: Version) -> list[LakeFile]:
        """The data files of a table in a version."""
        with self._lock:
            return self._files(name, dict(version.tables)[name])

    def _plan(self, name: str, snapshot_id: int) -> list[LakeFile]:
        return files_of(self.open_table(name), snapshot_id)

    def roll_back(self) -> None:
        """Undo commits a killed writer did not publish. The caller is the only writer."""
        for name, snapshot_id in self.published().version.tables:
            table = self.open_table(name)
            if current_id(table) == snapshot_id:
                continue
            if snapshot_id:
                table.manage_snapshots().rollback_to_snapshot(snapshot_id).commit()
            elif files_of(table, current_id(table)):
                table.delete(AlwaysTrue())


def raw_rows(events: pa.Table) -> pa.Table:
    """Events as the raw table takes them."""
    if not events.schema.equals(EVENT_SCHEMA):
        events = events.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)
    at = EVENT_SCHEMA.get_field_index("ts")
    whole = pc.floor_temporal(events["ts"], unit="millisecond")
    return events.set_column(at, EVENT_SCHEMA.field(at), whole)
