"""Lake maintenance: compact closed days, expire old snapshots, delete files no snapshot names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Table

from data_access.embedded.days import Day, chunks, overwrite
from data_access.embedded.tables import relation
from data_access.iceberg.published import CURATED, Published
from data_access.iceberg.raw import COMPACTION
from data_access.iceberg.tables import LAYOUT, LakeFile, current_id, files_of
from data_access.ports import MaintainResult
from data_access.settings import Settings

if TYPE_CHECKING:
    from data_access.embedded.lake import EmbeddedLake

_TRIES = 3


def maintain(
    lake: EmbeddedLake,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    settings: Settings,
    now: datetime,
) -> MaintainResult:
    """Do all of it. The caller holds the lake's lock."""
    before = _file_count(lake)
    compacted = sum(_compact(lake, name, connection, now.date()) for name in LAYOUT)
    _publish(lake)
    expired = sum(
        _expire(lake.open_table(name), now - timedelta(days=settings.snapshot_days)) for name in LAYOUT
    )
    deleted, freed = _sweep(lake, folder, now - timedelta(hours=settings.orphan_hours))
    return MaintainResult(compacted, before, _file_count(lake), expired, deleted, freed)


def _file_count(lake: EmbeddedLake) -> int:
    return sum(len(_files(lake.open_table(name))) for name in LAYOUT)


def _files(table: Table) -> list[LakeFile]:
    return files_of(table, current_id(table))


def _compact(lake: EmbeddedLake, name: str, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """Rewrite every closed day that has several files as one; days of the present are left alone."""
    for attempt in range(_TRIES):
        table = lake.open_table(name)
        files = _files(table)
        by_day: dict[date, list[LakeFile]] = {}
        for file in files:
            by_day.setdefault(file.day, []).append(file)
        days = [
            Day(d, sum(f.rows for f in fs)) for d, fs in sorted(by_day.items()) if d < today and len(fs) > 1
        ]
        if not days:
            return 0
        try:
            parts = (_rows(connection, name, group, files) for group in chunks(days))
            overwrite(table, days, parts, {COMPACTION: "true"})
            return len(days)
        except (CommitFailedException, ValidationException):
            if attempt == _TRIES - 1:
                raise
    return 0


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, days: list[date], files: list[LakeFile]
) -> pa.Table:
    schema, time_column = LAYOUT[name]
    source = relation(name, [f for f in files if f.day in set(days)])
    text = f"select * from {source} order by {time_column}"
    return connection.cursor().sql(text).to_arrow_table().select(schema.names).cast(schema)


def _publish(lake: EmbeddedLake) -> None:
    """Show the compacted snapshots together; the rows are the same, so is what they are complete to."""
    before = lake.published()
    ids = tuple((name, current_id(lake.open_table(name))) for name in CURATED)
    if ids != before.version.tables:
        version = replace(before.version, tables=ids)
        Published(version, before.raw, before.layout).write(lake.open_table("events"))


def _expire(table: Table, older_than: datetime) -> int:
    """Expire snapshots; the current one stays whatever its age."""
    before = len(table.metadata.snapshots)
    if before:
        table.maintenance.expire_snapshots().older_than(older_than).commit()
    return before - len(table.refresh().metadata.snapshots)


def _sweep(lake: EmbeddedLake, folder: Path, older_than: datetime) -> tuple[int, int]:
    """Delete files that no kept snapshot names and that are old enough not to belong to a write in
    progress. Returns how many and their bytes."""
    named = {path for name in LAYOUT for path in _named(lake.open_table(name))}
    deleted = freed = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".parquet", ".avro", ".json"} or str(path.resolve()) in named:
            continue
        status = path.stat()
        if status.st_mtime < older_than.timestamp():
            path.unlink()
            deleted, freed = deleted + 1, freed + status.st_size
    return deleted, freed


def _named(table: Table) -> set[str]:
    """Every file the table's metadata reaches: metadata, manifest lists, manifests, data."""
    metadata = [table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)]
    found = set(metadata)
    for snapshot in table.metadata.snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            found.add(manifest.manifest_path)
            found |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io)}
    return {str(Path(path.removeprefix("file://")).resolve()) for path in found}
