"""Brings back items of a DynamoDB table from one that was restored to a time before they were damaged.

``python -m infra.restore NAME-documents-then NAME-documents`` says what differs, ``--write`` writes the older
items over the newer. Nothing is deleted: what was made since stays.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3

Item = Mapping[str, Any]
NEVER = {
    "counters": "counts are of the stream, and would be counted again",
    "audit": "a chain is never changed; keep the restored table beside it",
}
"""Tables whose items are not brought back, by the end of their name, and why."""


def main(arguments: Sequence[str]) -> int:
    """Compare two tables, and write. 1 when a table may not be written to."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("restored", help="the table as it was")
    parser.add_argument("table", help="the table as it is")
    parser.add_argument("--write", action="store_true", help="write what differs; otherwise only say it")
    chosen = parser.parse_args(arguments)
    why = NEVER.get(chosen.table.rpartition("-")[2])
    if why:
        print(f"stopped: not {chosen.table}: {why}", file=sys.stderr)
        return 1
    client = boto3.client("dynamodb")
    count = 0
    for then, now in differences(client, chosen.restored, chosen.table):
        count += 1
        print("changed" if now else "missing", *(value["S"] for value in _key(then).values()))
        if chosen.write:
            put_back(client, chosen.table, then, now)
    print(f"{count:,} items {'written' if chosen.write else 'differ'}")
    return 0


def differences(client: Any, restored: str, table: str) -> Iterator[tuple[Item, Item | None]]:
    """Items of the restored table that are not the same in the other, and what they are there now."""
    for page in client.get_paginator("scan").paginate(TableName=restored):
        for then in page["Items"]:
            now = client.get_item(TableName=table, Key=_key(then), ConsistentRead=True).get("Item")
            if now != then:
                yield then, now


def _key(item: Item) -> dict[str, Any]:
    return {name: item[name] for name in ("pk", "sk")}


def put_back(client: Any, table: str, then: Item, now: Item | None) -> None:
    """Write an older item. Raises ClientError when somebody changed the newer one since it was read."""
    client.put_item(TableName=table, Item=then, **_if_it_is(now))


def _if_it_is(now: Item | None) -> dict[str, Any]:
    """The condition that an item is as it was read."""
    if now is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    names = list(now)
    return {
        "ConditionExpression": " AND ".join(f"#n{place} = :v{place}" for place, _ in enumerate(names)),
        "ExpressionAttributeNames": {f"#n{place}": name for place, name in enumerate(names)},
        "ExpressionAttributeValues": {f":v{place}": now[name] for place, name in enumerate(names)},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
