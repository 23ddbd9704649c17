"""What is kept: encrypted, backed up, versioned, gone when it should be; and what a question may read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlglot import parse_one
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify

from data_access.aws.checks import TABLES
from data_access.aws.tables import TTL
from data_access.iceberg.tables import LAYOUT
from infra.settings import DEPLOYMENTS
from infra.stacks.lake import QUERIES
from infra.tests import documented
from infra.tests.conftest import Made


def table(made: Made, name: str) -> Any:
    found = [it for _, it in made.of("DynamoDB::GlobalTable") if it["TableName"].endswith(f"-{name}")]
    assert len(found) == 1
    return found[0]


def indexes(table: Any) -> dict[str, tuple[Any, Any]]:
    found = table.get("GlobalSecondaryIndexes", [])
    return {one["IndexName"]: (one["KeySchema"], one["Projection"]) for one in found}


@pytest.mark.parametrize("wanted", TABLES, ids=lambda one: one.name)
def test_tables_are_as_the_app_expects_them(each: Made, wanted: Any) -> None:
    made, definition = table(each, wanted.name), wanted.definition("x")
    assert made["KeySchema"] == definition["KeySchema"]
    assert made["BillingMode"] == "PAY_PER_REQUEST"
    kinds = {one["AttributeName"]: one["AttributeType"] for one in made["AttributeDefinitions"]}
    assert kinds == {one["AttributeName"]: one["AttributeType"] for one in definition["AttributeDefinitions"]}
    expiry = made.get("TimeToLiveSpecification")
    assert expiry == (None if wanted.stays else {"AttributeName": TTL, "Enabled": True})


@pytest.mark.parametrize("wanted", TABLES, ids=lambda one: one.name)
def test_indexes_are_as_the_app_expects_them(each: Made, wanted: Any) -> None:
    assert indexes(table(each, wanted.name)) == indexes(wanted.definition("x"))


@pytest.mark.parametrize("wanted", TABLES, ids=lambda one: one.name)
def test_tables_are_encrypted_and_can_be_restored_to_any_second(each: Made, wanted: Any) -> None:
    made = table(each, wanted.name)
    assert made["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    for replica in made["Replicas"]:
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert "KMSMasterKeyId" in replica["SSESpecification"]


def test_nobody_changes_the_audit_log(each: Made) -> None:
    (replica,) = table(each, "audit")["Replicas"]
    assert replica["DeletionProtectionEnabled"] is True
    (denied,) = replica["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} <= set(denied["Action"])


def test_backups_are_daily_and_kept_35_days(each: Made) -> None:
    (rule,) = each.one("Backup::BackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == 35
    assert rule["ScheduleExpression"] == "cron(0 5 * * ? *)"
    assert len(each.one("Backup::BackupSelection")["BackupSelection"]["Resources"]) == len(TABLES) - 1
    assert "EncryptionKeyArn" in each.one("Backup::BackupVault")


def test_every_bucket_is_private_encrypted_and_takes_tls_only(each: Made) -> None:
    policies = [json.dumps(it) for _, it in each.of("S3::BucketPolicy")]
    for name, it in each.of("S3::Bucket"):
        (rule,) = it["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"aws:kms", "AES256"}
        assert all(it["PublicAccessBlockConfiguration"].values())
        assert it["LifecycleConfiguration"]["Rules"]
        assert "LoggingConfiguration" in it, name
        reference = name.split("/")[1]
        assert any(reference in policy and "aws:SecureTransport" in policy for policy in policies), name


def test_every_bucket_but_the_lakes_keeps_versions(each: Made) -> None:
    kept = {
        name
        for name, it in each.of("S3::Bucket")
        if it.get("VersioningConfiguration") == {"Status": "Enabled"}
    }
    assert {name for name, _ in each.of("S3::Bucket")} - kept == {
        name for name, _ in each.of("S3::Bucket", "lake")
    }


def test_the_lakes_prefixes_go_when_they_should(whole: Made) -> None:
    rules = {one["Id"]: one for one in whole.one("S3::Bucket", "lake")["LifecycleConfiguration"]["Rules"]}
    gone = {name: rule.get("ExpirationInDays") for name, rule in rules.items()}
    assert gone == {"parts": None, "answers": 3, "rejects": 90, "errors": 30, "backup": 90, "archive": 2555}
    assert {rule["Prefix"] for rule in rules.values() if "Prefix" in rule} == {
        f"{name}/" for name in rules if name != "parts"
    }
    assert not any(rule.get("Prefix", "").startswith("lake") for rule in rules.values())
    cold = [(one["StorageClass"], one["TransitionInDays"]) for one in rules["archive"]["Transitions"]]
    assert cold == [("STANDARD_IA", 30), ("GLACIER", 90), ("DEEP_ARCHIVE", 365)]


@pytest.mark.parametrize("prefix", ["answers/", "rejects/", "errors/"])
def test_lifecycles_are_as_documented(whole: Made, prefix: str) -> None:
    (said,) = [cells[2] for cells in documented.rows("aws.md", "Lake") if cells[0] == f"`{prefix}`"]
    rules = whole.one("S3::Bucket", "lake")["LifecycleConfiguration"]["Rules"]
    (rule,) = [one for one in rules if one.get("Prefix") == prefix]
    assert f"{rule['ExpirationInDays']} days" in said


def test_archived_findings_cannot_be_deleted(each: Made) -> None:
    policy = json.dumps([it for name, it in each.of("S3::BucketPolicy", "lake")])
    assert "ArchivedFindingsStay" in policy
    assert "/archive/*" in policy


def test_questions_have_a_limit_and_curation_has_none(each: Made) -> None:
    groups = {it["Name"]: it["WorkGroupConfiguration"] for _, it in each.of("Athena::WorkGroup")}
    (curation,) = [name for name in groups if name.endswith("-curation")]
    questions = groups[curation.removesuffix("-curation")]
    assert questions["BytesScannedCutoffPerQuery"] >= 100_000_000
    assert "BytesScannedCutoffPerQuery" not in groups[curation]
    for group in groups.values():
        assert group["EnforceWorkGroupConfiguration"] is True
        assert group["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
        assert "/answers/" in str(group["ResultConfiguration"]["OutputLocation"])


def test_devs_limit_is_that_of_the_system_it_replaces(dev: Made) -> None:
    found = [
        it["WorkGroupConfiguration"].get("BytesScannedCutoffPerQuery")
        for _, it in dev.of("Athena::WorkGroup")
    ]
    assert 100_000_000 in found


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_named_queries_read_columns_that_there_are(path: Any) -> None:
    schema: dict[str, object] = {
        name: dict.fromkeys(table.names, "text") for name, (table, _) in LAYOUT.items()
    }
    first, _, text = path.read_text("utf-8").partition("\n")
    assert first.startswith("-- ")
    qualify(parse_one(text, dialect="athena"), schema=schema, dialect="athena")


def test_a_column_that_is_not_there_would_be_noticed() -> None:
    with pytest.raises(OptimizeError, match="colour"):
        qualify(parse_one("select colour from events"), schema={"events": {"ts": "text"}})


def test_the_databases_name_has_no_hyphens(each: Made) -> None:
    assert "-" not in each.one("Glue::Database")["DatabaseInput"]["Name"]


def test_the_stream_keeps_seven_days(each: Made) -> None:
    it = each.one("Kinesis::Stream")
    assert it["RetentionPeriodHours"] == 7 * 24
    assert it["StreamEncryption"]["EncryptionType"] == "KMS"


def test_the_stream_of_prod_has_ten_shards_and_that_of_staging_is_on_demand() -> None:
    assert DEPLOYMENTS["prod"]().stream.shards == 10
    assert DEPLOYMENTS["staging"]().stream.shards == 0


def test_queues_and_topics_are_encrypted_and_take_tls_only(each: Made) -> None:
    for kind, key in (("SQS::Queue", "KmsMasterKeyId"), ("SNS::Topic", "KmsMasterKeyId")):
        for name, it in each.of(kind):
            assert key in it, name
    for kind in ("SQS::QueuePolicy", "SNS::TopicPolicy"):
        for name, it in each.of(kind):
            assert "aws:SecureTransport" in json.dumps(it), name


def test_every_log_group_keeps_for_a_while_only(each: Made) -> None:
    found = list(each.of("Logs::LogGroup"))
    assert len(found) >= 12
    for name, it in found:
        assert it["RetentionInDays"] <= 90, name
        assert "KmsKeyId" in it or name.startswith("edge/"), name


def test_firehose_brings_rows_and_keeps_what_came(whole: Made) -> None:
    it = whole.one("KinesisFirehose::DeliveryStream")["IcebergDestinationConfiguration"]
    assert it["AppendOnly"] is True
    assert it["BufferingHints"] == {"IntervalInSeconds": 300, "SizeInMBs": 128}
    assert it["s3BackupMode"] == "AllData"
    assert it["S3Configuration"]["CompressionFormat"] == "GZIP"
    (processor,) = it["ProcessingConfiguration"]["Processors"]
    told = {one["ParameterName"]: one["ParameterValue"] for one in processor["Parameters"]}
    assert (told["BufferSizeInMBs"], told["BufferIntervalInSeconds"], told["NumberOfRetries"]) == (
        "1",
        "60",
        "3",
    )
    assert json.dumps(told["LambdaArn"]).find("streamgauge-transform") > 0


def test_firehoses_role_is_as_documented(whole: Made) -> None:
    role = whole.one("IAM::Role", "delivery")
    found = {
        action
        for policy in role["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
    }
    own = {one for one in found if not one.startswith(("kms:", "logs:"))}
    assert own == documented.firehose_permissions()


def test_security_hubs_events_come_to_the_queue(each: Made) -> None:
    rules = {it["Name"]: it for _, it in each.of("Events::Rule", "stream")}
    (begin,) = {name.removesuffix("-findings") for name in rules if name.endswith("-findings")}
    for name in ("findings", "findings-of-others"):
        rule = rules[f"{begin}-{name}"]
        assert rule["EventPattern"] == {
            "source": ["aws.securityhub"],
            "detail-type": ["Security Hub Findings - Imported"],
        }
        (target,) = rule["Targets"]
        assert "Findings" in str(target["Arn"])
        assert "Dead" in str(target["DeadLetterConfig"])
    assert "EventBusName" in rules[f"{begin}-findings-of-others"]
    critical = rules[f"{begin}-critical"]["EventPattern"]["detail"]["findings"]
    assert critical["Severity"] == {"Label": ["CRITICAL"]}


def test_findings_are_given_up_after_five_receives(each: Made) -> None:
    for _, it in each.of("SQS::Queue", "stream"):
        redrive = it.get("RedrivePolicy")
        assert (redrive["maxReceiveCount"] if redrive else None) == (
            5 if it["QueueName"].endswith("-findings") else None
        )
