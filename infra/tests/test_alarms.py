from __future__ import annotations

import re
from typing import Any

import pytest

from infra.functions import FUNCTIONS
from infra.tests import documented
from infra.tests.conftest import Made

NAMED = re.compile(r"`([^`]+)`")


def alarms(made: Made) -> dict[str, Any]:
    found = [it for _, it in made.of("CloudWatch::Alarm")]
    (begin,) = {
        it["AlarmName"].removesuffix("-live-behind")
        for it in found
        if it["AlarmName"].endswith("-live-behind")
    }
    return {it["AlarmName"].removeprefix(f"{begin}-"): it for it in found}


def test_every_alarm_has_an_action_and_says_what_it_means(each: Made) -> None:
    found = alarms(each)
    assert len(found) >= 50
    for name, it in found.items():
        assert it["AlarmActions"], name
        assert "Alarms" in str(it["AlarmActions"]), name
        assert it.get("ActionsEnabled", True), name
        assert it["AlarmDescription"], name


UPSTREAM = [
    ("ingest-errors", 0, 300),
    ("ingest-throttles", 0, 300),
    ("live-errors", 0, 300),
    ("live-behind", 60_000, 60),
    ("transform-errors", 0, 300),
    ("question-errors", 0, 300),
    ("questions-slow", 25_000, 300),
    ("web-slow", 25, 300),
    ("web-5xx", 5, 300),
    ("collector-5xx", 5, 300),
    ("collector-4xx", 100, 300),
    ("dead-letters", 0, 60),
    ("critical-findings", 5, 300),
    *(
        (f"{name}-{kind}-throttled", 10, 300)
        for name in ("counters", "findings")
        for kind in ("read", "write")
    ),
]
"""The systems to be replaced: what they alarm on, or better."""


@pytest.mark.parametrize(("name", "most", "seconds"), UPSTREAM)
def test_alarms_are_at_least_as_strict_as_upstream(whole: Made, name: str, most: float, seconds: int) -> None:
    it = alarms(whole)[name]
    assert it["Threshold"] == most
    assert it["Period"] == seconds
    assert it["ComparisonOperator"] == "GreaterThanThreshold"


@pytest.mark.parametrize("one", FUNCTIONS, ids=lambda one: one.name)
def test_every_function_is_watched(each: Made, one: Any) -> None:
    for kind, metric in (("errors", "Errors"), ("throttles", "Throttles")):
        it = alarms(each)[f"{one.name}-{kind}"]
        assert it["MetricName"] == metric
        assert it["Dimensions"][0]["Value"].endswith(f"-{one.name}")


def test_alarms_watch_what_there_is(whole: Made) -> None:
    """Names in alarms are those of resources, not of what was once called so."""
    of = {
        "FunctionName": ("Lambda::Function", "FunctionName"),
        "StreamName": ("Kinesis::Stream", "Name"),
        "DeliveryStreamName": ("KinesisFirehose::DeliveryStream", "DeliveryStreamName"),
        "QueueName": ("SQS::Queue", "QueueName"),
        "TableName": ("DynamoDB::GlobalTable", "TableName"),
        "WorkGroup": ("Athena::WorkGroup", "Name"),
        "RuleName": ("Events::Rule", "Name"),
        "BackupVaultName": ("Backup::BackupVault", "BackupVaultName"),
    }
    looked = 0
    for name, it in alarms(whole).items():
        for dimension in it["Dimensions"]:
            if dimension["Name"] in of:
                kind, called = of[dimension["Name"]]
                assert dimension["Value"] in {one.get(called) for _, one in whole.of(kind)}, name
                looked += 1
    assert looked >= 40


def test_no_healthy_host_is_an_alarm_even_without_numbers(each: Made) -> None:
    it = alarms(each)["web-away"]
    assert (it["TreatMissingData"], it["ComparisonOperator"]) == ("breaching", "LessThanThreshold")


def test_the_budget_tells_the_topic_of_alarms(each: Made) -> None:
    it = each.one("Budgets::Budget")
    assert it["Budget"]["TimeUnit"] == "MONTHLY"
    for one in it["NotificationsWithSubscribers"]:
        assert one["Subscribers"][0]["SubscriptionType"] == "SNS"
        assert "Alarms" in str(one["Subscribers"][0]["Address"])


def test_the_runbook_says_what_to_do_at_each(whole: Made) -> None:
    told = {name for first, *_ in documented.rows("operations.md", "Alarms") for name in NAMED.findall(first)}
    functions = "|".join(one.name for one in FUNCTIONS)
    general = {re.sub(f"^({functions})-(errors|throttles)$", r"λ-\2", name) for name in alarms(whole)}
    assert general == told
