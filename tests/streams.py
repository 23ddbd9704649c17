"""The stream for tests: made, and read as its consumers do."""

from __future__ import annotations

from collections.abc import Iterator

from data_access.aws.clients import Clients
from data_access.aws.log import OVERFLOW, STREAM
from data_access.aws.stream import Shards
from data_access.live import Record


def make_stream(clients: Clients, begin: str, shards: int = 2) -> None:
    """The stream and its overflow queue."""
    kinesis, name = clients.of("kinesis"), STREAM.format(begin)
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    clients.of("sqs").create_queue(QueueName=OVERFLOW.format(begin))


def records(
    clients: Clients, begin: str, places: dict[str, str] | None = None
) -> Iterator[tuple[str, list[Record]]]:
    """The records of each shard that has some, from its place among ``places`` on; these move."""
    shards, places = Shards(clients, begin), {} if places is None else places
    for name in shards.names():
        found: list[Record] = []
        place = places.get(name) or shards.after(name, 0)
        while place:
            some, place, _ = shards.read(place, 10_000)
            for one in some:
                number = int(one["SequenceNumber"])
                found.append(Record(number, number, one["ApproximateArrivalTimestamp"], one["Data"]))
            places[name] = place
            if not some:
                break
        if found:
            yield name, found
