"""What is written takes nothing from elsewhere, and the checks find what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

import infra.app
from data_access.iceberg.tables import LAYOUT
from infra import accepted, components
from infra.settings import deployment
from infra.stacks import personal
from infra.synth import everything, templates
from infra.tests.conftest import Made

MODULES = ("base", "cache", "collector", "cost", "delivery", "drop", "edge", "functions", "identity", "lake")
MORE = ("network", "part", "stores", "stream", "waf", "web")


def test_a_second_time_all_is_the_same_and_nothing_from_elsewhere(dev: Made, tmp_path: Path) -> None:
    """No look-up, and no file of this machine but the templates."""
    assert templates(deployment("dev"), tmp_path) == dev.stacks
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert "missing" not in manifest
    for path in tmp_path.glob("*.assets.json"):
        files = json.loads(path.read_text("utf-8"))["files"]
        assert [one["source"]["path"].endswith(".template.json") for one in files.values()] == [True], (
            path.name
        )


def test_every_component_of_the_seeds_is_provided(whole: Made) -> None:
    lines, missing = components.table(whole.stacks)
    assert missing == 0, "\n".join(lines)


def test_what_is_not_provided_is_missing(whole: Made) -> None:
    without = {**whole.stacks, "cost": {"Resources": {}}}
    assert components.table(without)[1] == 1


def findings(folder: Path) -> Iterator[tuple[str, str]]:
    report = json.loads((folder / "validation-report.json").read_text("utf-8"))
    for plugin in report["pluginReports"]:
        for one in plugin["violations"]:
            for where in one["violatingConstructs"]:
                yield one["ruleName"], where.get("constructPath") or ""


def test_the_checks_find_what_is_wrong(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "wrong")
    s3.Bucket(stack, "Bucket")
    group = ec2.SecurityGroup(stack, "Group", vpc=ec2.Vpc(stack, "Vpc"))
    group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(22))
    iam.Role(
        stack,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={
            "own": iam.PolicyDocument(
                statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])]
            )
        },
    )
    with pytest.raises(RuntimeError, match="report can be found"):
        app.synth()
    rules = {rule for rule, _ in findings(tmp_path)}
    assert {
        "AwsSolutions-S1",
        "AwsSolutions-S10",
        "AwsSolutions-EC23",
        "AwsSolutions-IAM5[Resource::*]",
    } <= rules


@pytest.fixture
def unaccepted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What stacks accept, while nothing of it counts."""
    noted: list[tuple[str, str]] = []

    def note(construct: Any, reason: str, *rules: str) -> None:
        assert len(reason) > 20, f"{rules} need a reason"
        noted.extend(
            (rule.split("::", 1)[1] if "Validate" in rule else f"AwsSolutions-{rule}", construct.node.path)
            for rule in rules
        )

    monkeypatch.setattr(accepted, "accept", note)
    for name in (*MODULES, *MORE):
        module = getattr(infra.stacks, name)
        if hasattr(module, "accept"):
            monkeypatch.setattr(module, "accept", note)
    return noted


def test_nothing_is_accepted_that_no_check_finds(unaccepted: list[tuple[str, str]], tmp_path: Path) -> None:
    templates(everything(), tmp_path, checked=True)
    found = list(findings(tmp_path))
    assert len(unaccepted) > 50
    for rule, path in unaccepted:
        assert any(rule == one and where.startswith(path) for one, where in found), f"{rule} on {path}"


def test_columns_are_tagged_by_their_marks(whole: Made) -> None:
    tagged: dict[str, dict[str, str]] = {}
    for _, it in whole.of("LakeFormation::TagAssociation"):
        table = it["Resource"]["TableWithColumns"]
        (pair,) = it["LFTags"]
        (value,) = pair["TagValues"]
        tagged.setdefault(table["Name"], {}).update(dict.fromkeys(table["ColumnNames"], value))
    assert {name: list(columns) for name, columns in tagged.items()}.keys() == LAYOUT.keys()
    for name, (schema, _) in LAYOUT.items():
        for field in schema:
            assert tagged[name][field.name] == (field.metadata or {}).get(b"pii", b"none").decode()
    values = whole.one("LakeFormation::Tag")["TagValues"]
    assert {value for columns in tagged.values() for value in columns.values()} <= set(values)


def test_a_field_without_a_mark_is_no_personal_data() -> None:
    marked = pa.field("user_id", pa.string(), metadata={"doc": "Who", "pii": "direct"})
    schema = pa.schema(
        [marked, pa.field("country", pa.string(), metadata={"doc": "Where"}), pa.field("n", pa.int64())]
    )
    assert dict(personal.marked(schema)) == {"direct": ("user_id",), "none": ("country", "n")}


def test_switches_leave_out_what_is_not_wanted(dev: Made, whole: Made) -> None:
    assert {"drop", "governance"} == set(whole.stacks) - set(dev.stacks)
    for kind in ("GuardDuty::Detector", "Macie::Session", "SecurityHub::Hub", "CloudTrail::Trail"):
        assert len(list(whole.of(kind))) == 1
    assert not list(dev.of("XRay::Group"))


def test_the_trail_notes_writes_to_the_audit_log(whole: Made) -> None:
    trail = whole.one("CloudTrail::Trail")
    assert trail["EnableLogFileValidation"] is True
    assert trail["IsMultiRegionTrail"] is True
    of_tables = next(
        one for one in trail["EventSelectors"] if one["DataResources"][0]["Type"] == "AWS::DynamoDB::Table"
    )
    assert any(
        str(one).endswith("table/streamgauge-audit") for one in of_tables["DataResources"][0]["Values"]
    )


def test_users_of_the_drop_see_their_own_folder(whole: Made) -> None:
    user = whole.one("Transfer::User")
    assert user["HomeDirectoryMappings"][0]["Target"].endswith("/shop")
    role = whole.one("IAM::Role", "drop")
    assert '-eu-central-1/shop/*"' in json.dumps(role)
    server = whole.one("Transfer::Server")
    assert server["Protocols"] == ["SFTP"]


def test_what_holds_data_stays_when_a_stack_goes(whole: Made) -> None:
    kinds = (
        "AWS::DynamoDB::GlobalTable",
        "AWS::S3::Bucket",
        "AWS::KMS::Key",
        "AWS::Cognito::UserPool",
        "AWS::Kinesis::Stream",
    )
    for template in whole.stacks.values():
        for it in template["Resources"].values():
            if it["Type"] in kinds:
                assert it["DeletionPolicy"] == "Retain"


def test_other_accounts_findings_are_let_in_by_name(dev: Made, whole: Made) -> None:
    assert "222222222222" in json.dumps(whole.one("Events::EventBusPolicy"))
    assert not list(dev.of("Events::EventBusPolicy"))
