"""The Athena warehouse over the double, for tests: the embedded lake, and moto's S3 for its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from data_access.aws.athena_calls import Calls
from data_access.aws.clients import Clients
from data_access.aws.warehouse import AthenaWarehouse
from data_access.backends import Backends
from data_access.embedded.tables import open_catalog
from data_access.settings import Settings
from tests.athena.double import KEY, AthenaDouble
from tests.aws_parts import settings_of

MOST_NAPS = 1000
"""No query of a test sleeps more often."""


@lru_cache(maxsize=1)
def s3_url() -> str:
    """The URL of this process's S3 server, started when first asked for."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@dataclass
class Clock:
    """Time that passes when somebody sleeps, and not else."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert len(self.slept) < MOST_NAPS, "nobody looks at the deadline"
        self.slept.append(seconds)
        self.now += seconds


def quick() -> Calls:
    """Calls of those whose time passes; they do not rest for long."""
    return Calls(time.monotonic, lambda seconds: time.sleep(min(seconds, 0.01)))


@dataclass(frozen=True)
class Athena:
    """A warehouse on the double, and what it is made of."""

    double: AthenaDouble
    warehouse: AthenaWarehouse
    settings: Settings
    clock: Clock

    def reset(self) -> None:
        """As if it were new."""
        self.clock.now = 0
        self.clock.slept.clear()
        self.double.workgroup = self.settings.athena_workgroup
        self.double.reset()

    def anew(self, sleep: Callable[[float], None] | None = None) -> AthenaWarehouse:
        """Another warehouse on it, as of a process that starts now; ``sleep`` instead of the clock's."""
        calls = Calls(self.clock.time, sleep or self.clock.sleep)
        return AthenaWarehouse(Clients(self.settings), self.settings, calls)


@contextmanager
def athena_over(backends: Backends, key: str = KEY, **settings: Any) -> Iterator[Athena]:
    """The warehouse over the embedded lake of ``backends``; it signs in as ``key``."""
    clock, catalog = Clock(), open_catalog(backends.settings.data_dir.resolve() / "lake")
    cap = settings.pop("cap", None)
    with pytest.MonkeyPatch.context() as monkey:
        monkey.setenv("AWS_ACCESS_KEY_ID", key)
        monkey.setenv("AWS_SECRET_ACCESS_KEY", key)
        own = settings_of(glue_database="streamgauge", **settings)
        with AthenaDouble(catalog, s3_url(), own.lake_bucket, own.athena_workgroup, cap) as double:
            placed = replace(own, aws_endpoint=double.url)
            warehouse = AthenaWarehouse(Clients(placed), placed, Calls(clock.time, clock.sleep))
            yield Athena(double, warehouse, placed, clock)
