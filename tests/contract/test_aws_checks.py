"""The start-up checks: one line for each thing that is missing, and none when all is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from data_access.aws.checks import TABLES, problems
from data_access.aws.clients import Clients
from tests.aws_parts import Aws, aws_of
from tests.contract.test_intake import make_stream
from tests.contract.test_objects import bucket_of


@pytest.fixture
def whole() -> Iterator[Aws]:
    """A place with all the form needs."""
    with aws_of("moto") as aws:
        make_stream(aws.create(*TABLES))
        bucket_of(aws)
        aws.clients.of("glue").create_database(DatabaseInput={"Name": aws.settings.glue_database})
        workgroup(aws, aws.settings.athena_workgroup)
        yield aws


def workgroup(aws: Aws, name: str, location: str = "s3://answers/", cap: int | None = 10**8) -> None:
    limit = {"BytesScannedCutoffPerQuery": cap} if cap else {}
    result = {"ResultConfiguration": {"OutputLocation": location}} if location else {}
    aws.clients.of("athena").create_work_group(Name=name, Configuration=result | limit)


def found(aws: Aws, **settings: Any) -> list[str]:
    return problems(aws.clients, replace(aws.settings, **settings))


def test_nothing_is_said_when_all_is_there(whole: Aws) -> None:
    assert found(whole) == []


def test_each_thing_that_is_missing_has_its_line() -> None:
    with aws_of("moto") as aws:
        lines = found(aws, alert_topic="arn:aws:sns:eu-central-1:123456789012:none")
    kinds = ("DynamoDB table", "Kinesis stream", "SQS queue", "S3 bucket", "Glue database", "SNS topic")
    for kind in kinds:
        assert [line for line in lines if line.startswith(kind)], (kind, lines)
    assert len(lines) == len(TABLES) + 6
    gone = "is not there; deploy infra/, or correct the setting that names it"
    assert [line for line in lines if not line.endswith(gone) and not line.startswith("Athena")] == []
    assert "Athena workgroup streamgauge is missing; deploy infra/ or enable it" in lines


def test_tables_of_another_shape_are_named(whole: Aws) -> None:
    dynamo, counters = whole.clients.of("dynamodb"), TABLES[0].of(whole.begin)
    dynamo.delete_table(TableName=counters)
    definition = TABLES[0].definition(whole.begin)
    keys = definition["AttributeDefinitions"][:2]
    bare = {name: definition[name] for name in ("TableName", "BillingMode", "KeySchema")}
    dynamo.create_table(**bare, AttributeDefinitions=keys)
    assert found(whole) == [
        f"DynamoDB table {counters} lacks the index minutes; deploy infra/",
        f"DynamoDB table {counters} keeps old items: set its TTL to expires_at",
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cap": None}, "does not limit what a query may read; set its data usage control"),
        ({"location": ""}, "has no location for answers; give it one in S3"),
    ],
)
def test_a_workgroup_needs_a_place_and_a_limit(whole: Aws, more: dict[str, Any], says: str) -> None:
    workgroup(whole, "other", **more)
    assert found(whole, athena_workgroup="other") == [f"Athena workgroup other {says}"]


def fail(aws: Aws, event: str, error: Exception | str) -> None:
    """Let a call fail, with an exception or by an error code of the service."""

    def answer(**_: Any) -> Any:
        if isinstance(error, Exception):
            raise error
        return type("Response", (), {"status_code": 400})(), {"Error": {"Code": error, "Message": "no"}}

    service = event.partition(".")[0]
    aws.clients.of(service).meta.events.register(f"before-call.{event}", answer)


def test_a_permission_that_is_missing_is_named(whole: Aws) -> None:
    fail(whole, "dynamodb.DescribeTable", "AccessDeniedException")
    fail(whole, "s3.HeadBucket", "403")
    lines = found(whole)
    assert f"S3 bucket {whole.settings.lake_bucket}: no permission s3:ListBucket; add it to the role" in lines
    assert sum("no permission dynamodb:DescribeTable; add it to the role" in line for line in lines) == len(
        TABLES
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoCredentialsError(), "no AWS credentials: give the machine or function its role"),
        ("ExpiredToken", "AWS: the credentials are expired or wrong (ExpiredToken)"),
        (
            EndpointConnectionError(endpoint_url="https://sts.test"),
            "AWS cannot be reached (EndpointConnectionError)",
        ),
    ],
)
def test_who_cannot_sign_in_hears_that_alone(whole: Aws, error: Exception | str, says: str) -> None:
    fail(whole, "sts.GetCallerIdentity", error)
    (line,) = found(whole)
    assert line.startswith(says)


def test_without_a_region_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_of("moto") as aws:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        bare = replace(aws.settings, aws_region="")
        (line,) = problems(Clients(bare), bare)
    assert line == "no AWS region: set STREAMGAUGE_AWS_REGION, as eu-central-1"
