"""Two ways to count live in DynamoDB under the same redelivery on the same server: one ADD an event with a
StringSet of sessions, as the CloudPulse workers do it, and ours. Counted against true, calls, capacity units.

The servers that stand in for DynamoDB do not meter, so capacity is worked out from what is written, by the
rules of the DynamoDB Developer Guide ("Read and write capacity", "Item sizes and formats"): a write takes a
unit for every kilobyte begun of the item, the larger of before and after, in the table and in each index
whose entry changes; a refused conditional write takes the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from bench.result import Result
from data_access.aws.clients import Clients
from data_access.aws.counters import TABLE, AwsCounters
from data_access.aws.minute_items import partition
from data_access.aws.tables import Table, create
from data_access.live import Sighting
from tests.aws_parts import aws_of

EVENTS, BATCH, SESSIONS, MINUTES = 4_000, 200, 800, 2
AGAIN = 0.1
"""Share of batches that come again: their λ was throttled or stopped half way."""
UPSTREAM = Table("upstream")


@dataclass(frozen=True)
class Told:
    """What one way came to."""

    counted: int
    sessions: int
    calls: int
    units: int


def measure(_folder: Path, _events: int) -> list[Result]:
    draw = Random(1)
    events = [_event(draw, n) for n in range(1, EVENTS + 1)]
    batches = list(_deliveries(draw, events))
    delivered = sum(map(len, batches))
    true = EVENTS, len({(one.minute, one.session) for one in events})
    with aws_of("moto") as aws:
        create(aws.clients, aws.begin, TABLE, UPSTREAM)
        ours, theirs = _ours(aws.clients, aws.begin, batches), _upstream(aws.clients, aws.begin, batches)
    for name, told in (("upstream", theirs), ("ours", ours)):
        print(
            f"     {name:<9} counted {told.counted:,} of {true[0]:,} events, {told.sessions:,} of {true[1]:,}"
            f" sessions; {told.calls:,} calls, {told.units:,} write units for {delivered:,} deliveries"
        )
    return [
        Result("events miscounted by ours under redelivery", abs(ours.counted - true[0]), 0, "events"),
        Result("sessions miscounted by ours", abs(ours.sessions - true[1]), 0, ""),
        Result(
            "events miscounted upstream, of those that came again ÷ all of them",
            (theirs.counted - true[0]) / (delivered - true[0]),
            1,
            "×",
            f"{theirs.counted - true[0]:,} too many",
        ),
        Result("calls of ours ÷ upstream's", ours.calls / theirs.calls, 0.1, "×"),
        Result("write units of ours ÷ upstream's", ours.units / theirs.units, 0.05, "×"),
    ]


def _event(draw: Random, n: int) -> Sighting:
    return Sighting(
        n, "shop", 10 + n * MINUTES // (EVENTS + 1), "page_view", draw.randrange(SESSIONS), page=f"/{n % 40}"
    )


def _deliveries(draw: Random, events: list[Sighting]) -> Iterator[list[Sighting]]:
    for begin in range(0, EVENTS, BATCH):
        batch = events[begin : begin + BATCH]
        if draw.random() < AGAIN:
            yield batch[: draw.randrange(1, BATCH)]
        yield batch


class Meter:
    """Counts the calls and write units of a client's writes, by the items as they are before and after."""

    def __init__(self, clients: Clients) -> None:
        self._dynamo = clients.of("dynamodb")
        self.calls = self.units = 0
        self._sizes: dict[tuple[str, str, str], int] = {}

    def __enter__(self) -> Meter:
        self._dynamo.meta.events.register("provide-client-params.dynamodb.PutItem", self._put)
        self._dynamo.meta.events.register("after-call.dynamodb.UpdateItem", self._updated)
        return self

    def __exit__(self, *_: object) -> None:
        self._dynamo.meta.events.unregister("provide-client-params.dynamodb.PutItem", self._put)
        self._dynamo.meta.events.unregister("after-call.dynamodb.UpdateItem", self._updated)

    def _put(self, params: dict[str, Any], **_: Any) -> None:
        self._count(params["TableName"], params["Item"])
        self.units += "slot" in params["Item"]  # its entry in the list of minutes, under a kilobyte

    def _updated(self, parsed: dict[str, Any], **_: Any) -> None:
        if "Attributes" in parsed:
            self._count("upstream", parsed["Attributes"])

    def _count(self, table: str, item: dict[str, Any]) -> None:
        key, size = (table, item["pk"]["S"], item["sk"]["S"]), _size(item)
        self.calls += 1
        self.units += ceil(max(size, self._sizes.get(key, 0)) / 1024)
        self._sizes[key] = size


def _size(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    ((kind, held),) = value.items()
    if kind == "SS":
        return 3 + sum(len(text) + 1 for text in held)
    return ceil(len(held) / 2) + 1 if kind == "N" else len(held)


def _ours(clients: Clients, begin: str, batches: list[list[Sighting]]) -> Told:
    with Meter(clients) as meter:
        for n, batch in enumerate(batches):
            if n % 20 == 0:  # now and then a λ starts anew and knows nothing
                counters = AwsCounters(clients, begin, lambda: 0.0)
            counters.fold("shard", 0, batch[-1].sequence, batch)
    items = counters.minutes(list(counters.items(0)))
    counted = sum(sum(item.counts.values()) for item in items)
    return Told(counted, sum(len(item.sessions) for item in items), meter.calls, meter.units)


def _upstream(clients: Clients, begin: str, batches: list[list[Sighting]]) -> Told:
    """An update an event, whatever came before."""
    dynamo, table = clients.of("dynamodb"), UPSTREAM.of(begin)
    keys = {partition("shop", one.minute) for batch in batches for one in batch}
    with Meter(clients) as meter:
        for one in (one for batch in batches for one in batch):
            dynamo.update_item(
                TableName=table,
                Key=_key(partition("shop", one.minute)),
                UpdateExpression="ADD #n :one, sessions :session",
                ExpressionAttributeNames={"#n": one.event_type},
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":session": {"SS": [str(UUID(int=one.session or 0))]},
                },
                ReturnValues="ALL_NEW",
            )
    found = [dynamo.get_item(TableName=table, Key=_key(key))["Item"] for key in keys]
    counts = Counter(page_view=sum(int(item["page_view"]["N"]) for item in found))
    return Told(counts.total(), sum(len(item["sessions"]["SS"]) for item in found), meter.calls, meter.units)


def _key(key: str) -> dict[str, Any]:
    return {"pk": {"S": key}, "sk": {"S": "-"}}
