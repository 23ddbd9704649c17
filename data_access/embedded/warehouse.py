"""Questions on DuckDB over the Parquet files of one snapshot of the lake."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from threading import Timer

import duckdb
import pyarrow as pa

from data_access.embedded.duck import PROFILE
from data_access.embedded.lake import EmbeddedLake
from data_access.embedded.tables import relation
from data_access.iceberg.published import CURATED
from data_access.iceberg.tables import overlapping
from data_access.model import Sql, Version
from data_access.ports import QueryError, Scanned, ignored
from data_access.sql import to_engine

log = logging.getLogger(__name__)

BATCH_ROWS = 8_000
_PREFIX = "lake_table_"


class EmbeddedWarehouse:
    """The Warehouse port over an in-process DuckDB."""

    engine = f"DuckDB {duckdb.__version__}"
    sorts_any_size = False

    def __init__(self, connection: duckdb.DuckDBPyConnection, lake: EmbeddedLake, seconds: int) -> None:
        self._connection = connection
        self._lake = lake
        self._seconds = seconds

    def table(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> pa.Table:
        """The whole answer; ``scanned`` is told the bytes read where DuckDB knows them.

        Raises QueryError when it fails or takes too long.
        """
        with self._running(sql, version) as (result, cursor):
            table = result.to_arrow_table()
            _tell(cursor, scanned)
            return table

    def schema(self, sql: Sql, version: Version) -> pa.Schema:
        """The answer's columns and types, without computing it."""
        nothing = replace(sql, text=f"select * from ({sql.text}) as answer limit 0")
        return self.table(nothing, version).schema

    def stream(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> Iterator[pa.RecordBatch]:
        """The answer in record batches of at most 8,000 rows; ``scanned`` is told nothing of one that is
        left early, as DuckDB does not say."""
        with self._running(sql, version) as (result, cursor):
            yield from result.to_arrow_reader(BATCH_ROWS)
            _tell(cursor, scanned)

    @contextmanager
    def _running(
        self, sql: Sql, version: Version
    ) -> Iterator[tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyConnection]]:
        text = self._text(sql, version)
        cursor = self._connection.cursor()
        limit = Timer(self._seconds, cursor.interrupt)
        limit.daemon = True
        limit.start()
        try:
            cursor.execute(PROFILE)
            yield cursor.sql(text, params=dict(sql.params)), cursor
        except duckdb.InterruptException as error:
            raise QueryError(
                f"The query was stopped after {self._seconds} s. Choose a shorter period or fewer steps."
            ) from error
        except duckdb.Error as error:
            log.exception("query failed")
            raise QueryError("The query failed. The server's log has the details.") from error
        finally:
            limit.cancel()
            cursor.close()

    def _text(self, sql: Sql, version: Version) -> str:
        text, names = _prepared(sql.text)
        for name in names:
            files = overlapping(self._lake.files(name, version), sql.span if name == "events" else None)
            text = text.replace(_PREFIX + name, relation(name, files))
        return text


def _tell(cursor: duckdb.DuckDBPyConnection, scanned: Scanned) -> None:
    profile = json.loads(cursor.get_profiling_information(format="json"))
    if "io" in profile:  # it profiles texts with parameters only
        scanned(int(profile["io"]["total_bytes_read"]))


@lru_cache(maxsize=1024)
def _prepared(text: str) -> tuple[str, tuple[str, ...]]:
    """DuckDB text with marked table names, and which tables it reads."""
    marked = to_engine(text, "duckdb", tuple((name, _PREFIX + name) for name in CURATED))
    return marked, tuple(name for name in CURATED if _PREFIX + name in marked)
