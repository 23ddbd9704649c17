"""The lake's tables on local files: their catalog, how far they hold the log, and as relations of DuckDB."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from data_access.iceberg.tables import LAYOUT, LakeFile, ensure
from data_access.literals import quoted

NAMESPACE = "streamgauge"
_LOG = "streamgauge.log"

_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
}


def open_catalog(folder: Path) -> SqlCatalog:
    """The catalog in ``folder``, its tables made if they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog(
        "embedded",
        uri=f"sqlite:///{folder / 'catalog.db'}?timeout=60",
        warehouse=folder.resolve().as_uri(),
    )
    ensure(catalog, NAMESPACE)
    return catalog


def has_files(folder: Path) -> bool:
    """True when there is any data file below a lake's folder."""
    return any(folder.rglob("*.parquet"))


def held_log(raw: Table) -> tuple[str, int]:
    """Which log the raw table holds, by its epoch, and up to which sequence; ("", 0) when none."""
    epoch = raw.properties.get(_LOG, "")
    return epoch, log_offset(raw, epoch)


def log_offset(raw: Table, epoch: str) -> int:
    """The last sequence of a log that the raw table holds."""
    return int(raw.properties.get(f"{_LOG}.{epoch}", 0))


def log_held(epoch: str, last: int) -> dict[str, str]:
    """Properties that say how far the raw table holds a log."""
    return {_LOG: epoch, f"{_LOG}.{epoch}": str(last)}


def relation(name: str, files: list[LakeFile]) -> str:
    """DuckDB text of a table made of ``files``: columns found by Iceberg field id, so files written
    before a column was added or renamed read correctly."""
    schema, _ = LAYOUT[name]
    if not files:
        columns = ", ".join(f"cast(null as {_TYPES[f.type]}) as {f.name}" for f in schema)
        return f"(select {columns} where false)"
    fields = ", ".join(
        f"{i}: {{name: '{f.name}', type: '{_TYPES[f.type]}', default_value: NULL}}"
        for i, f in enumerate(schema, start=1)
    )
    return f"read_parquet([{', '.join(quoted(f.path) for f in files)}], schema = MAP {{{fields}}})"
