"""Reads of the findings table: single items, pages of a partition or an index, and whole findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

from data_access.aws import finding_items as items
from data_access.aws.clients import Clients
from data_access.aws.finding_items import Item
from data_access.aws.finding_state import State
from data_access.findings import Finding

_BATCH, _WRITES = 100, 25
"""Items of one request."""
_TRIES = 60
_READERS = 8
"""Findings read at a time, each a query of its own."""
Wait = Callable[[float], None]


class FindingTable:
    """The table, read consistently but for its indexes, which DynamoDB brings up to date a moment later."""

    def __init__(self, clients: Clients, begin: str, wait: Wait = time.sleep) -> None:
        self.dynamo = clients.of("dynamodb")
        self.name = items.TABLE.of(begin)
        self.wait = wait
        self._pool = ThreadPoolExecutor(_READERS, "findings")

    def item(self, key: Item) -> Item | None:
        """An item, or None."""
        found = self.dynamo.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        item: Item | None = found.get("Item")
        return item

    def number(self, name: str) -> int:
        """The last number taken of a kind."""
        item = self.item(items.key_of("NUMBERS", name))
        return int(item["reached"]["N"]) if item else 0

    def take(self, name: str) -> int:
        """The next number of a kind. One whose answer is lost is left out."""
        found = self.update(
            {
                "Key": items.key_of("NUMBERS", name),
                "UpdateExpression": "add reached :one",
                "ExpressionAttributeValues": {":one": items.number(1)},
            }
        )
        return int(found["reached"]["N"])

    def update(self, request: Mapping[str, Any]) -> Item:
        """Update an item; what it is then. While a transaction has the item, it waits."""
        for tries in range(_TRIES):
            try:
                found = self.dynamo.update_item(TableName=self.name, ReturnValues="ALL_NEW", **request)
            except self.dynamo.exceptions.TransactionConflictException:
                self.pause(tries)
                continue
            item: Item = found["Attributes"]
            return item
        raise TimeoutError("others write the same item all the time")

    def query(
        self, condition: str, values: Mapping[str, Any], index: str = "", limit: int = 0, **more: Any
    ) -> Iterator[Item]:
        """The items a key condition names, in order, read as they are asked for."""
        request = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": dict(values),
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            **({"Limit": limit} if limit else {}),
            **more,
        }
        while True:
            page = self.dynamo.query(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def under(self, pk: str, begin: str = "") -> Iterator[Item]:
        """The items of a partition whose ``sk`` starts with ``begin``."""
        values = {":pk": items.text(pk)}
        if not begin:
            return self.query("pk = :pk", values)
        return self.query("pk = :pk and begins_with(sk, :begin)", values | {":begin": items.text(begin)})

    def many(self, keys: Sequence[Item]) -> Iterator[Item]:
        """Items by key, in any order; those there are not are left out."""
        for start in range(0, len(keys), _BATCH):
            left, tries = list(keys[start : start + _BATCH]), 0
            while left:
                asked = {self.name: {"Keys": left, "ConsistentRead": True}}
                found = self.dynamo.batch_get_item(RequestItems=asked)
                yield from found["Responses"].get(self.name, [])
                left = found["UnprocessedKeys"].get(self.name, {}).get("Keys", [])
                if left:
                    tries += 1
                    self.pause(tries)

    def put_all(self, found: Sequence[Item]) -> None:
        """Write items, each by itself."""
        self._batch([{"PutRequest": {"Item": item}} for item in found])

    def delete_all(self, keys: Sequence[Item]) -> None:
        """Delete items, each by itself."""
        self._batch([{"DeleteRequest": {"Key": key}} for key in keys])

    def _batch(self, requests: Sequence[Any]) -> None:
        for start in range(0, len(requests), _WRITES):
            left, tries = list(requests[start : start + _WRITES]), 0
            while left:
                found = self.dynamo.batch_write_item(RequestItems={self.name: left})
                left = found["UnprocessedItems"].get(self.name, [])
                if left:
                    tries += 1
                    self.pause(tries)

    def pause(self, tries: int) -> None:
        """Wait before another try, longer after each."""
        self.wait(min(1.0, 0.02 * 2**tries))

    def nows(self, keys: Iterable[str]) -> dict[str, Item]:
        """What there is now of findings, by key."""
        wanted = [items.key_of(items.finding_pk(key), items.NOW) for key in dict.fromkeys(keys)]
        return {item["pk"]["S"].partition("#")[2]: item for item in self.many(wanted)}

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        """Findings by key. NOW is read first, so that what is written on condition of its fence was read as
        it was then."""
        wanted = list(dict.fromkeys(keys))
        nows = self.nows(wanted)
        parts = self._pool.map(self._parts, [nows.get(key) for key in wanted])
        return {
            key: items.state_from(key, nows.get(key), part) for key, part in zip(wanted, parts, strict=True)
        }

    def _parts(self, now: Item | None) -> list[Item]:
        """The items of a finding's life, but the documents."""
        if now is None:
            return []
        life = now["life"]["S"]
        values = {":pk": now["pk"], ":from": items.text(f"{life}#G"), ":to": items.text(f"{life}#W")}
        return list(self.query("pk = :pk and sk between :from and :to", values))

    def bodies(self, state: State) -> dict[tuple[int, str], Finding]:
        """The versions of a finding with their documents, by time and digest."""
        found = self.under(items.finding_pk(state.key), f"{state.life}#B#")
        return {
            (one.updated, one.digest): one
            for _, parts in groupby(found, key=lambda item: item["sk"]["S"].rpartition("#")[0])
            for one in [items.body_from(parts)]
        }

    def body(self, now: Item) -> Finding | None:
        """The newest version of a finding; None when the finding has moved on meanwhile."""
        row = items.row_from(now)
        if row is None:
            return None
        begin = f"{now['life']['S']}#B#{row.updated}#{now['digest']['S']}#"
        parts = list(self.under(now["pk"]["S"], begin))
        return items.body_from(parts) if parts else None

    def steady(self, key: str) -> State:
        """A finding as it was at one instant."""
        while True:
            state = self.states([key])[key]
            if self.fence(key) == state.fence:
                return state

    def fence(self, key: str) -> int:
        """How often a finding was written."""
        now = self.item(items.key_of(items.finding_pk(key), items.NOW))
        return int(now["fence"]["N"]) if now else 0
