"""Items of a damaged table are brought back from a restored one, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra import restore

THEN, NOW = "sg-documents-then", "sg-documents"


def item(key: str, **values: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"pk": "K#user", "sk": key, **values}.items()}


CHANGED = item("damaged", role="none", more="x")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "x",
        "DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        found = boto3.client("dynamodb")
        for table in (THEN, NOW):
            found.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
        for one in (item("same", role="admin"), item("damaged", role="admin"), item("gone", role="ops")):
            found.put_item(TableName=THEN, Item=one)
        for one in (
            item("same", role="admin"),
            item("damaged", role="none", more="x"),
            item("new", role="ops"),
        ):
            found.put_item(TableName=NOW, Item=one)
        yield found


def now(client: Any) -> dict[str, Any]:
    return {one["sk"]["S"]: one for one in client.scan(TableName=NOW)["Items"]}


def test_it_says_what_differs_and_writes_nothing(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = now(client)
    assert restore.main([THEN, NOW]) == 0
    said = capsys.readouterr().out.splitlines()
    assert sorted(said[:-1]) == ["changed K#user damaged", "missing K#user gone"]
    assert said[-1] == "2 items differ"
    assert now(client) == before


def test_it_writes_what_differs_and_leaves_what_is_new(client: Any) -> None:
    assert restore.main([THEN, NOW, "--write"]) == 0
    assert now(client) == {
        "same": item("same", role="admin"),
        "damaged": item("damaged", role="admin"),
        "gone": item("gone", role="ops"),
        "new": item("new", role="ops"),
    }


@pytest.mark.parametrize("read", [item("damaged", role="old"), None])
def test_what_somebody_changed_meanwhile_is_not_overwritten(client: Any, read: Any) -> None:
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        restore.put_back(client, NOW, item("damaged", role="admin"), read)
    assert now(client)["damaged"] == CHANGED


@pytest.mark.parametrize("table", ["sg-counters", "sg-audit"])
def test_some_tables_are_never_written_to(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore.main([f"{table}-then", table, "--write"]) == 1
    assert f"stopped: not {table}" in capsys.readouterr().err
