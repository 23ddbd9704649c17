"""The lake's Iceberg tables: what they look like, making them, and which files a snapshot consists of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote, urlparse

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)

from data_access.events import CURATED_TABLES, EVENT_SCHEMA

RAW = "raw_events"

LAYOUT: dict[str, tuple[pa.Schema, str]] = {
    RAW: (EVENT_SCHEMA, "ts"),
    "events": (CURATED_TABLES["events"], "ts"),
    "sessions": (CURATED_TABLES["sessions"], "session_start"),
    "orders": (CURATED_TABLES["orders"], "ts"),
    "intake": (CURATED_TABLES["intake"], "minute"),
}
"""Every table: its schema, and the time whose day it is partitioned by."""

Layout = Mapping[str, tuple[pa.Schema, str | None]]

_TYPES: dict[pa.DataType, IcebergType] = {
    pa.string(): StringType(),
    pa.int64(): LongType(),
    pa.float64(): DoubleType(),
    pa.bool_(): BooleanType(),
    pa.timestamp("us"): TimestampType(),
}

_PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": "3",
    "write.parquet.row-group-limit": "122880",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.retry.num-retries": "10",
}


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A data file of a snapshot; ``day`` is its partition, ``columns`` the bytes of each column by its id."""

    path: str
    rows: int
    size: int
    day: date
    columns: Mapping[int, int] = field(default_factory=dict, repr=False)

    def bytes_of(self, name: str, columns: Collection[str]) -> int:
        """The bytes that reading some columns of the table ``name`` takes."""
        ids = (1 + LAYOUT[name][0].get_field_index(column) for column in columns)
        return sum(self.columns.get(one, 0) for one in ids)


def ensure(catalog: Catalog, namespace: str, layout: Layout = LAYOUT) -> None:
    """Make the tables that are not there yet, and bring those of an older release up to date."""
    for name, (schema, time_column) in layout.items():
        try:
            _bring_up_to_date(catalog.load_table((namespace, name)), schema)
        except NoSuchTableError:
            _create(catalog, (namespace, name), schema, time_column)


def _bring_up_to_date(table: Table, schema: pa.Schema) -> None:
    """Rename and add the columns in which a table of an older release differs; ids stay."""
    known = table.schema().fields
    if [field.name for field in known] == schema.names:
        return
    with table.update_schema() as change:
        for old, new in zip(known, schema, strict=False):
            if old.name != new.name:
                change.rename_column(old.name, new.name)
        for field in list(schema)[len(known) :]:
            change.add_column(field.name, _TYPES[field.type], doc=field.metadata[b"doc"].decode())


def _create(catalog: Catalog, name: tuple[str, str], schema: pa.Schema, time_column: str | None) -> None:
    fields = [
        NestedField(i, f.name, _TYPES[f.type], required=not f.nullable, doc=f.metadata[b"doc"].decode())
        for i, f in enumerate(schema, start=1)
    ]
    spec = PartitionSpec()
    if time_column:
        source = 1 + schema.get_field_index(time_column)
        spec = PartitionSpec(PartitionField(source, 1000, DayTransform(), f"{time_column}_day"))
    try:
        catalog.create_namespace_if_not_exists(name[0])
        catalog.create_table(name, Schema(*fields), partition_spec=spec, properties=_PROPERTIES)
    except (TableAlreadyExistsError, NamespaceAlreadyExistsError):
        catalog.load_table(name)  # another process was first; it must be readable now


def files_of(table: Table, snapshot_id: int) -> list[LakeFile]:
    """The data files of a snapshot, by day and path; none for snapshot 0."""
    if not snapshot_id:
        return []
    tasks = table.scan(snapshot_id=snapshot_id).plan_files()
    return sorted((lake_file(task.file) for task in tasks), key=lambda f: (f.day, f.path))


def lake_file(file: object) -> LakeFile:
    """An Iceberg data file entry as ours; a file of this machine by its path, others by their URL."""
    url: str = file.file_path  # type: ignore[attr-defined]
    path = unquote(urlparse(url).path) if url.startswith("file:") else url
    day = _day(file.partition[0])  # type: ignore[attr-defined]
    columns = dict(file.column_sizes or {})  # type: ignore[attr-defined]
    return LakeFile(path, file.record_count, file.file_size_in_bytes, day, columns)  # type: ignore[attr-defined]


def overlapping(files: list[LakeFile], span: tuple[datetime, datetime] | None) -> list[LakeFile]:
    """The files whose day can hold rows of the half-open UTC span."""
    if span is None:
        return files
    first, last = span[0].date(), span[1].date()
    return [file for file in files if first <= file.day <= last]


def _day(value: int | date) -> date:
    return value if isinstance(value, date) else date(1970, 1, 1) + timedelta(days=value)


def current_id(table: Table) -> int:
    """The table's current snapshot id, 0 when it is empty."""
    snapshot = table.current_snapshot()
    return snapshot.snapshot_id if snapshot else 0


def utc_day_start(day: date) -> datetime:
    """Midnight UTC of a day, without zone."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
