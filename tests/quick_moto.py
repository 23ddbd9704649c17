"""moto's DynamoDB without work that grows with the table.

moto copies all items before a transaction, to put them back when it fails, and sorts all of them for a query:
with thousands of items either takes a tenth of a second and more. To copy what the transaction names, and to
sort what the query can find, does as well. Of an attribute it looks for every type under several names.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from moto.core import serialize
from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_TRANSACT, _QUERY = models.DynamoDBBackend.transact_write_items, Table.query
_VALUE = serialize.ResponseSerializer.get_value
_TYPES = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}


@contextmanager
def quick_moto() -> Iterator[None]:
    """While it lasts, moto is quick, and as exact as before where one thread writes."""
    with (
        patch.object(models.DynamoDBBackend, "transact_write_items", _transact),
        patch.object(Table, "query", _query),
        patch.object(serialize.ResponseSerializer, "get_value", _value),
    ):
        yield


def _transact(backend: Any, transact_items: list[dict[str, Any]]) -> None:
    actions = [next(iter(item.values())) for item in transact_items]
    names = [action.get("Key") or action["Item"] for action in actions]
    keys = [(DynamoType(name["pk"]), DynamoType(name["sk"])) for name in names]

    copies: dict[int, Any] = {}  # moto copies the table once for every action, before it begins

    def copied(thing: Any) -> Any:
        if not isinstance(thing, Table):
            return copy.deepcopy(thing)
        if id(thing) not in copies:
            copies[id(thing)] = _with_copies(thing, keys)
        return copies[id(thing)]

    with patch.object(models, "copy", SimpleNamespace(deepcopy=copied)):
        _TRANSACT(backend, transact_items)


def _with_copies(table: Any, keys: list[tuple[DynamoType, DynamoType]]) -> Any:
    """A table like another, with items of its own for some keys."""
    found, items = copy.copy(table), table.items
    found.items = items.copy()
    for partition in {partition for partition, _ in keys} & items.keys():
        found.items[partition] = dict(items[partition])
    for partition, sort in keys:
        if sort in items.get(partition, {}):
            found.items[partition][sort] = copy.deepcopy(items[partition][sort])
    return found


def _query(table: Any, hash_key: Any, *arguments: Any, **named: Any) -> Any:
    """A query of a table that holds no more than it can find."""
    part = copy.copy(table)
    part.items = defaultdict(dict)
    index = signature(_QUERY).bind(table, hash_key, *arguments, **named).arguments.get("index_name")
    if index is None:
        part.items[hash_key] = table.items.get(hash_key, {})
    else:
        (name,) = [key["AttributeName"] for key in table.get_index(index).schema if key["KeyType"] == "HASH"]
        for partition, items in table.items.items():
            part.items[partition] = {sort: item for sort, item in items.items() if name in item.attrs}
    return _QUERY(part, hash_key, *arguments, **named)


def _value(serializer: Any, value: Any, key: str, shape: Any) -> Any:
    if key in _TYPES and type(value) is dict:
        return value.get(key)
    return _VALUE(serializer, value, key, shape)
