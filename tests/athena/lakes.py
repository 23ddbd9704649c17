"""The lake of the AWS form for tests: curated by Athena's statements, really executed by the double."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.catalog.sql import SqlCatalog

from data_access.aws.clients import Clients
from data_access.aws.documents import TABLE, AwsDocuments
from data_access.aws.lake import AwsLake
from data_access.aws.tables import create
from data_access.aws.warehouse import AthenaWarehouse
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Sql, Version
from data_access.ports import CurateResult, Documents
from data_access.settings import Settings
from tests.athena.double import KEY, AthenaDouble
from tests.athena.parts import Clock, quick, s3_url
from tests.aws_parts import REGION, ministack, settings_of
from tests.builders import table

Row = dict[str, Any]


class FileLake(AwsLake):
    """The lake with its tables on local files: as exact, and much faster."""

    def _location(self) -> str:
        return str(self.open_table("events").metadata_location)


@dataclass
class AthenaLake:
    """A lake, a warehouse over it and the Athena both ask."""

    lake: AwsLake
    warehouse: AthenaWarehouse
    double: AthenaDouble
    documents: Documents
    clock: Clock
    settings: Settings

    def add(self, *events: Row) -> CurateResult:
        """Append events and curate."""
        self.lake.append(table(events))
        return self.curate()

    def curate(self) -> CurateResult:
        """Curate; what Athena refused, as an error of the test."""
        done = self.lake.curate()
        self.clock.now += 10
        return done

    def rows(self, name: str, version: Version | None = None) -> list[Row]:
        """A table's rows in a stable order."""
        found = self.warehouse.table(Sql(f"select * from {name}"), version or self.lake.snapshot())
        return sorted(found.to_pylist(), key=lambda row: str(sorted(row.items(), key=lambda item: item[0])))


@contextmanager
def athena_lake(folder: Path, events: Iterable[Row] = (), **settings: Any) -> Iterator[AthenaLake]:
    """A lake with its tables on local files in ``folder``."""
    catalog = file_catalog(folder)
    documents = EmbeddedDocuments(folder / "documents.db")
    with _over(catalog, s3_url(), documents, **settings) as found:
        if rows := list(events):
            found.add(*rows)
        yield found


@contextmanager
def glue_lake(server: str) -> Iterator[AthenaLake]:
    """A lake with all of it on a server: its catalog in Glue, its files in S3, its lease in DynamoDB."""
    url = s3_url() if server == "moto" else ministack()
    with _over(catalog_at(url), url, None) as found:
        yield found


def file_catalog(folder: Path) -> Catalog:
    """A catalog of tables on local files."""
    folder.mkdir(parents=True, exist_ok=True)
    return SqlCatalog("files", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=folder.as_uri())


def catalog_at(url: str) -> Catalog:
    """Glue and S3 at a URL."""
    named = {"endpoint": url, "region": REGION, "access-key-id": KEY, "secret-access-key": KEY}
    own = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in named.items()}
    return GlueCatalog("glue", **own)


@contextmanager
def _over(catalog: Catalog, url: str, documents: Documents | None, **more: Any) -> Iterator[AthenaLake]:
    clock = Clock()
    with athena_at(catalog, url, **more) as (placed, double):
        clients, calls = Clients(placed), quick()
        if documents is None:
            create(clients, placed.aws_name, TABLE)
            documents = AwsDocuments(clients, placed.aws_name)
            lake = AwsLake(clients, placed, documents, calls, clock.time)
        else:
            lake = FileLake(clients, placed, documents, calls, clock.time, catalog)
        lake.make_tables()
        warehouse = AthenaWarehouse(clients, placed, calls)
        yield AthenaLake(lake, warehouse, double, documents, clock, placed)


@contextmanager
def athena_at(catalog: Catalog, url: str, **more: Any) -> Iterator[tuple[Settings, AthenaDouble]]:
    """An Athena over a catalog, all else of AWS at a URL, and the settings of who asks them."""
    own = settings_of(**more)
    own = replace(own, athena_curation_workgroup=own.athena_workgroup)
    with pytest.MonkeyPatch.context() as monkey:
        monkey.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkey.setenv("AWS_SECRET_ACCESS_KEY", KEY)
        with AthenaDouble(catalog, url, own.lake_bucket, own.athena_workgroup) as double:
            yield replace(own, aws_endpoint=double.url), double
