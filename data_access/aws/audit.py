"""The audit log in DynamoDB: a record and the head that names it are written together, or neither.

| ``pk`` | ``sk`` | what it is |
| --- | --- | --- |
| ``A`` | number | a record: its canonical JSON, the hash of that, and what names the writing of it |
| ``HEAD`` | ``-`` | the number and hash of the newest record |

Nothing expires, and nothing is ever changed but the head.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from data_access.audit import AuditError, Entry, Head, Kept, chained
from data_access.aws.clients import Clients, named
from data_access.aws.tables import Table, queried
from data_access.aws.transactions import tried

TABLE = Table("audit", stays=True)
_FAILURES = (ClientError, BotoCoreError)
_TRIES = 40
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5
_DIGITS = 20
_HEAD = {"pk": {"S": "HEAD"}, "sk": {"S": "-"}}


class AwsAudit:
    """The AuditLog port over one DynamoDB table."""

    def __init__(
        self,
        clients: Clients,
        begin: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamo = clients.of("dynamodb")
        self._table, self._clock, self._sleep = TABLE.of(begin), clock, sleep
        self._own = Lock()  # threads of a host wait for each other here, and only hosts in DynamoDB

    def append(self, entry: Entry) -> int:
        """Keep an entry behind the newest record; its number."""
        with self._own:
            try:
                return self._append(entry)
            except _FAILURES as error:
                raise AuditError(f"the audit log could not be written to ({named(error)})") from error

    def head(self) -> Head:
        """The newest record's number and hash."""
        try:
            return self._head()
        except _FAILURES as error:
            raise AuditError(f"the audit log cannot be read ({named(error)})") from error

    def newest(self, before: int | None = None) -> Iterator[Kept]:
        """Records newest first, those before a number or all."""
        if before is None:
            return self._read("pk = :pk", {}, ScanIndexForward=False)
        return self._read("pk = :pk and sk < :before", {":before": _number(before)}, ScanIndexForward=False)

    def oldest(self, after: int = 0) -> Iterator[Kept]:
        """Records after a number, in order."""
        if after == 0:
            return self._read("pk = :pk", {})
        return self._read("pk = :pk and sk > :after", {":after": _number(after)})

    def _append(self, entry: Entry) -> int:
        head, writer = self._head(), uuid4().hex
        for tries in count():
            kept = chained(entry, head, int(self._clock() * 1000))
            more = int(tries < _TRIES)
            if tried(self._dynamo, self._actions(kept, head, writer), 0, more, self._sleep) is None:
                break
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
            self._sleep(random.uniform(0, longest))  # noqa: S311 - no secret
            if self._has(kept, writer):  # the answer to its writing was lost
                break
            head = self._head()  # after the pause: before it would be old by now
        return kept.number

    def _actions(self, kept: Kept, head: Head, writer: str) -> list[dict[str, Any]]:
        record = {"pk": {"S": "A"}, "sk": _number(kept.number), "text": {"S": kept.text}}
        record |= {"hash": {"S": kept.hash}, "writer": {"S": writer}}
        new = {"TableName": self._table, "Item": record}
        new |= {"ConditionExpression": "attribute_not_exists(pk)"}
        moved = {"number": {"N": str(kept.number)}, "hash": {"S": kept.hash}}
        then = {"TableName": self._table, "Item": _HEAD | moved, "ConditionExpression": "#hash = :previous"}
        then |= {"ExpressionAttributeNames": {"#hash": "hash"}}
        then |= {"ExpressionAttributeValues": {":previous": {"S": head.hash}}}
        if not head.number:
            then = {"TableName": self._table, "Item": _HEAD | moved}
            then |= {"ConditionExpression": "attribute_not_exists(pk)"}
        return [{"Put": new}, {"Put": then}]

    def _head(self) -> Head:
        found = self._dynamo.get_item(TableName=self._table, Key=_HEAD, ConsistentRead=True).get("Item")
        return Head(int(found["number"]["N"]), found["hash"]["S"]) if found else Head()

    def _has(self, kept: Kept, writer: str) -> bool:
        key = {"pk": {"S": "A"}, "sk": _number(kept.number)}
        found = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        return bool(found.get("writer") == {"S": writer})

    def _read(self, condition: str, values: dict[str, Any], **more: Any) -> Iterator[Kept]:
        try:
            for item in queried(self._dynamo, self._table, condition, {":pk": {"S": "A"}} | values, **more):
                yield _kept(item)
        except _FAILURES as error:
            raise AuditError(f"the audit log cannot be read ({named(error)})") from error


def _number(number: int) -> dict[str, str]:
    return {"S": f"{number:0{_DIGITS}}"}


def _kept(item: dict[str, Any]) -> Kept:
    """A record as it is kept, also where somebody put something else there."""
    digits = item["sk"]["S"]
    return Kept(
        int(digits) if digits.isascii() and digits.isdigit() else 0,
        item.get("text", {}).get("S", ""),
        item.get("hash", {}).get("S", ""),
    )
