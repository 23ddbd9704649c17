"""The AWS form for tests: what its app needs to be there, and a door whose consumers are the functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

from data_access.aws import audit, counters, documents, findings
from data_access.aws import log as aws_log
from data_access.aws.clients import Clients
from data_access.aws.log import STREAM
from data_access.aws.tables import create
from data_access.backends import Backends
from data_access.live import Record
from pipeline.lambdas import live as live_function
from pipeline.lambdas import transform
from pipeline.rules import load_rules
from tests.door import Door
from tests.lambda_events import delivered, firehose_of, kinesis_of
from tests.streams import make_stream, records

TABLES = (audit.TABLE, counters.TABLE, documents.TABLE, findings.TABLE, aws_log.TABLE)


def make_parts(clients: Clients, begin: str, shards: int = 2) -> None:
    """Tables, stream and queue of an app whose resources begin with ``begin``."""
    create(clients, begin, *TABLES)
    make_stream(clients, begin, shards)


class AwsDoor(Door):
    """A door whose consumers are the functions; the test brings them the stream's records, as AWS would."""

    def __init__(self, backends: Backends, clock: Callable[[], float] | None = None) -> None:
        self.backends, self.clients = backends, Clients(backends.settings)
        self.clock = clock or (lambda: datetime.now(UTC).timestamp())
        self._open(clock)
        self.live = SimpleNamespace(step=self._count)
        self.lake = SimpleNamespace(drain=self._deliver)
        self._read: dict[str, dict[str, str]] = {"live": {}, "lake": {}}

    def _count(self) -> int:
        """What came in since the last time, through the live function."""
        done = 0
        for shard, found in self._came("live"):
            told = live_function.folded(
                kinesis_of(self._stream, shard, found), self.backends.counters, self.clock
            )
            assert told == {"batchItemFailures": []}
            done += len(found)
        return done

    def _deliver(self) -> int:
        """What came in since the last time, through the transform function into the raw table."""
        done = 0
        for shard, found in self._came("lake"):
            event = firehose_of(self._stream, shard, found)
            self.backends.lake.append(
                delivered(transform.transformed(event, self.backends.intake, load_rules()))
            )
            done += len(found)
        return done

    @property
    def _stream(self) -> str:
        return STREAM.format(self.backends.settings.aws_name)

    def _came(self, reader: str) -> Iterator[tuple[str, list[Record]]]:
        return records(self.clients, self.backends.settings.aws_name, self._read[reader])
