"""The start-up checks: one line for each thing that is missing, and none when all is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from app import logs
from app.cli import main
from app.start_checks import log_problems
from data_access.aws import audit
from data_access.aws.checks import TABLES, problems
from data_access.aws.tables import TTL
from data_access.settings import SettingsError, load
from tests.aws_parts import Aws, aws_of
from tests.contract.test_objects import bucket_of
from tests.streams import make_stream

LAKE = ("raw_events", "events", "sessions", "orders", "intake", "incoming")


@pytest.fixture
def whole() -> Iterator[Aws]:
    """A place with all the form needs."""
    with aws_of("moto") as aws:
        aws.create(*TABLES)
        make_stream(aws.clients, aws.begin)
        bucket_of(aws)
        aws.clients.of("glue").create_database(DatabaseInput={"Name": aws.settings.glue_database})
        workgroup(aws, aws.settings.athena_workgroup)
        workgroup(aws, aws.settings.athena_curation_workgroup, cap=None)
        for name in LAKE:
            table(aws, name, {"metadata_location": f"s3://{name}"})
        yield aws


def table(aws: Aws, name: str, parameters: dict[str, str]) -> None:
    made = {"Name": name, "Parameters": parameters}
    aws.clients.of("glue").create_table(DatabaseName=aws.settings.glue_database, TableInput=made)


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
    assert len(lines) == len(TABLES) + 7 + len(LAKE)
    gone = "is not there; deploy infra/, or correct the setting that names it"
    others = [line for line in lines if not line.endswith(gone)]
    first = "run `python -m app maintain` or the function curate once, which makes the lake's tables"
    begin = f"Iceberg table {aws.settings.glue_database}."
    assert [line for line in others if line.startswith(begin)] == [
        f"{begin}{name} is not there; {first}" for name in LAKE
    ]
    assert [line for line in others if not line.startswith(begin)] == [
        f"Athena workgroup {name} is missing; deploy infra/ or enable it"
        for name in ("streamgauge", "streamgauge-curation")
    ]


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


def test_the_audit_log_must_keep_all(whole: Aws) -> None:
    table = audit.TABLE.of(whole.begin)
    expiry = {"Enabled": True, "AttributeName": TTL}
    whole.clients.of("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
    assert found(whole) == [
        f"DynamoDB table {table} lets items expire: it has to keep them; turn its TTL off"
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


def test_curation_reads_without_a_limit(whole: Aws) -> None:
    workgroup(whole, "capped")
    assert found(whole, athena_curation_workgroup="capped") == [
        "Athena workgroup capped limits what a query may read, and curation fails there;"
        " remove its data usage control"
    ]


def test_with_trino_only_curation_needs_a_workgroup(whole: Aws) -> None:
    trino = {"warehouse": "trino", "trino_url": "http://127.0.0.1:1", "athena_workgroup": "none"}
    assert found(whole, **trino) == []
    (line,) = found(whole, **trino, athena_curation_workgroup="none")
    assert line.startswith("Athena workgroup none is missing")


def test_tables_of_the_lake_that_are_missing_or_something_else(whole: Aws) -> None:
    database = whole.settings.glue_database
    for name in ("sessions", "intake"):
        whole.clients.of("glue").delete_table(DatabaseName=database, Name=name)
    table(whole, "sessions", {"classification": "csv"})
    assert found(whole) == [
        f"Iceberg table {database}.sessions is no Iceberg table",
        f"Iceberg table {database}.intake is not there; run `python -m app maintain` or the function curate"
        " once, which makes the lake's tables",
    ]


def doctor(aws: Aws, monkeypatch: pytest.MonkeyPatch, folder: Path, **more: str) -> int:
    names = ("form", "aws_region", "aws_name", "lake_bucket", "glue_database")
    for name in names:
        monkeypatch.setenv(f"STREAMGAUGE_{name.upper()}", more.get(name, getattr(aws.settings, name)))
    return main(["doctor", "--data-dir", str(folder)])


def test_doctor_prints_a_line_each_and_fails(
    whole: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole.clients.of("sqs").delete_queue(QueueUrl=queue_url(whole))
    assert doctor(whole, monkeypatch, tmp_path, glue_database="another") == 1
    told = capsys.readouterr()
    assert [line.partition(" is not")[0] for line in told.out.splitlines()] == [
        f"SQS queue {whole.begin}-overflow",
        "Glue database another",
        *(f"Iceberg table another.{name}" for name in LAKE),
    ]
    assert "8 of its parts need a look" in told.err


def queue_url(aws: Aws) -> str:
    found: str = aws.clients.of("sqs").get_queue_url(QueueName=f"{aws.begin}-overflow")["QueueUrl"]
    return found


def test_a_server_that_starts_logs_them_and_goes_on(
    whole: Aws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "set_up", lambda _: None)  # it would end what pytest catches
    log_problems(replace(whole.settings, athena_workgroup="none"))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "Athena workgroup none is missing; deploy infra/ or enable it"
    ]
    assert log_problems(load({}, {})) is None, "the embedded form needs nothing"


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


def test_without_credentials_nothing_starts(whole: Aws) -> None:
    fail(whole, "sts.GetCallerIdentity", NoCredentialsError())
    with pytest.raises(SettingsError, match="no AWS credentials: give the machine or function its role"):
        found(whole)


def test_without_a_region_nothing_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with aws_of("moto") as aws:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        bare = replace(aws.settings, aws_region="")
        says = "no AWS region: set STREAMGAUGE_AWS_REGION, as eu-central-1"
        with pytest.raises(SettingsError, match=says):
            log_problems(bare)
        assert doctor(aws, monkeypatch, tmp_path, aws_region="") == 1
    assert capsys.readouterr().out == f"{says}\n"
