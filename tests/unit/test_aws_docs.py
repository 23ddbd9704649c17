"""docs/aws.md names every AWS resource the code uses, and every permission that its calls take."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from data_access.aws.checks import TABLES
from data_access.aws.log import OVERFLOW, STREAM
from data_access.aws.tables import TTL
from data_access.iceberg.tables import LAYOUT

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/aws.md").read_text("utf-8")
AWS = ROOT / "data_access/aws"
NAME = "<aws_name>"
LAMBDAS = [path.stem for path in (ROOT / "pipeline/lambdas").glob("*.py")]

CLIENTS = {
    "dynamo": "dynamodb",
    "kinesis": "kinesis",
    "sqs": "sqs",
    "sns": "sns",
    "s3": "s3",
    "athena": "athena",
    "glue": "glue",
    "ssm": "ssm",
    "hub": "securityhub",
}
"""What the code calls its clients, without underscores, and the service of each."""
OTHER = {
    "sqs:SendMessageBatch": ["sqs:SendMessage"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "dynamodb:TransactWriteItems": [
        *("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem")
    ],
}
"""Operations whose permission has another name, by the Service Authorization Reference."""
DEPLOYS = {"dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"}
"""What only makes tables for tests and trials: ``tables.create``."""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_index_is_named(table: Any) -> None:
    assert f"`{table.of(NAME)}`" in DOCS
    for index in table.indexes:
        assert re.search(rf"`{index.name}`[^\n]*`{index.partition}`[^\n]*`{index.sort}`", DOCS), (
            f"{index.name} with its keys"
        )


def test_stream_queue_and_expiry_are_named() -> None:
    for name in (STREAM.format(NAME), OVERFLOW.format(NAME), TTL):
        assert f"`{name}`" in DOCS


@pytest.mark.parametrize("name", LAYOUT)
def test_every_table_of_the_lake_is_named(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("name", sorted(set(LAMBDAS) - {"__init__", "parts"}))
def test_every_function_has_its_settings_and_its_permissions(name: str) -> None:
    assert f"\n| `{name}` |" in section("Resources")
    assert f"\n| `{name}` |" in section("Permissions")


def section(heading: str) -> str:
    """What stands under a heading up to the next of its level."""
    return DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@cache
def operations(service: str) -> dict[str, str]:
    """A service's operations by the names of their methods."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def service_of(node: ast.expr) -> str | None:
    """The service of what a method is called on: a client by its name, or just made."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of":
        first = node.args[0] if node.args else None
        return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return CLIENTS.get(name.strip("_"))


def calls(path: Path) -> Iterator[str]:
    """The operations a module calls, as ``service:Operation``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        service, method = service_of(node.func.value), node.func.attr
        if service is None or method in {"get_waiter", "register", "unregister"}:
            continue
        if method == "get_paginator":
            assert isinstance(node.args[0], ast.Constant)
            method = node.args[0].value
        assert method in operations(service), f"{path.name} calls {service}.{method}"
        yield f"{service}:{operations(service)[method]}"


CALLED = {action: path.stem for path in sorted(AWS.glob("*.py")) for action in calls(path)}


def test_the_calls_are_found() -> None:
    assert {"kinesis:PutRecords", "dynamodb:Query", "athena:StopQueryExecution", "s3:PutObject"} <= set(
        CALLED
    )
    assert len(CALLED) >= 25


@pytest.mark.parametrize("action", sorted(set(CALLED) - DEPLOYS))
def test_every_call_has_its_permission(action: str) -> None:
    for needed in OTHER.get(action, [action]):
        assert f"`{needed}`" in section("Permissions"), f"{CALLED[action]} needs {needed}"
