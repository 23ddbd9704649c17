"""Alerts to an SNS topic: what people get, and what waits when SNS does not take it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_access.aws.alerts import SnsAlerts
from data_access.findings import Alert, Severity
from data_access.ports import AlertError
from tests.aws_parts import Aws
from tests.findings import MONDAY


def alert(title: str = "Bucket is public", severity: Severity = Severity.CRITICAL) -> Alert:
    return Alert("k" * 64, 1, severity, title, "123456789012", "eu-central-1", "bucket", MONDAY)


def received(aws: Aws, alerts: list[Alert], more: int = 0) -> dict[str, Any]:
    """What a queue behind the topic gets."""
    sns, sqs = aws.clients.of("sns"), aws.clients.of("sqs")
    topic = sns.create_topic(Name=f"{aws.begin}-alerts")["TopicArn"]
    url = sqs.create_queue(QueueName=f"{aws.begin}-alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    SnsAlerts(aws.clients, topic).publish(alerts, more)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"]
    found: dict[str, Any] = json.loads(message["Body"])
    return found


def test_people_get_a_text_with_the_worst_first(aws: Aws) -> None:
    found = received(aws, [alert(), alert("Port is open", Severity.HIGH)], more=3)
    assert found["Subject"] == "2 findings opened: 1 CRITICAL, 1 HIGH; 3 more to come"
    assert "CRITICAL  Bucket is public\n  resource bucket, account 123456789012" in found["Message"]
    assert found["Message"].index("Bucket is public") < found["Message"].index("Port is open")
    assert found["MessageAttributes"]["severity"]["Value"] == "CRITICAL"


def test_a_title_may_hold_anything(aws: Aws) -> None:
    found = received(aws, [alert("Ünsafe\n\tbucket \U0001f512 " + "x" * 500)])
    assert found["Subject"].startswith("[CRITICAL] ?nsafe bucket ")
    assert len(found["Subject"]) < 100
    assert "Ünsafe bucket \U0001f512 xxx" in found["Message"]


def test_a_topic_that_is_not_there_is_said(aws: Aws) -> None:
    gone = f"arn:aws:sns:eu-central-1:123456789012:{aws.begin}-none"
    with pytest.raises(AlertError, match=r"^the SNS topic: NotFound"):
        SnsAlerts(aws.clients, gone).publish([alert()], 0)
