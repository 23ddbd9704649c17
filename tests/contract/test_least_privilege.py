"""The roles of infra/, held against calls: what is asked of AWS beyond one is refused. The tests of functions
run under them, too (``roles`` in ``conftest``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from data_access.aws.counters import TABLE as COUNTERS
from data_access.aws.counters import AwsCounters
from infra import permissions
from pipeline.lambdas import curate, live
from tests.athena.lakes import glue_lake
from tests.aws_parts import Aws, aws_of
from tests.builders import event, table
from tests.contract.test_lambdas import AT, page_view
from tests.lambda_events import kinesis
from tests.least_privilege import ENTRIES, NAMES, SERVICES, Roles, allowed, needs

BEGIN = "t0123456789ab"


@pytest.mark.parametrize(
    ("role", "service", "operation", "params", "is_allowed"),
    [
        ("live", "dynamodb", "PutItem", {"TableName": f"{BEGIN}-counters"}, True),
        ("live", "dynamodb", "DeleteItem", {"TableName": f"{BEGIN}-counters"}, False),
        ("live", "dynamodb", "PutItem", {"TableName": f"{BEGIN}-documents"}, False),
        ("ingest", "kinesis", "PutRecords", {"StreamName": f"{BEGIN}-events"}, True),
        ("ingest", "kinesis", "GetRecords", {"ShardIterator": "x"}, False),
        ("ingest", "sqs", "SendMessageBatch", {"QueueUrl": f"https://x/1/{BEGIN}-overflow"}, True),
        ("ingest", "sqs", "SendMessageBatch", {"QueueUrl": f"https://x/1/{BEGIN}-dead"}, False),
        ("alerts", "dynamodb", "Query", {"TableName": f"{BEGIN}-findings", "IndexName": "log"}, True),
        ("alerts", "sns", "Publish", {"TopicArn": f"arn:aws:sns:x:1:{BEGIN}-alerts"}, True),
        ("alerts", "sns", "Publish", {"TopicArn": f"arn:aws:sns:x:1:{BEGIN}-alarms"}, False),
        ("archive", "s3", "PutObject", {"Bucket": f"{BEGIN}-lake", "Key": "archive/2026/a.json.gz"}, True),
        ("archive", "s3", "PutObject", {"Bucket": f"{BEGIN}-lake", "Key": "lake/events/a.parquet"}, False),
        ("archive", "s3", "DeleteObject", {"Bucket": f"{BEGIN}-lake", "Key": "archive/a"}, False),
        ("curate", "s3", "ListObjectsV2", {"Bucket": f"{BEGIN}-lake", "Prefix": "lake/events/"}, True),
        ("curate", "s3", "ListObjectsV2", {"Bucket": f"{BEGIN}-lake", "Prefix": "archive/"}, False),
        ("curate", "athena", "StartQueryExecution", {"WorkGroup": "streamgauge-curation"}, True),
        ("curate", "athena", "StartQueryExecution", {"WorkGroup": "streamgauge"}, False),
        ("reconcile", "glue", "GetTable", {"DatabaseName": BEGIN, "Name": "events"}, True),
        (
            "reconcile",
            "glue",
            "UpdateTable",
            {"DatabaseName": BEGIN, "TableInput": {"Name": "events"}},
            False,
        ),
        ("reconcile", "glue", "GetTable", {"DatabaseName": "another", "Name": "events"}, False),
    ],
)
def test_what_a_role_may_do_to_what(
    role: str, service: str, operation: str, params: dict[str, Any], is_allowed: bool
) -> None:
    statements = getattr(permissions, role)(NAMES)
    assert all(allowed(statements, need) for need in needs(service, operation, params)) == is_allowed


def test_a_transaction_takes_what_each_of_its_parts_takes() -> None:
    parts = {"Put": "findings", "Update": "documents", "Delete": "log", "ConditionCheck": "counters"}
    items = [{kind: {"TableName": f"{BEGIN}-{table}"}} for kind, table in parts.items()]
    assert [action for action, _ in needs("dynamodb", "TransactWriteItems", {"TransactItems": items})] == [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ]


def test_every_function_has_an_entry_and_a_role() -> None:
    for name in ENTRIES:
        assert callable(getattr(permissions, name))


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_of("moto") as found:
        yield found.create(COUNTERS)


def test_a_function_whose_role_lacks_an_action_fails(aws: Aws, roles: Roles) -> None:
    """And one whose role has it does not: the same call, with the action taken away."""
    counters = AwsCounters(aws.clients, aws.begin, lambda: AT)
    assert live.folded(kinesis([page_view(1)]), counters, lambda: AT) == {"batchItemFailures": []}
    assert roles.made == {("live", "dynamodb:PutItem")}
    roles.taken.add("dynamodb:PutItem")
    failed = live.folded(kinesis([page_view(2)]), counters, lambda: AT)["batchItemFailures"]
    assert len(failed) == 1
    with pytest.raises(
        ClientError, match=r"live is not authorized to perform dynamodb:PutItem on arn:aws:dyn"
    ):
        roles.entered("live", aws.clients.of("dynamodb").put_item)(TableName=f"{aws.begin}-counters", Item={})
    list(counters.items(0))  # whoever is no function at work is not held to a role


def test_curation_keeps_to_its_role(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its catalog in Glue and its lease in DynamoDB on a server, Athena by a double of its API, which has one
    workgroup: that of curation."""
    own = NAMES.workgroup(NAMES.curation)
    monkeypatch.setitem(SERVICES, "athena", lambda operation, _: iter([(f"athena:{operation}", own)]))
    with glue_lake("moto") as found:
        found.lake.append(table([event("a", event_id="x")]))
        assert curate.curated(found.lake) == {"raw_rows": 1, "added": 1, "days": 1}
        assert "busy" not in curate.curated(found.lake, maintain=True)
    done = {action.partition(":")[0] for role, action in roles.made if role == "curate"}
    assert done >= {"athena", "glue", "dynamodb"}
