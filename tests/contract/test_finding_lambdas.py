"""The λ handlers of findings: events in, syncs that go on, the archive, alerts; on moto and on MiniStack.

GetFindings alone is answered by tests/pretend_hub.py: moto has it without filters, MiniStack not at all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from data_access.aws import documents, findings
from data_access.aws.alerts import SnsAlerts
from data_access.aws.documents import AwsDocuments
from data_access.aws.findings import AwsFindings
from data_access.aws.objects import AwsObjects
from data_access.aws.security_hub import ATTEMPTS, SecurityHub
from data_access.backends import AwsFindingParts
from data_access.findings import Change, Status
from data_access.ports import SourceError
from pipeline.findings.sync import KEY, KIND
from pipeline.lambdas import alerts, archive, parts, sync
from pipeline.lambdas import findings as intake
from tests.aws_parts import Aws
from tests.contract.test_objects import bucket_of
from tests.findings import DAY, MONDAY, asff
from tests.lambda_events import sqs
from tests.pretend_hub import Hub
from tests.quick_moto import quick_moto

pytestmark = pytest.mark.usefixtures("roles")

NOW = MONDAY + DAY


@pytest.fixture
def found(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsFindingParts]:
    """The parts, and an alert topic with a queue behind it; nothing really waits."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    aws.create(documents.TABLE, findings.TABLE)
    bucket, clients = bucket_of(aws), aws.clients
    topic = clients.of("sns").create_topic(Name=f"{aws.begin}-alerts")["TopicArn"]
    with quick_moto():
        yield AwsFindingParts(
            aws.settings,
            AwsDocuments(clients, aws.begin),
            AwsFindings(clients, aws.begin),
            SecurityHub(clients),
            SnsAlerts(clients, topic),
            AwsObjects(clients, bucket),
            AwsObjects(clients, bucket, "rejects/"),
        )


@pytest.fixture
def hub(aws: Aws, found: AwsFindingParts) -> Hub:
    return Hub(aws)


def event(*items: Any, kind: str = "Security Hub Findings - Imported") -> str:
    """An event of EventBridge as its queue has it."""
    own = {"version": "0", "id": "e", "source": "aws.securityhub", "region": "eu-central-1"}
    return json.dumps(own | {"detail-type": kind, "detail": {"findings": items}})


def ids(found: AwsFindingParts) -> list[str]:
    return sorted(row.id for row in found.findings.since(0, 10_000) if not row.gone)


def all_of(found: AwsFindingParts) -> Any:
    """All there is of findings: with the times, scans and alerts they have."""
    store = found.findings
    rows = store.since(0, 10_000)
    return rows, store.scans(), [store.whole(row.key) for row in rows], store.alerts(99)


def test_an_event_that_comes_again_changes_nothing(found: AwsFindingParts) -> None:
    older = asff("a", UpdatedAt="2026-03-08T00:00:00Z", Title="Older")
    batch = sqs([event(asff("a"), asff("b")), event(older), event(asff("c"))])
    assert intake.taken_in(batch, found.findings, found.rejects) == {"batchItemFailures": []}
    before = all_of(found)
    assert ids(found) == ["a", "b", "c"]
    assert [(scan.name, scan.by, count) for scan, count in before[1]] == [
        ("Security Hub 2026-03-09", "Security Hub", 3)
    ]
    batch["Records"] += batch["Records"][::-1]
    assert intake.taken_in(batch, found.findings, found.rejects) == {"batchItemFailures": []}
    assert all_of(found) == before


