"""The embedded lake: Iceberg tables on local files with a SQLite catalog."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from data_access.embedded import curation, upkeep
from data_access.embedded.locks import exclusive
from data_access.embedded.tables import NAMESPACE, log_held, log_offset, open_catalog
from data_access.iceberg.lake import IcebergLake, raw_rows
from data_access.iceberg.tables import RAW
from data_access.model import Version
from data_access.ports import CurateResult, MaintainResult
from data_access.settings import Settings

_SEQUENCES = "streamgauge.sequences"
"""What of the log a snapshot of the raw table added."""


class EmbeddedLake(IcebergLake):
    """The Lake port. Appends may run side by side; curation and maintenance take turns by a lock."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        super().__init__(open_catalog(folder), NAMESPACE)
        self._folder = folder
        self._connection = connection
        self._settings = settings
        self._db = sqlite3.connect(
            f"file:{folder / 'catalog.db'}?mode=ro", uri=True, timeout=60, check_same_thread=False
        )
        self._seen: tuple[str, Version] | None = None

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
                    change.append(raw_rows(events), {_SEQUENCES: f"{epoch}:{after + 1}-{last}"})
            return True

    def log_offset(self, epoch: str) -> int:
        """The last sequence of a log that the raw table holds; 0 at first."""
        return log_offset(self.open_table(RAW), epoch)

    def curate(self) -> CurateResult:
        """Bring events, sessions and orders up to date with the raw table, in one visible step."""
        with exclusive(self._folder / "write.lock"):
            self.roll_back()
            return curation.curate(self, self._connection)

    def maintain(self, now: datetime) -> MaintainResult:
        """Compact days closed before ``now``, expire old snapshots, sweep files no snapshot names."""
        with exclusive(self._folder / "write.lock"):
            self.roll_back()
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
