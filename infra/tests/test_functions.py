from __future__ import annotations

import json
from typing import Any

import pytest

from data_access.settings import load
from infra.bundles import PYTHON
from infra.functions import FUNCTIONS, SENDS
from infra.tests import documented
from infra.tests.conftest import Made

NAMES = [one.name for one in FUNCTIONS]
COMMON = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "ssm:GetParametersByPath"),
    *("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"),
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
}
"""Of every role: its log group, settings, the key, traces."""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: Any) -> list[dict[str, Any]]:
    return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def function(made: Made, name: str) -> Any:
    return made.one("Lambda::Function", "functions", Handler=f"pipeline.lambdas.{name}.handler")


def role_of(made: Made, name: str) -> Any:
    reference = function(made, name)["Role"]["Fn::GetAtt"][0]
    return made.stacks["functions"]["Resources"][reference]["Properties"]


def actions(role: Any) -> set[str]:
    return {action for one in statements(role) for action in listed(one["Action"])}


def test_there_is_a_function_for_every_handler(each: Made) -> None:
    handlers = {path.stem for path in (documented.DOCS.parent / "pipeline/lambdas").glob("*.py")}
    assert set(NAMES) == handlers - {"__init__", "parts"}
    assert len(list(each.of("Lambda::Function"))) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_memory_and_time_are_as_documented(whole: Made, name: str) -> None:
    memory, seconds, _ = documented.functions()[name]
    made = function(whole, name)
    assert (made["MemorySize"], made["Timeout"]) == (memory, seconds)
    assert made["Architectures"] == ["arm64"]
    assert made["Runtime"] == f"python{PYTHON}"
    assert made["LoggingConfig"]["SystemLogLevel"] == "WARN"


@pytest.mark.parametrize("name", NAMES)
def test_a_role_may_do_what_is_documented_and_nothing_else(whole: Made, name: str) -> None:
    assert actions(role_of(whole, name)) - COMMON == documented.permissions()[name] - COMMON


def test_every_function_has_a_role_of_its_own(each: Made) -> None:
    roles = [str(it["Role"]) for _, it in each.of("Lambda::Function")]
    assert len(set(roles)) == len(roles)
    for _, policy in each.of("IAM::Policy", "functions"):
        pytest.fail(f"nothing but the table gives a role permissions: {policy}")


@pytest.mark.parametrize("name", NAMES)
def test_no_role_has_a_star_for_a_resource_or_an_action(each: Made, name: str) -> None:
    for one in statements(role_of(each, name)):
        named = set(listed(one["Action"]))
        assert not any("*" in action for action in named)
        if named == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}:
            continue  # X-Ray has no resources to name
        for resource in listed(one["Resource"]):
            text = json.dumps(resource)
            assert '"*"' not in text
            assert (
                "streamgauge" in text
                or "GetAtt" in text
                or "ImportValue" in text
                or text.endswith((':catalog"', ':catalog"]]}', 'hub/default"', 'hub/default"]]}'))
            ), text


def test_no_policy_is_longer_than_iam_takes(each: Made) -> None:
    for name, role in each.of("IAM::Role"):
        texts = [json.dumps(one["PolicyDocument"], separators=(",", ":")) for one in role.get("Policies", [])]
        assert sum(map(len, texts)) < 10_240, name


@pytest.mark.parametrize("name", NAMES)
def test_calls_are_reserved(each: Made, name: str) -> None:
    assert function(each, name)["ReservedConcurrentExecutions"] >= 2


def test_the_functions_start_with_their_settings(each: Made) -> None:
    """The app's own reader takes them: no name is unknown, none is missing."""
    for _, it in each.of("Lambda::Function"):
        texts = {key: str(text) for key, text in it["Environment"]["Variables"].items()}
        settings = load({}, texts)
        assert (settings.form, settings.aws_parameters) == ("aws", f"/{settings.aws_name}")
        assert "KmsKeyArn" in it


def test_live_never_gives_up_on_a_batch_it_could_still_count(each: Made) -> None:
    found = [it for _, it in each.of("Lambda::EventSourceMapping") if "StartingPosition" in it]
    assert len(found) == 1
    live = found[0]
    assert live["StartingPosition"] == "TRIM_HORIZON"
    assert live["ParallelizationFactor"] == 1
    assert live["MaximumRetryAttempts"] == -1
    assert live["MaximumRecordAgeInSeconds"] == 97_200
    assert live["BisectBatchOnFunctionError"] is True
    assert (live["BatchSize"], live["MaximumBatchingWindowInSeconds"]) == (1000, 1)
    assert live["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "-dead" in str(live["DestinationConfig"]["OnFailure"]["Destination"])


def test_queues_call_ten_at_a_time_and_report_each(each: Made) -> None:
    found = [it for _, it in each.of("Lambda::EventSourceMapping") if "StartingPosition" not in it]
    assert len(found) == 2
    for it in found:
        assert it["BatchSize"] == 10
        assert it["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert it["ScalingConfig"]["MaximumConcurrency"] <= 5


@pytest.mark.parametrize(
    ("name", "schedule", "says"),
    [
        ("curate-hourly", "rate(1 hour)", None),
        ("curate-daily", "cron(20 2 * * ? *)", {"maintain": True}),
        ("reconcile-often", "rate(10 minutes)", None),
        ("sync-begins", "rate(6 hours)", None),
        ("sync-goes-on", "rate(15 minutes)", {"continue": True}),
        ("archive-daily", "cron(20 3 * * ? *)", None),
        ("alerts-every-minute", "rate(1 minute)", None),
    ],
)
def test_clocks(whole: Made, name: str, schedule: str, says: Any) -> None:
    rule = whole.one("Events::Rule", "functions", Name=f"streamgauge-{name}")
    assert rule["ScheduleExpression"] == schedule
    target = rule["Targets"][0]
    assert (json.loads(target["Input"]) if "Input" in target else None) == says
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0


def test_what_a_clock_calls_is_not_tried_again(whole: Made) -> None:
    found = {str(it["FunctionName"]) for _, it in whole.of("Lambda::EventInvokeConfig")}
    assert len(found) == sum(1 for one in FUNCTIONS if one.clocks)
    for _, it in whole.of("Lambda::EventInvokeConfig"):
        assert it["MaximumRetryAttempts"] == 0


@pytest.mark.parametrize("one", [one for one in FUNCTIONS if one.queue], ids=lambda one: one.name)
def test_a_queue_waits_six_times_its_functions_time(each: Made, one: Any) -> None:
    for _, it in each.of("SQS::Queue", "stream"):
        if it["QueueName"].endswith(f"-{one.queue}"):
            assert it["VisibilityTimeout"] == SENDS * one.seconds
            assert it["MessageRetentionPeriod"] == 14 * 24 * 3600