def test_what_nobody_can_read_does_not_hold_up_its_neighbours(
    found: AwsFindingParts, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [
        event(asff("a")),
        "no JSON, s3cret",
        event(asff("b"), {"no": 1}, asff("")),
        event({"no": 2}),
        json.dumps({"detail-type": "Security Hub Insight Results", "detail": {}}),
        event(),
        event(asff("c")),
    ]
    for _ in range(2):
        with heard(caplog):
            told = intake.taken_in(sqs(messages), found.findings, found.rejects)
        assert [one["itemIdentifier"] for one in told["batchItemFailures"]] == ["m1", "m3", "m4"]
        assert ids(found) == ["a", "b", "c"]
    kept = {name: found.rejects.get(name) for name, _ in found.rejects.names("findings/2026-03-09/")}
    assert messages[2].encode() in kept.values()
    lines = [json.loads(line) for name in kept if name.endswith("l") for line in kept[name].splitlines()]
    assert sorted((line["place"], line["reason"]) for line in lines) == [
        (1, "not_a_finding"),
        (1, "not_a_finding"),
        (1, "unreadable"),
        (2, "not_a_finding"),
        (3, "no_id"),
    ]
    assert len(kept) == 2 * 4
    assert "message m2: 1 findings, 2 rejected" in caplog.messages
    assert "message m1 holds no finding: 1 unreadable" in caplog.messages
    assert "s3cret" not in caplog.text


def test_a_store_that_fails_has_only_that_message_come_again(
    found: AwsFindingParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, calls = found.findings.store, []

    def failing(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")
        return store(*given)

    monkeypatch.setattr(found.findings, "store", failing)
    batch = sqs([event(asff(name)) for name in "abc"])
    told = intake.taken_in(batch, found.findings, found.rejects)
    assert told == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert ids(found) == ["a", "c"]
    batch["Records"] = batch["Records"][1:2]
    assert intake.taken_in(batch, found.findings, found.rejects) == {"batchItemFailures": []}
    assert ids(found) == ["a", "b", "c"]


def test_findings_of_the_newer_security_hub_are_read(found: AwsFindingParts) -> None:
    ocsf = {
        "class_uid": 2003,
        "metadata": {"product": {"name": "Security Hub", "uid": "hub"}},
        "finding_info": {"uid": "o", "title": "Buckets are not public"},
        "severity_id": 4,
        "status_id": 1,
        "time": MONDAY // 1000,
        "compliance": {"status": "Fail"},
    }
    batch = sqs([event(ocsf, kind="Findings Imported V2")])
    assert intake.taken_in(batch, found.findings, found.rejects) == {"batchItemFailures": []}
    assert ids(found) == ["o"]


def test_a_message_that_never_gets_through_ends_in_the_dead_letters(aws: Aws, found: AwsFindingParts) -> None:
    queues = aws.clients.of("sqs")
    dead = queues.create_queue(QueueName=f"{aws.begin}-findings-dead")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
    url = queues.create_queue(QueueName=f"{aws.begin}-findings", Attributes={"RedrivePolicy": policy})[
        "QueueUrl"
    ]
    for body in (event(asff("a")), "poison", event(asff("b"))):
        queues.send_message(QueueUrl=url, MessageBody=body)
    calls = 0
    while batch := _received(queues, url):
        calls += 1
        told = intake.taken_in(batch, found.findings, found.rejects)
        _settled(queues, url, batch, {one["itemIdentifier"] for one in told["batchItemFailures"]})
    (letter,) = _received(queues, dead)["Records"]
    assert (letter["body"], ids(found)) == ("poison", ["a", "b"])
    assert calls >= 3


def _received(queues: Any, url: str) -> dict[str, Any]:
    """A batch as λ would get it; empty when there is none."""
    told = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    names = {
        "MessageId": "messageId",
        "ReceiptHandle": "receiptHandle",
        "Body": "body",
        "Attributes": "attributes",
    }
    records = [{names[name]: one[name] for name in names} for one in told.get("Messages", [])]
    return {"Records": [one | {"eventSource": "aws:sqs"} for one in records]} if records else {}


def _settled(queues: Any, url: str, batch: dict[str, Any], failed: set[str]) -> None:
    """What λ does after a batch: those that failed are seen again, the others are gone."""
    for one in batch["Records"]:
        own = {"QueueUrl": url, "ReceiptHandle": one["receiptHandle"]}
        if one["messageId"] in failed:
            queues.change_message_visibility(**own, VisibilityTimeout=0)
        else:
            queues.delete_message(**own)


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [asff(f"f{n:03}", **more) for n in range(count)]


def times(*answers: bool) -> Callable[[], bool]:
    """Says so, one after the other, and yes from then on."""
    waiting = list(answers)
    return lambda: waiting.pop(0) if waiting else True


def test_a_sync_over_pages_that_is_throttled_and_stops_misses_nothing(
    found: AwsFindingParts, hub: Hub
) -> None:
    hub.put(*numbered(250))
    hub.faults = [None, "ThrottlingException", "TooManyRequestsException"]
    first = sync.synced({}, found, NOW, times(True, False))
    assert (first["pages"], first["read"], first["stopped"]) == (2, 200, True)
    assert len(hub.asked) == 4, "the page that was throttled was asked for until it came"
    assert len(ids(found)) == 200
    hub.put(asff("f000", UpdatedAt="2026-03-10T01:00:00Z", Title="Newer"), asff("late"))
    second = sync.synced({}, found, NOW + DAY // 4, times())
    assert (second["pages"], second["stopped"]) == (1, False)
    third = sync.synced({}, found, NOW + DAY // 2, times())
    assert (third["stored"]["newer"], third["stopped"]) == (0, False)
    assert set(ids(found)) == set(hub.findings)
    (key,) = found.findings.named("f000")
    assert found.findings.rows([key])[0].title == "Newer"
    assert [scan.name for scan, _ in found.findings.scans()] == ["Security Hub 2026-03-10"]


def test_later_syncs_ask_for_what_was_updated_since_with_an_overlap(found: AwsFindingParts, hub: Hub) -> None:
    hub.put(*numbered(2))
    sync.synced({}, found, NOW, times())
    hub.put(asff("f000", UpdatedAt="2026-03-10T05:00:00Z"), asff("old", UpdatedAt="2026-03-01T00:00:00Z"))
    told = sync.synced({}, found, NOW + DAY // 4, times())
    assert hub.asked[0]["Filters"] == {}
    (between,) = hub.asked[1]["Filters"]["UpdatedAt"]
    assert between == {"Start": "2026-03-09T00:00:00.000Z", "End": "2026-03-11T06:00:00.000Z"}
    assert told["stored"] == {"new": 0, "newer": 1, "older": 0, "same": 1}


def test_a_finding_that_is_over_for_security_hub_is_closed(found: AwsFindingParts, hub: Hub) -> None:
    hub.put(asff("a"))
    sync.synced({}, found, NOW, times())
    hub.put(asff("a", RecordState="ARCHIVED", UpdatedAt="2026-03-10T00:00:00Z"))
    sync.synced({}, found, NOW + DAY // 4, times())
    (row,) = found.findings.rows(found.findings.named("a"))
    assert not row.problem


def test_a_page_that_is_no_longer_known_is_where_the_sync_begins_again(
    found: AwsFindingParts, hub: Hub
) -> None:
    hub.put(*numbered(250))
    sync.synced({}, found, NOW, times(False))
    hub.forget_tokens()
    told = sync.synced({}, found, NOW + DAY, times())
    assert (told["pages"], told["stored"]["new"], told["stored"]["same"]) == (3, 150, 100)
    assert len(ids(found)) == 250


def test_a_function_that_is_killed_before_it_notes_a_page_gets_it_again(
    found: AwsFindingParts, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put(*numbered(150))
    put, calls = found.documents.put, []

    def killed(*given: Any) -> bool:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return put(*given)

    monkeypatch.setattr(found.documents, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        sync.synced({}, found, NOW, times())
    assert len(ids(found)) == 100
    told = sync.synced({}, found, NOW + 1, times())
    assert told["stored"] == {"new": 50, "newer": 0, "older": 0, "same": 100}


def test_of_two_syncs_one_goes_on(found: AwsFindingParts, hub: Hub) -> None:
    hub.put(*numbered(250))
    others: list[dict[str, Any]] = []

    def meanwhile() -> bool:
        if not others:
            others.append(sync.synced({}, found, NOW + 1, times()))
        return True

    assert sync.synced({}, found, NOW, meanwhile) == {}
    assert [one["stopped"] for one in others] == [False]
    assert len(ids(found)) == 250
    kept = found.documents.get(KIND, KEY)
    assert kept is not None
    assert dict(kept.value) == {"complete": NOW, "started": None, "token": ""}


def test_a_schedule_that_only_goes_on_begins_nothing(found: AwsFindingParts, hub: Hub) -> None:
    hub.put(*numbered(150))
    assert sync.synced({"continue": True}, found, NOW, times())["pages"] == 0
    assert hub.asked == []
    sync.synced({}, found, NOW, times(False))
    assert sync.synced({"continue": True}, found, NOW, times())["read"] == 50


def test_a_page_with_findings_nobody_can_read_is_got_over(found: AwsFindingParts, hub: Hub) -> None:
    hub.put(asff("a"), asff(" "), asff("b", Title="\ud800"), asff("c"))
    told = sync.synced({}, found, NOW, times())
    assert (told["read"], told["refused"]) == (2, 2)
    assert len(list(found.rejects.names("findings/2026-03-10/"))) == 2


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("InvalidAccessException", "Security Hub is not enabled in eu-central-1"),
        ("AccessDeniedException", "Security Hub: no permission securityhub:GetFindings; add it to the role"),
        ("InvalidInputException", "Security Hub does not answer: InvalidInputException"),
    ],
)
def test_a_hub_that_refuses_says_what_to_do(found: AwsFindingParts, hub: Hub, code: str, says: str) -> None:
    hub.faults = [code]
    with pytest.raises(SourceError) as raised:
        sync.synced({}, found, NOW, times())
    assert str(raised.value) == says


def test_a_hub_that_cannot_be_reached_is_named(aws: Aws, found: AwsFindingParts) -> None:
    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://hub.test")

    events = aws.clients.of("securityhub", ATTEMPTS).meta.events
    events.register("before-call.securityhub.GetFindings", fail)
    with pytest.raises(SourceError, match=r"^Security Hub cannot be reached: EndpointConnectionError$"):
        sync.synced({}, found, NOW, times())


@contextmanager
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """While it lasts, what the functions' own logger says is in ``caplog``."""
    logger = logging.getLogger("streamgauge")
    logger.addHandler(caplog.handler)
    yield
    logger.removeHandler(caplog.handler)


class Context:
    """What λ says of a call: its seconds left, one after the other."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int((self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]) * 1000)


def closed(found: AwsFindingParts, count: int) -> None:
    items = numbered(count, Compliance={"Status": "PASSED"})
    assert intake.taken_in(sqs([event(*items)]), found.findings, found.rejects) == {"batchItemFailures": []}


def test_archiving_stops_in_time_and_the_next_run_goes_on(
    found: AwsFindingParts, caplog: pytest.LogCaptureFixture
) -> None:
    closed(found, 5)
    go_on = parts.has_time(Context(900, 61, 59.9), archive.MARGIN_SECONDS)
    with heard(caplog):
        told = archive.archived(found, MONDAY + 200 * DAY, go_on)
    assert (told["archived"], told["left"]) == (2, 3)
    assert "no time left: 3 findings wait for the next run" in caplog.messages
    assert len(ids(found)) == 3
    assert archive.archived(found, MONDAY + 200 * DAY, times()) | {"archived": 3, "left": 0} == {
        "archived": 3,
        "changed": 0,
        "waiting": 0,
        "broken": (),
        "left": 0,
    }
    assert ids(found) == []
    assert len(list(found.archive.names("findings/2026/03/"))) == 5


def test_what_was_closed_lately_or_is_to_be_told_of_is_not_archived(found: AwsFindingParts) -> None:
    closed(found, 1)
    assert archive.archived(found, MONDAY + 90 * DAY, times())["archived"] == 0
    later = asff("f000", UpdatedAt="2026-03-09T01:00:00Z")
    passed = asff("f000", UpdatedAt="2026-03-09T02:00:00Z", Compliance={"Status": "PASSED"})
    intake.taken_in(sqs([event(later, passed)]), found.findings, found.rejects)
    assert archive.archived(found, MONDAY + 200 * DAY, times())["waiting"] == 1
    assert ids(found) == ["f000"]


def test_a_broken_object_is_an_error_and_its_finding_stays(
    aws: Aws, found: AwsFindingParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(found, 2)
    (key,) = found.findings.named("f001")
    real = AwsObjects.get
    monkeypatch.setattr(AwsObjects, "get", lambda self, name: real(self, name)[: 9 if key in name else None])
    with pytest.raises(RuntimeError, match=rf"^objects of the archive are broken: findings/2026/03/{key}-"):
        archive.archived(found, MONDAY + 200 * DAY, times())
    assert ids(found) == ["f001"]


def subscribed(aws: Aws) -> Callable[[], list[str]]:
    """Reads what a queue behind the topic gets."""
    sns, queues = aws.clients.of("sns"), aws.clients.of("sqs")
    topic = sns.create_topic(Name=f"{aws.begin}-alerts")["TopicArn"]
    url = queues.create_queue(QueueName=f"{aws.begin}-people")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[str]:
        told = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"])["Subject"] for one in told]

    return read


def test_an_alert_is_sent_once(aws: Aws, found: AwsFindingParts) -> None:
    read = subscribed(aws)
    intake.taken_in(
        sqs([event(asff("a"), asff("b", Severity={"Label": "LOW"}))]), found.findings, found.rejects
    )
    assert alerts.told(found, NOW) == {"sent": 1, "unmuted": 0}
    assert read() == ["[HIGH] Buckets are not public"]
    intake.taken_in(sqs([event(asff("a"))]), found.findings, found.rejects)
    assert alerts.told(found, NOW) == {"sent": 0, "unmuted": 0}
    assert read() == []


def test_an_alert_sns_refuses_waits_in_the_outbox_with_the_error(aws: Aws, found: AwsFindingParts) -> None:
    read = subscribed(aws)
    intake.taken_in(sqs([event(asff("a"))]), found.findings, found.rejects)
    denied = {"Error": {"Code": "AuthorizationErrorException", "Message": "no"}}

    def refuse(**_: Any) -> Any:
        return SimpleNamespace(status_code=403), denied

    events = aws.clients.of("sns").meta.events
    events.register("before-call.sns.Publish", refuse)
    assert alerts.told(found, NOW) == {"sent": 0, "unmuted": 0}
    (alert,) = found.findings.alerts(9)
    whole = found.findings.whole(alert.key)
    assert whole is not None
    (past,) = whole.alerts
    assert (past.sent, past.attempts, past.error) == (False, 1, "the SNS topic: AuthorizationErrorException")
    events.unregister("before-call.sns.Publish", refuse)
    assert alerts.told(found, NOW)["sent"] == 1
    assert read() == ["[HIGH] Buckets are not public"]
    assert found.findings.alerts(9) == []


def test_suppressions_end_when_they_were_to_and_their_alerts_follow(aws: Aws, found: AwsFindingParts) -> None:
    intake.taken_in(sqs([event(asff("a"))]), found.findings, found.rejects)
    (key,) = found.findings.named("a")
    quiet = Change(Status.SUPPRESSED, reason="quiet", until=NOW)
    found.findings.change({key: 0}, quiet, "ann", MONDAY)
    assert alerts.told(found, NOW - 1) == {"sent": 0, "unmuted": 0}
    assert alerts.told(found, NOW) == {"sent": 0, "unmuted": 1}
    assert alerts.told(found, NOW) == {"sent": 1, "unmuted": 0}


def test_handlers_open_the_parts_of_their_settings(
    aws: Aws, found: AwsFindingParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = aws.settings
    topic = aws.clients.of("sns").create_topic(Name=f"{aws.begin}-alerts")["TopicArn"]
    for name in ("form", "aws_region", "aws_endpoint", "aws_name", "lake_bucket"):
        monkeypatch.setenv(f"STREAMGAUGE_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("STREAMGAUGE_ALERT_TOPIC", topic)
    parts.of_findings.cache_clear()
    context = Context(900)
    assert intake.handler(sqs([event(asff("a"))]), context) == {"batchItemFailures": []}
    assert alerts.handler({}, context) == {"sent": 1, "unmuted": 0}
    assert archive.handler({}, context)["archived"] == 0
    assert sync.handler({"continue": True}, context)["pages"] == 0
    parts.of_findings.cache_clear()
    assert ids(found) == ["a"]
