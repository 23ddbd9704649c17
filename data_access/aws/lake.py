"""The lake on AWS: Iceberg tables in S3 with Glue as their catalog, curated by Athena."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog

from data_access.aws import curation
from data_access.aws.athena_calls import Calls
from data_access.aws.athena_results import AthenaResults
from data_access.aws.athena_runs import AthenaRuns
from data_access.aws.clients import Clients
from data_access.aws.curation_sql import WORK
from data_access.iceberg.lake import IcebergLake
from data_access.iceberg.tables import LAYOUT, current_id, ensure, files_of
from data_access.leases import held
from data_access.literals import identifier
from data_access.model import Version
from data_access.ports import CurateResult, Documents, MaintainResult
from data_access.settings import Settings

FRESH_SECONDS = 2.0
"""How long the catalog is not asked again which version there is."""
STATEMENT_SECONDS = 720
TURN_SECONDS = 2700
"""How long a curation that was killed keeps others away: Athena runs its last statement for half an hour."""


class AwsLake(IcebergLake):
    """The Lake port. Appends may run side by side; curation and maintenance take turns by a lease."""

    def __init__(
        self,
        clients: Clients,
        settings: Settings,
        documents: Documents,
        calls: Calls | None = None,
        clock: Callable[[], float] = time.time,
        catalog: Catalog | None = None,
    ) -> None:
        """Sends nothing yet; ``calls``, ``clock`` and ``catalog`` are given by those who have their own."""
        database = settings.glue_database
        super().__init__(catalog or _catalog(clients, settings), database)
        self.prefix = identifier(database)
        self._clients, self._settings, self._documents = clients, settings, documents
        self._calls, self._clock = calls or Calls(), clock
        self._asked = 0.0
        self._seen: tuple[str, Version] | None = None

    def make_tables(self) -> None:
        """Make the tables that are not there yet, and bring those of an older release up to date."""
        ensure(self._catalog, self._namespace, {**LAYOUT, **WORK})

    def curate(self) -> CurateResult:
        """Bring events, sessions and orders up to date with the raw table, in one visible step a round.

        Raises LeaseHeld while another process does, QueryError when Athena fails; then nothing has changed
        for readers, and the next curation does it all.
        """
        with self._turn():
            return curation.curate(self, self._statements, self._settings.curation_days)

    def maintain(self, now: datetime) -> MaintainResult:
        """Curate, compact days closed before ``now``, expire old snapshots, delete files no other names."""
        with self._turn():
            curation.curate(self, self._statements, self._settings.curation_days)
            return curation.maintain(self, self._statements, now.date())

    def snapshot(self) -> Version:
        """The current data version: asked of the catalog every few seconds, parsed when it has changed."""
        with self._lock:
            now = self._clock()
            if self._seen is None or not 0 <= now - self._asked < FRESH_SECONDS:
                location = self._location()
                if self._seen is None or self._seen[0] != location:
                    self._seen = location, self.published().version
                self._asked = now
            return self._seen[1]

    def file_count(self) -> int:
        """Data files of all tables as they are now."""
        tables = [self.open_table(name) for name in LAYOUT]
        return sum(len(files_of(table, current_id(table))) for table in tables)

    def snapshot_count(self) -> int:
        """Snapshots of all tables."""
        return sum(len(self.open_table(name).metadata.snapshots) for name in LAYOUT)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with held(self._documents, "curation", TURN_SECONDS, self._clock):
            self.make_tables()
            self.roll_back()
            try:
                yield
            finally:
                self._asked = 0.0

    def _location(self) -> str:
        """Where the metadata of the events table are: another place with every commit."""
        glue = self._clients.of("glue")
        found: dict[str, Any] = glue.get_table(DatabaseName=self._namespace, Name="events")["Table"]
        return str(found["Parameters"]["metadata_location"])

    @cached_property
    def _statements(self) -> curation.Statements:
        athena, s3 = self._clients.of("athena", attempts=1), self._clients.of("s3", attempts=1)
        workgroup, database = self._settings.athena_curation_workgroup, self._settings.glue_database
        runs = AthenaRuns(athena, self._calls, workgroup, database, STATEMENT_SECONDS)
        return curation.Statements(runs, AthenaResults(athena, s3, self._calls))


def _catalog(clients: Clients, settings: Settings) -> GlueCatalog:
    """Glue by the credentials boto3 finds; files are read and written in the same region."""
    own = {"warehouse": f"s3://{settings.lake_bucket}/lake", "s3.region": clients.region}
    if settings.aws_endpoint:
        own["s3.endpoint"] = settings.aws_endpoint
    return GlueCatalog("glue", client=clients.of("glue"), **own)
