"""The DynamoDB tables, as `infra/` makes them and the start-up checks expect them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_access.aws.clients import Clients

TTL = "expires_at"
"""The attribute (UTC seconds since 1970) after which DynamoDB may delete an item, within days; readers leave
such items out themselves."""


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index: its name, key attributes, and what of an item it holds beside the keys."""

    name: str
    partition: str
    sort: str
    holds: tuple[str, ...] | None = ()
    """None for all attributes."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the keys ``pk`` and ``sk``, both strings unless ``kinds`` says N, paid by request. What it
    holds goes by TTL, or ``stays``."""

    name: str
    indexes: tuple[Index, ...] = ()
    kinds: Mapping[str, str] | None = None
    stays: bool = False

    def of(self, begin: str) -> str:
        """The table's name where resources begin with ``begin``."""
        return f"{begin}-{self.name}"

    def definition(self, begin: str) -> dict[str, Any]:
        """The table as CreateTable takes it."""
        kinds = self.kinds or {}
        keys = ["pk", "sk", *(name for index in self.indexes for name in (index.partition, index.sort))]
        found: dict[str, Any] = {
            "TableName": self.of(begin),
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _keys("pk", "sk"),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kinds.get(name, "S")} for name in dict.fromkeys(keys)
            ],
        }
        if self.indexes:
            found["GlobalSecondaryIndexes"] = [_index(index) for index in self.indexes]
        return found


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _index(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "ALL"}
    if index.holds is not None:
        projection = (
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.holds)}
            if index.holds
            else {"ProjectionType": "KEYS_ONLY"}
        )
    return {
        "IndexName": index.name,
        "KeySchema": _keys(index.partition, index.sort),
        "Projection": projection,
    }


def queried(
    dynamo: Any, table: str, condition: str, values: Mapping[str, Any], **more: Any
) -> Iterator[dict[str, Any]]:
    """The items a key condition names, in order, page by page as they are asked for. Consistent unless it is
    of an index (``IndexName``), which cannot be."""
    consistent = {} if "IndexName" in more else {"ConsistentRead": True}
    pages = dynamo.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values,
        **consistent,
        **more,
    )
    for page in pages:
        yield from page["Items"]


def create(clients: Clients, begin: str, *tables: Table, expire: bool = True) -> None:
    """Make tables and wait until they can be used, for tests and for trying things out: `infra/` makes those
    of a deployment, with backups and encryption. Without ``expire`` the server deletes nothing by itself."""
    dynamo = clients.of("dynamodb")
    for table in tables:
        dynamo.create_table(**table.definition(begin))
    for table in tables:
        dynamo.get_waiter("table_exists").wait(TableName=table.of(begin), WaiterConfig={"Delay": 1})
        if expire and not table.stays:
            dynamo.update_time_to_live(
                TableName=table.of(begin),
                TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL},
            )
