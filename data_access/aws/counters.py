"""Live counters in DynamoDB: exact under every retry, without transactions or leases.

An item (``minute_items``) says up to which sequence it counts. Whoever folds writes the whole item anew if
that is still so; if not, DynamoDB answers with the item as it is, what it counts already is left out, and the
rest is tried again. So a batch that comes twice, a write whose answer was lost and two writers at once count
everything once.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from threading import Lock
from typing import Any
from uuid import uuid4

from data_access.aws.clients import Clients
from data_access.aws.minute_items import (
    Minute,
    member_item,
    members_from,
    minute_from,
    padded,
    partition,
    site_and_minute,
    slots,
    stamp,
)
from data_access.aws.tables import TTL, Index, Table, queried
from data_access.distinct import Sketch
from data_access.events import EVENT_TYPES
from data_access.gains import MEMBERS, MOST_VALUES, TALLIES, Gain
from data_access.live import MinuteCount, Sighting
from data_access.moments import of_seconds
from data_access.ports import GapError

MINUTES = Index("minutes", "slot", "listed", ("hi", TTL))
TABLE = Table("counters", (MINUTES,))
_AT_ONCE = 8
"""Calls in flight."""
_REMEMBERED = 5_000
"""Items whose state is kept between folds."""

_CHANGED = "changed"
"""The attribute that says when something was counted last (UTC seconds since 1970)."""

Item = tuple[str, int]


class AwsCounters:
    """The Counters port over one DynamoDB table. ``epoch`` is a shard of the log."""

    def __init__(
        self,
        clients: Clients,
        begin: str,
        clock: Callable[[], float] = time.time,
        most_values: int = MOST_VALUES,
    ) -> None:
        self._dynamo = clients.of("dynamodb")
        self._table, self._clock, self._most = TABLE.of(begin), clock, most_values
        self._pool = ThreadPoolExecutor(_AT_ONCE, "counters")
        self._lock, self._writer = Lock(), uuid4().hex[:12]
        self._known: OrderedDict[tuple[str, Item], Minute] = OrderedDict()

    def offset(self, epoch: str) -> int:
        """The last sequence of a log that has been folded."""
        key = {"pk": {"S": f"O#{epoch}"}, "sk": {"S": "O"}}
        found = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return int(found["hi"]["S"]) if found else 0

    def fold(self, epoch: str, after: int, last: int, sightings: Sequence[Sighting]) -> int:
        """Count what a log holds between two sequences, each record once; returns the offset now."""
        if after and after > (offset := self.offset(epoch)):
            raise GapError(f"the records {offset + 1} to {after} have not been counted yet")
        ordered = sorted(sightings, key=lambda one: (one.site, one.minute, one.sequence))
        groups = [(item, list(group)) for item, group in groupby(ordered, lambda one: (one.site, one.minute))]
        list(self._pool.map(lambda group: self._add(epoch, *group), groups))
        return self._advance(epoch, last)

    def items(self, since: int) -> dict[Item, int]:
        """Every (site, minute) from a minute on, with the last sequences counted there added up over shards:
        a number that grows with every event, in whichever shard it is."""
        found: dict[Item, int] = {}
        for item in self._listed("listed >= :bound", stamp(since)):
            key, last = site_and_minute(item["pk"]["S"]), int(item["hi"]["S"])
            found[key] = last + found.get(key, 0)
        return dict(sorted(found.items()))

    def minutes(self, items: Collection[Item]) -> list[MinuteCount]:
        """What was counted of some (site, minute) pairs, by site and minute."""
        return [found for found in self._pool.map(self._minute, sorted(items)) if found]

    def expire(self, before: int) -> int:
        """Forget minutes before ``before`` at once; DynamoDB does it by itself after three days."""
        gone = {item["pk"]["S"] for item in self._listed("listed < :bound", stamp(before))}
        list(self._pool.map(self._delete, gone))
        return len(gone)

    def _add(self, epoch: str, item: Item, sightings: list[Sighting]) -> None:
        state = self._remembered(epoch, item)
        while fresh := [one for one in sightings if one.sequence > state.hi]:
            gain = Gain()
            for one in fresh:
                gain.add(one)
            after, members = state.gained(gain, self._most)
            for kind, own in members.items():
                brought = member_item(*item, f"{epoch}#{padded(after.hi)}#{self._writer}", kind, own)
                self._dynamo.put_item(TableName=self._table, Item=brought)
            state = self._put(epoch, item, state.hi, after)
        self._remember(epoch, item, state)

    def _put(self, epoch: str, item: Item, hi: int, after: Minute) -> Minute:
        """Write an item if it counts up to ``hi``, 0 if it is not there; what it says then."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if hi:
            values = {":hi": {"S": padded(hi)}}
            condition = {"ConditionExpression": "hi = :hi", "ExpressionAttributeValues": values}
        try:
            self._dynamo.put_item(
                TableName=self._table,
                Item=after.item(*item, epoch) | {_CHANGED: {"N": str(int(self._clock()))}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._dynamo.exceptions.ConditionalCheckFailedException as error:
            found = error.response.get("Item")
            return minute_from(found) if found else Minute()
        return after

    def _advance(self, epoch: str, last: int) -> int:
        try:
            self._dynamo.put_item(
                TableName=self._table,
                Item={"pk": {"S": f"O#{epoch}"}, "sk": {"S": "O"}, "hi": {"S": padded(last)}},
                ConditionExpression="attribute_not_exists(pk) or hi < :hi",
                ExpressionAttributeValues={":hi": {"S": padded(last)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamo.exceptions.ConditionalCheckFailedException as error:
            return int(error.response["Item"]["hi"]["S"])
        return last

    def _minute(self, item: Item) -> MinuteCount | None:
        found = [entry for entry in self._of_partition(partition(*item)) if not self._is_old(entry)]
        counts = [entry for entry in found if "hi" in entry]
        states = [minute_from(entry) for entry in counts]
        if not states:
            return None
        who = {kind: _members(found, kind) for kind in MEMBERS}
        total = sum((state.tallies for state in states), start=Counter[tuple[str, str]]())
        values = {of: {value: n for (kind, value), n in total.items() if kind == of} for of in TALLIES}
        return MinuteCount(
            *item,
            sum(state.hi for state in states),
            {kind: sum(state.types[kind] for state in states) for kind in EVENT_TYPES},
            who["session"],
            who["visitor"],
            values["page"],
            values["country"],
            values["error"],
            session_sketches=_sketches(states, "session"),
            visitor_sketches=_sketches(states, "visitor"),
            changed_at=of_seconds(max(int(entry[_CHANGED]["N"]) for entry in counts)),
        )

    def _is_old(self, item: dict[str, Any]) -> bool:
        """DynamoDB deletes what is to expire when it finds the time."""
        return int(item[TTL]["N"]) <= self._clock()

    def _listed(self, condition: str, bound: str) -> Iterator[dict[str, Any]]:
        """The entries of the list of minutes."""

        def of(slot: str) -> list[dict[str, Any]]:
            values = {":slot": {"S": slot}, ":bound": {"S": bound}}
            wanted = f"slot = :slot and {condition}"
            return list(queried(self._dynamo, self._table, wanted, values, IndexName=MINUTES.name))

        for entries in self._pool.map(of, slots()):
            yield from (entry for entry in entries if not self._is_old(entry))

    def _of_partition(self, key: str) -> Iterator[dict[str, Any]]:
        return queried(self._dynamo, self._table, "pk = :pk", {":pk": {"S": key}})

    def _delete(self, key: str) -> None:
        for item in self._of_partition(key):
            self._dynamo.delete_item(TableName=self._table, Key={name: item[name] for name in ("pk", "sk")})

    def _remembered(self, epoch: str, item: Item) -> Minute:
        with self._lock:
            return self._known.get((epoch, item)) or Minute()

    def _remember(self, epoch: str, item: Item, state: Minute) -> None:
        with self._lock:
            self._known[epoch, item] = state
            self._known.move_to_end((epoch, item))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


def _sketches(states: Sequence[Minute], kind: str) -> tuple[Sketch, ...]:
    return tuple(state.sketches[kind] for state in states if kind in state.sketches)


def _members(items: list[dict[str, Any]], kind: str) -> frozenset[int]:
    own = (members_from(item) for item in items if item.get("kind") == {"S": kind})
    return frozenset[int]().union(*own)
