"""Questions on Amazon Athena over the lake's Iceberg tables, as they were in one data version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from data_access.aws.athena_calls import Calls
from data_access.aws.athena_results import AthenaResults
from data_access.aws.athena_runs import AthenaRuns
from data_access.aws.clients import Clients
from data_access.literals import at_version, identifier, literal_text
from data_access.model import Sql, Version
from data_access.ports import Scanned, ignored
from data_access.settings import Settings


class AthenaWarehouse:
    """The Warehouse port over an Athena workgroup."""

    engine = "Amazon Athena"
    sorts_any_size = True

    def __init__(self, clients: Clients, settings: Settings, calls: Calls | None = None) -> None:
        """Sends nothing yet; ``calls`` is given by those who have a clock of their own."""
        asked = calls or Calls()
        athena, s3 = clients.of("athena", attempts=1), clients.of("s3", attempts=1)
        database = settings.glue_database
        self._prefix = identifier(database)
        self._runs = AthenaRuns(athena, asked, settings.athena_workgroup, database, settings.query_seconds)
        self._results = AthenaResults(athena, s3, asked)

    def table(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> pa.Table:
        """The whole answer; ``scanned`` is told the bytes read, also by a query that failed.

        Raises QueryError, of a class of ``query_errors``.
        """
        with self._runs.done(self._text(sql, version), scanned) as run:
            return self._results.table(run)

    def schema(self, sql: Sql, version: Version) -> pa.Schema:
        """The answer's columns and types: of a query that reads no row, and no byte."""
        nothing = replace(sql, text=f"select * from ({sql.text}) as answer limit 0")
        with self._runs.done(self._text(nothing, version), ignored) as run:
            return self._results.schema(run.query_id)

    def stream(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> Iterator[pa.RecordBatch]:
        """The answer in record batches of at most 8,000 rows; ``scanned`` is told as by ``table``, when the
        stream has ended or is closed."""
        with self._runs.done(self._text(sql, version), scanned) as run:
            schema = self._results.schema(run.query_id)
            yield from self._results.batches(run.output_location, schema)

    def _text(self, sql: Sql, version: Version) -> str:
        return literal_text(sql, "athena", at_version(self._prefix, version))
