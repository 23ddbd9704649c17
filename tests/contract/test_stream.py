"""Reading the stream from a web host: how far it is counted, what came in last, which minutes are settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_access.aws import log as aws_log
from data_access.aws.counters import TABLE as COUNTERS
from data_access.aws.counters import AwsCounters
from data_access.aws.curation import COMMITTED
from data_access.aws.log import STREAM, AwsLog
from data_access.aws.stream import (
    DELIVERY,
    POLL_SECONDS,
    SHARDS_SECONDS,
    Shards,
    StreamFollowing,
    StreamTail,
)
from data_access.live import MinuteCount, Progress, Reason, Refused, Sighting
from data_access.model import Version
from tests.aws_parts import Aws
from tests.streams import make_stream


class Clock:
    """Time from now on, which passes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class Bench:
    """A stream of two shards, read by a host."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.clock = aws, Clock()
        aws.create(COUNTERS, aws_log.TABLE)
        make_stream(aws.clients, aws.begin)
        self.counters = AwsCounters(aws.clients, aws.begin)
        self.shards = Shards(aws.clients, aws.begin, self.clock)
        self.following = StreamFollowing(self.shards, self.counters, self.clock)
        self.tail = StreamTail(self.shards, AwsLog(aws.clients, aws.begin), self.clock)
        self.kinesis, self.stream = aws.clients.of("kinesis"), STREAM.format(aws.begin)

    def put(self, shard: int, body: bytes = b"{}") -> int:
        """A record into one of the shards; its sequence."""
        told = self.kinesis.put_record(
            StreamName=self.stream,
            Data=body,
            PartitionKey="p",
            ExplicitHashKey=str(shard * 2**127 + 1),
        )
        return int(told["SequenceNumber"])

    def count(self, shard: int, sequence: int) -> None:
        """Let a shard be counted up to a sequence."""
        self.counters.fold(f"{self.stream}/{sorted(self.shards.names())[shard]}", 0, sequence, [])

    def progress(self) -> Progress:
        """A look at the stream of now."""
        self.clock.now += POLL_SECONDS
        return self.following.progress()


@pytest.fixture
def bench(aws: Aws) -> Bench:
    return Bench(aws)


def near(moment: datetime | None) -> bool:
    """Whether a time is of this test."""
    return moment is not None and abs(datetime.now(UTC).replace(tzinfo=None) - moment) < timedelta(minutes=2)


def test_nothing_waits_in_an_empty_stream(bench: Bench) -> None:
    assert bench.progress() == Progress(None)


def test_what_waits_in_any_shard_holds_the_watermark(bench: Bench) -> None:
    first, second, other = bench.put(0), bench.put(0), bench.put(1)
    assert near(bench.progress().waiting_since)
    bench.count(0, first)
    assert near(bench.progress().waiting_since)
    bench.count(0, second)
    assert near(bench.progress().waiting_since), "the other shard waits"
    bench.count(1, other)
    assert bench.progress() == Progress(None)


def test_a_look_is_shared_for_a_while(bench: Bench) -> None:
    assert bench.progress() == Progress(None)
    bench.put(0)
    assert bench.following.progress() == Progress(None)
    assert near(bench.progress().waiting_since)


def test_what_cannot_be_read_counts_as_it_was_when_it_could(bench: Bench) -> None:
    bench.progress()
    seen = datetime.fromtimestamp(bench.clock.now, UTC).replace(tzinfo=None)
    _refuse(bench, "GetRecords")
    assert bench.progress() == Progress(seen)
    assert bench.progress() == Progress(seen)


def test_shards_that_cannot_be_listed_are_as_old_as_they_were(bench: Bench) -> None:
    bench.progress()
    seen = datetime.fromtimestamp(bench.clock.now, UTC).replace(tzinfo=None)
    _refuse(bench, "ListShards")
    bench.clock.now += SHARDS_SECONDS
    assert bench.progress() == Progress(seen)


def _refuse(bench: Bench, operation: str) -> None:
    def refuse(**_: Any) -> Any:
        error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        return type("Response", (), {"status_code": 400})(), error

    bench.kinesis.meta.events.register(f"before-call.kinesis.{operation}", refuse)


# Which minutes are settled


def minute(changed_at: datetime | None) -> MinuteCount:
    return MinuteCount("shop", 1, 1, {}, frozenset(), frozenset(), {}, {}, {}, changed_at=changed_at)


def version(committed: datetime | None) -> Version:
    if committed is None:
        return Version(())
    return Version((), log=(COMMITTED, int(committed.replace(tzinfo=UTC).timestamp() * 1000)))


def test_a_minute_is_settled_when_what_it_counts_was_delivered(bench: Bench) -> None:
    now = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - naive UTC
    found = bench.following.settlement(version(now))
    assert found.holds(minute(now - DELIVERY))
    assert not found.holds(minute(now - DELIVERY + timedelta(seconds=1)))
    assert not found.holds(minute(None))
    assert found.is_counted
    assert found.places is None


def test_nothing_is_settled_in_a_lake_without_rows(bench: Bench) -> None:
    assert not bench.following.settlement(version(None)).holds(minute(datetime(2026, 3, 9)))  # noqa: DTZ001


def test_a_lake_that_is_ahead_of_the_counts_settles_nothing(bench: Bench) -> None:
    bench.put(0)
    now = datetime.now(UTC).replace(tzinfo=None)
    bench.clock.now += POLL_SECONDS
    assert not bench.following.settlement(version(now + timedelta(hours=1))).is_counted
    assert bench.following.settlement(version(now - timedelta(hours=1))).is_counted


# What came in last


def look(bench: Bench) -> int:
    bench.clock.now += POLL_SECONDS
    return bench.tail.head()


def test_the_tail_has_what_came_of_every_shard(bench: Bench) -> None:
    bench.put(0, b"one")
    bench.put(1, b"two")
    head = look(bench)
    assert {record.body for record in bench.tail.read(0, 10)} == {b"one", b"two"}
    assert all(near(record.written_at) for record in bench.tail.read(0, 10))
    bench.put(0, b"three")
    assert bench.tail.head() == head, "a look is shared for a while"
    assert look(bench) == head + 1
    (found,) = bench.tail.read(head, 10)
    assert (found.first, found.last, found.body) == (head + 1, head + 1, b"three")
    assert len(bench.tail.read(0, 2)) == 2


def test_the_tail_goes_on_when_it_cannot_read(bench: Bench) -> None:
    bench.put(0, b"one")
    look(bench)
    _refuse(bench, "GetRecords")
    assert look(bench) == 1
    assert [record.body for record in bench.tail.read(0, 10)] == [b"one"]


def test_the_tail_has_the_refused_ones(bench: Bench) -> None:
    AwsLog(bench.aws.clients, bench.aws.begin).bury([Refused("shop", Reason.TOO_LONG, "f", "m", b"b", 5)])
    (letter,) = bench.tail.letters(10, "shop")
    assert letter.refused.body == b"b"


# Counts of several shards


def test_a_count_of_a_shard_that_is_behind_another_is_seen(bench: Bench) -> None:
    """The realtime page reads a minute again when its number has changed."""
    sharded = bench.counters
    minute_now = int(datetime.now(UTC).timestamp() // 60)
    sharded.fold("events/b", 0, 1000, [Sighting(1000, "shop", minute_now, "click")])
    (before,) = sharded.items(minute_now).values()
    sharded.fold("events/a", 0, 10, [Sighting(10, "shop", minute_now, "click")])
    (after,) = sharded.items(minute_now).values()
    (found,) = sharded.minutes([("shop", minute_now)])
    assert before < after == found.last
    assert found.counts["click"] == 2
    assert near(found.changed_at)
