"""The forms that pages run on, for tests of pages that must hold on each.

The AWS form's lake has its tables on local files: as exact as in Glue and S3 (tests/athena and tests/chain
hold it to that), and much faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app.factory import create_app
from data_access.aws import clients as aws_clients
from data_access.aws import stream
from data_access.aws.clients import Clients
from data_access.aws.counters import AwsCounters
from data_access.aws.warehouse import AthenaWarehouse
from data_access.backends import Backends, open_backends
from data_access.ports import Lake, Warehouse
from data_access.users import add_user
from tests.app.shop import shop
from tests.athena.lakes import FileLake, athena_at, file_catalog
from tests.athena.parts import quick, s3_url
from tests.aws_app import AwsDoor, make_parts
from tests.aws_parts import settings_of
from tests.builders import embedded, table
from tests.door import Door
from tests.quick_moto import quick_moto

FORMS = ("embedded", "aws")
PASSWORD = "correct horse battery"
_SHARED = ("aws_endpoint", "glue_database", "lake_bucket", "athena_workgroup", "athena_curation_workgroup")

both_forms = pytest.mark.parametrize("form", FORMS)
only_embedded = pytest.mark.parametrize("form", ["embedded"])
"""For a test of something the other form does not have."""


class Forms:
    """Back ends of each form, opened when first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._events = sparse_shop()
        self.shop = cache(self._shop)
        self.app = cache(self._app)
        self._ground = cache(self._empty)

    def new(self, form: str, folder: Path, **settings: Any) -> Backends:
        """Empty back ends of a test that writes. On the AWS form they have resources of their own but for the
        lake, which all share: nothing is appended to it."""
        if form == "embedded":
            return embedded(folder, **settings)
        ground, clients = self._ground()
        shared = {name: getattr(ground.settings, name) for name in _SHARED}
        own = settings_of(data_dir=folder / "data", **shared, **settings)
        make_parts(clients, own.aws_name)
        with patch.object(aws_clients, "Clients", lambda _: clients):  # a quarter of a second less
            return with_engines(open_backends(own), ground.lake, ground.warehouse)

    def counters(self, backends: Backends, clock: Callable[[], float]) -> AwsCounters:
        """The counters of back ends of the AWS form by another clock."""
        return AwsCounters(self._ground()[1], backends.settings.aws_name, clock)

    def eager(self, backends: Backends) -> Backends:
        """Back ends whose log's tail is looked at whenever somebody asks, not every few seconds."""
        if backends.log is not None:
            return backends
        steps = count(time.time(), stream.POLL_SECONDS)
        shards = stream.Shards(self._ground()[1], backends.settings.aws_name)
        return replace(backends, tail=stream.StreamTail(shards, backends.intake, lambda: next(steps)))

    def _shop(self, form: str) -> Backends:
        """A shop's back ends, with a viewer and an analyst, for tests that only read."""
        opened = self._opened(form)
        for name, role in (("vera", "viewer"), ("ana", "analyst")):
            add_user(opened.documents, name, PASSWORD, role)
        return opened

    def _opened(self, form: str) -> Backends:
        if form == "embedded":
            return embedded(self._folder / "shop", self._events)
        return self._stack.enter_context(aws_on_files(self._folder / "aws-shop", self._events))

    def _app(self, form: str) -> Any:
        return create_app(self.shop(form))

    def _empty(self) -> tuple[Backends, Clients]:
        opened = self._stack.enter_context(aws_on_files(self._folder / "aws-empty"))
        return opened, Clients(opened.settings)


def door_of(backends: Backends, clock: Callable[[], float] | None = None) -> Door:
    """A door to back ends of either form."""
    return AwsDoor(backends, clock) if backends.log is None else Door(backends, clock)


def sparse_shop() -> list[dict[str, Any]]:
    """A shop's events of every sixth day of 70, today among them: what curation takes goes by the days."""
    today = datetime.now(UTC).toordinal()
    return [one for one in shop(days=70, sessions_a_day=36) if (today - one["ts"].toordinal()) % 6 == 0]


@contextmanager
def aws_on_files(
    folder: Path, events: Iterable[Mapping[str, Any]] = (), **settings: Any
) -> Iterator[Backends]:
    """The app's back ends on the AWS form, with ``events`` curated; the lake's tables are in ``folder``."""
    catalog, own = file_catalog(folder), {"data_dir": folder / "data", **settings}
    with quick_moto(), athena_at(catalog, s3_url(), **own) as (placed, _):
        clients = Clients(placed)
        make_parts(clients, placed.aws_name)
        opened = open_backends(placed)
        lake = FileLake(clients, placed, opened.documents, quick(), time.time, catalog)
        lake.make_tables()
        if rows := list(events):
            lake.append(table(rows))
            lake.curate()
        yield with_engines(opened, lake, AthenaWarehouse(clients, placed, quick()))


def with_engines(backends: Backends, lake: Lake, warehouse: Warehouse) -> Backends:
    """The same with another lake and another warehouse."""
    asking = replace(backends.asking, lake=lake, warehouse=warehouse)
    return replace(backends, lake=lake, warehouse=warehouse, asking=asking)
