"""Documents in DynamoDB: an item each, changed only if its version is the one expected.

``pk`` is the kind, ``sk`` the key. A client repeats a write whose answer was lost, and the repetition finds
the version changed, by itself: so an item names the write that made it, and one that was deleted stays for a
day as a mark of who deleted it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from data_access.aws.clients import Clients
from data_access.aws.tables import TTL, Table, queried
from data_access.ports import Document

TABLE = Table("documents")
_GONE_SECONDS = 24 * 3600
_IS_FREE = "attribute_not_exists(pk) or attribute_exists(gone)"
_IS_EXPECTED = "version = :expected and attribute_not_exists(gone)"


class AwsDocuments:
    """The Documents port over one DynamoDB table. A document takes at most 400 KB."""

    def __init__(self, clients: Clients, begin: str, clock: Callable[[], float] = time.time) -> None:
        self._dynamo = clients.of("dynamodb")
        self._table, self._clock = TABLE.of(begin), clock

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        found = self._dynamo.get_item(TableName=self._table, Key=_key(kind, key), ConsistentRead=True)
        return _document(found.get("Item"))

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
        """Write if the stored version is ``expected`` (None: must not exist yet)."""
        values = {
            ":value": {"S": json.dumps(dict(value), separators=(",", ":"))},
            ":version": {"N": str((expected or 0) + 1)},
        }
        change = f"set #value = :value, version = :version, writer = :writer remove gone, {TTL}"
        return self._write(kind, key, change, {"#value": "value"}, values, expected)

    def delete(self, kind: str, key: str, expected: int) -> bool:
        """Delete if the stored version is ``expected``."""
        ends = {":ends": {"N": str(int(self._clock()) + _GONE_SECONDS)}}
        change = f"set gone = :writer, writer = :writer, {TTL} = :ends remove #value"
        return self._write(kind, key, change, {"#value": "value"}, ends, expected)

    def list(self, kind: str) -> list[tuple[str, Document]]:
        """Every document of a kind, by key."""
        return [
            (item["sk"]["S"], document)
            for item in queried(self._dynamo, self._table, "pk = :kind", {":kind": {"S": kind}})
            if (document := _document(item))
        ]

    def _write(
        self,
        kind: str,
        key: str,
        change: str,
        names: dict[str, str],
        values: dict[str, Any],
        expected: int | None,
    ) -> bool:
        writer = uuid4().hex
        if expected is not None:
            values |= {":expected": {"N": str(expected)}}
        try:
            self._dynamo.update_item(
                TableName=self._table,
                Key=_key(kind, key),
                UpdateExpression=change,
                ConditionExpression=_IS_FREE if expected is None else _IS_EXPECTED,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values | {":writer": {"S": writer}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamo.exceptions.ConditionalCheckFailedException as error:
            found: dict[str, Any] = error.response.get("Item", {})
            return found.get("writer") == {"S": writer}
        return True


def _key(kind: str, key: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": kind}, "sk": {"S": key}}


def _document(item: dict[str, Any] | None) -> Document | None:
    if item is None or "gone" in item:
        return None
    return Document(json.loads(item["value"]["S"]), int(item["version"]["N"]))
