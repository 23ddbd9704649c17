"""Reading the Kinesis stream from a web host: how far it is counted, and what came in last.

A shard answers five reads a second to all who read it, functions included; so a host reads each shard at most
every few seconds, and goes by what it saw meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_access.aws.clients import Clients
from data_access.aws.curation import COMMITTED
from data_access.aws.log import STREAM
from data_access.live import DeadLetter, MinuteCount, Progress, Record, Settlement
from data_access.model import Version
from data_access.moments import of_seconds
from data_access.ports import Counters, Intake

log = logging.getLogger(__name__)

POLL_SECONDS, SHARDS_SECONDS = 5.0, 60.0
DELIVERY = timedelta(minutes=15)
"""After so long Firehose has brought an event to the raw table: the longest it may gather, and some tries."""
BACK = timedelta(minutes=10)
"""How far back who begins to look at what comes in is shown it."""
MOST_RECORDS = 2_000
_AT_ONCE, _LOOKS, _RECORDS = 8, 10, 1_000


class Shards:
    """The shards of the stream, and reads of one."""

    def __init__(self, clients: Clients, begin: str, clock: Callable[[], float] = time.time) -> None:
        self._kinesis, self.stream = clients.of("kinesis"), STREAM.format(begin)
        self._clock = clock
        self._known: tuple[float, list[str]] | None = None

    def names(self) -> list[str]:
        """Shards that hold records, closed ones included; looked up once a minute."""
        now = self._clock()
        if self._known is None or not 0 <= now - self._known[0] < SHARDS_SECONDS:
            pages = self._kinesis.get_paginator("list_shards").paginate(StreamName=self.stream)
            self._known = now, [shard["ShardId"] for page in pages for shard in page["Shards"]]
        return self._known[1]

    def after(self, shard: str, sequence: int) -> str:
        """Where to read on behind a sequence, 0 for all there is."""
        if not sequence:
            return self._begin(shard, ShardIteratorType="TRIM_HORIZON")
        number = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(sequence)}
        try:
            return self._begin(shard, **number)
        except self._kinesis.exceptions.InvalidArgumentException:  # the stream does not hold it any more
            return self._begin(shard, ShardIteratorType="TRIM_HORIZON")

    def since(self, shard: str, moment: datetime) -> str:
        """Where to read from a time (naive UTC) on."""
        at = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment.replace(tzinfo=UTC)}
        return self._begin(shard, **at)

    def read(self, place: str, limit: int) -> tuple[list[dict[str, Any]], str, bool]:
        """Records from a place on, where to read on (empty at the end of a closed shard), and whether there
        is nothing behind them for now."""
        found = self._kinesis.get_records(ShardIterator=place, Limit=limit)
        following = found.get("NextShardIterator") or ""
        return found["Records"], following, not following or not found.get("MillisBehindLatest")

    def _begin(self, shard: str, **how: Any) -> str:
        told = self._kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **how)
        return str(told["ShardIterator"])


@dataclass(frozen=True, slots=True)
class _Seen:
    """A shard when it was read last: the arrival of its first record that is not counted, if there is one."""

    at: float
    waiting: datetime | None

    def waiting_at(self, looked: float) -> datetime | None:
        """The same, or when it was read last if it could not be read since a look."""
        return self.waiting or (of_seconds(self.at) if self.at < looked else None)


class StreamFollowing:
    """The Following port over a stream's shards and the counters."""

    def __init__(self, shards: Shards, counters: Counters, clock: Callable[[], float] = time.time) -> None:
        self._shards, self._counters, self._clock = shards, counters, clock
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "stream")
        self._looked = 0.0
        self._seen: dict[str, _Seen] = {}

    def progress(self) -> Progress:
        """How far the stream is counted, by a look that is at most a few seconds old. What cannot be read is
        taken to be counted up to the last time that it could."""
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._looked < POLL_SECONDS:
                self._looked = now
                self._look(now)
            found = [seen.waiting_at(self._looked) for seen in self._seen.values()]
            return Progress(min((one for one in found if one), default=None))

    def settlement(self, version: Version) -> Settlement:
        """What of the counts a version of the lake has."""
        kind, milliseconds = version.log
        committed = of_seconds(milliseconds / 1000 if kind == COMMITTED else 0)
        waiting = self.progress().waiting_since

        def holds(item: MinuteCount) -> bool:
            return item.changed_at is not None and item.changed_at <= committed - DELIVERY

        return Settlement(holds, waiting is None or waiting >= committed)

    def _look(self, now: float) -> None:
        try:
            names = self._shards.names()
        except (BotoCoreError, ClientError) as error:
            if not self._seen:
                raise
            log.warning("the shards of the stream could not be listed: %s", error)
            return
        before = {name: self._seen.get(name, _Seen(now, None)) for name in names}
        seen = self._pool.map(lambda name: self._looked_at(name, before[name], now), names)
        self._seen = dict(zip(names, seen, strict=True))

    def _looked_at(self, shard: str, before: _Seen, now: float) -> _Seen:
        try:
            offset = self._counters.offset(f"{self._shards.stream}/{shard}")
            return _Seen(now, self._first_after(shard, offset))
        except (BotoCoreError, ClientError) as error:
            log.warning("shard %s of the stream could not be read: %s", shard, error)
            return before

    def _first_after(self, shard: str, sequence: int) -> datetime | None:
        """When the first record behind a sequence arrived."""
        place = self._shards.after(shard, sequence)
        for _ in range(_LOOKS):
            records, place, is_end = self._shards.read(place, 1)
            if records:
                return _arrival(records[0])
            if is_end:
                return None
        return None


class StreamTail:
    """The Tail port: what came into the stream while somebody looked, and a few minutes before.

    Records have places of this process's own, by when they were read.
    """

    def __init__(self, shards: Shards, intake: Intake, clock: Callable[[], float] = time.time) -> None:
        self._shards, self._intake, self._clock = shards, intake, clock
        self._lock = Lock()
        self._looked = 0.0
        self._places: dict[str, str] = {}
        self._kept: deque[Record] = deque(maxlen=MOST_RECORDS)
        self._head = 0

    def head(self) -> int:
        """The newest record's place; looks into the stream every few seconds."""
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._looked < POLL_SECONDS:
                self._looked = now
                self._look(of_seconds(now))
            return self._head

    def read(self, after: int, limit: int) -> list[Record]:
        """Records behind a place, in order, at most ``limit``."""
        with self._lock:
            return [record for record in self._kept if record.first > after][:limit]

    def letters(self, limit: int, site: str | None = None, *, waiting: bool = False) -> list[DeadLetter]:
        """The newest refused events, newest first."""
        return self._intake.letters(limit, site, waiting=waiting)

    def _look(self, now: datetime) -> None:
        found: list[tuple[datetime, bytes]] = []
        try:
            for shard in self._shards.names():
                found += self._new_of(shard, now)
        except (BotoCoreError, ClientError) as error:
            log.warning("what came in could not be read: %s", error)
        for arrived, body in sorted(found, key=lambda one: one[0]):
            self._head += 1
            self._kept.append(Record(self._head, self._head, arrived, body))

    def _new_of(self, shard: str, now: datetime) -> list[tuple[datetime, bytes]]:
        place = self._places.get(shard)
        if place == "":
            return []
        try:
            records, following, _ = self._shards.read(
                place or self._shards.since(shard, now - BACK), _RECORDS
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExpiredIteratorException":
                raise
            self._places.pop(shard, None)  # nobody looked for minutes
            return []
        self._places[shard] = following
        return [(_arrival(record), record["Data"]) for record in records]


def _arrival(record: dict[str, Any]) -> datetime:
    arrived: datetime = record["ApproximateArrivalTimestamp"]
    return arrived.astimezone(UTC).replace(tzinfo=None)
