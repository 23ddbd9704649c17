"""Alerts from the outbox to a file, a webhook and mail: each once, again after a crash, none lost."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_access.embedded.alerts import (
    FileAlerts,
    MailAlerts,
    SeveralAlerts,
    WebhookAlerts,
    message_name,
    open_alerts,
)
from data_access.findings import Alert, Change, Severity, Status
from data_access.ports import AlertError, Alerts, FindingsStore
from data_access.settings import SettingsError, load
from pipeline.findings import alerting
from pipeline.findings.alerting import MESSAGES, send_alerts
from pipeline.local import alert_schedule, findings_schedule
from tests.builders import embedded
from tests.contract.alert_receivers import MailServer, Webhook, webhook
from tests.findings import DAY, MONDAY, SCAN, finding, passed

MESSAGE = 12
"""Alerts of a message: fewer than there may be."""
NASTY = "Sub\r\nBcc: eve@example.com\r\n\r\n<script>\x00\x1b[2J\u2028ünï"
ALERT = Alert(finding().key, 1, Severity.HIGH, NASTY, "1", "eu-west-1", "arn:\nx", MONDAY)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as found:
        yield found


@pytest.fixture
def mail_server() -> Iterator[Callable[..., MailServer]]:
    servers: list[MailServer] = []

    def make(**answers: str) -> MailServer:
        servers.append(MailServer(**answers))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Around:
    """A sink that fails: before it hands over, or after it did."""

    def __init__(
        self, inner: Alerts, *, before: Exception | None = None, after: Exception | None = None
    ) -> None:
        self.inner, self.before, self.after = inner, before, after

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        if self.before:
            raise self.before
        self.inner.publish(alerts, more)
        if self.after:
            raise self.after


def test_every_opening_is_told_once(store: FindingsStore, tmp_path: Path) -> None:
    sink = FileAlerts(tmp_path / "alerts.jsonl")
    store.store(SCAN, [finding(), finding("low", severity=Severity.LOW), passed("ok")])
    assert (send_alerts(store, sink), send_alerts(store, sink)) == (1, 0)
    store.store(SCAN, [passed(updated=MONDAY + 1), finding(updated=MONDAY + 2)])
    assert (send_alerts(store, sink), send_alerts(store, sink)) == (1, 0)
    told = [alert for line in lines(tmp_path / "alerts.jsonl") for alert in line["alerts"]]
    assert [(alert["finding"], alert["epoch"]) for alert in told] == [(finding().key, 1), (finding().key, 2)]
    assert told[0]["opened"] == "2026-03-09T00:00:00Z"
    assert (tmp_path / "alerts.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_crash_before_it_is_noted_tells_again(store: FindingsStore, hook: Webhook) -> None:
    sink = WebhookAlerts(hook.url)
    store.store(SCAN, [finding(), finding("b")])
    with pytest.raises(RuntimeError, match="power cut"):
        send_alerts(store, Around(sink, after=RuntimeError("power cut")))
    assert send_alerts(store, sink) == 2
    (_, first, body), (_, second, again) = hook.requests
    assert body == again
    assert first["Idempotency-Key"] == second["Idempotency-Key"] == json.loads(body)["message"]


def test_a_crash_before_it_is_sent_loses_nothing(store: FindingsStore, hook: Webhook) -> None:
    store.store(SCAN, [finding()])
    with pytest.raises(RuntimeError, match="power cut"):
        send_alerts(store, Around(WebhookAlerts(hook.url), before=RuntimeError("power cut")))
    assert send_alerts(store, WebhookAlerts(hook.url)) == 1
    assert len(hook.requests) == 1


def test_messages_are_few_and_worst_first(
    store: FindingsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "MESSAGE", MESSAGE)
    count = MESSAGE * MESSAGES + 7
    store.store(SCAN, [finding(f"high-{number}") for number in range(count)])
    store.store(SCAN, [finding("worst", MONDAY + DAY, severity=Severity.CRITICAL)])
    sink = FileAlerts(tmp_path / "alerts.jsonl")
    assert send_alerts(store, sink) == MESSAGE * MESSAGES
    said = lines(tmp_path / "alerts.jsonl")
    assert [len(line["alerts"]) for line in said] == [MESSAGE] * MESSAGES
    assert [line["more"] for line in said] == [count + 1 - MESSAGE * n for n in range(1, MESSAGES + 1)]
    assert said[0]["alerts"][0]["severity"] == "CRITICAL"
    assert send_alerts(store, sink) == 8
    ids = [alert["id"] for line in lines(tmp_path / "alerts.jsonl") for alert in line["alerts"]]
    assert len(set(ids)) == len(ids) == count + 1


@pytest.mark.parametrize("status", [500, 404, 301, 302, 303, 307, 308])
def test_what_a_webhook_does_not_take_waits(
    store: FindingsStore, hook: Webhook, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    store.store(SCAN, [finding()])
    hook.status = status
    secret = WebhookAlerts(f"{hook.url}/services/T0P?token=s3cret")
    assert send_alerts(store, secret) == 0
    (waiting,) = store.alerts(9)
    assert waiting.attempts == 1
    assert f"the webhook at 127.0.0.1 answers HTTP {status}" in caplog.text
    assert "s3cret" not in caplog.text
    assert "T0P" not in caplog.text
    assert len(hook.requests) == 1, "a redirect is not followed"
    whole = store.whole(finding().key)
    assert whole is not None
    assert whole.alerts[0].error == f"the webhook at 127.0.0.1 answers HTTP {status}"
    hook.status = 204
    assert send_alerts(store, secret) == 1
    assert hook.requests[-1][0] == "/services/T0P?token=s3cret"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    "sink",
    [
        lambda port: WebhookAlerts(f"http://127.0.0.1:{port}/T0P?token=s3cret"),
        lambda port: MailAlerts(f"127.0.0.1:{port}", "a@b.example", ("c@d.example",)),
    ],
)
def test_what_nobody_answers_waits(store: FindingsStore, sink: Callable[[int], Alerts]) -> None:
    store.store(SCAN, [finding()])
    alerts = sink(closed_port())
    for attempts in (1, 2):
        assert send_alerts(store, alerts) == 0
        assert [alert.attempts for alert in store.alerts(9)] == [attempts]
    with pytest.raises(AlertError, match="Connection refused") as error:
        alerts.publish([ALERT], 0)
    assert "T0P" not in str(error.value)


def test_a_webhook_gets_json_whatever_a_title_holds(hook: Webhook) -> None:
    WebhookAlerts(hook.url).publish([replace(ALERT, title=NASTY + "\ud800")], 3)
    ((_, headers, body),) = hook.requests
    said = json.loads(body)
    assert headers["Content-Type"] == "application/json"
    assert (said["more"], said["alerts"][0]["title"]) == (3, NASTY + "\ud800")
    assert b"\n" not in body


def test_messages_of_the_same_alerts_have_the_same_name() -> None:
    other = replace(ALERT, epoch=2)
    assert message_name([ALERT, other]) == message_name([other, replace(ALERT, attempts=3, title="x")])
    assert message_name([ALERT]) != message_name([other])


def test_a_mail_is_plain_text_and_its_headers_are_ours(mail_server: Callable[..., MailServer]) -> None:
    server = mail_server()
    sink = MailAlerts(server.address, "from@b.example", ("one@d.example", "two@d.example"))
    sink.publish([ALERT], 0)
    sink.publish([ALERT, replace(ALERT, epoch=2, severity=Severity.CRITICAL)], 1234)
    mails = [email.message_from_string(text, policy=email.policy.default) for text in server.mails]
    assert [mail["To"] for mail in mails] == ["one@d.example, two@d.example"] * 2
    assert mails[0]["Subject"] == "[HIGH] Sub Bcc: eve@example.com <script> [2J ünï"
    assert mails[1]["Subject"] == "2 findings opened: 1 CRITICAL, 1 HIGH; 1,234 more to come"
    for mail in mails:
        assert mail["Bcc"] is None
        assert [part.get_content_type() for part in mail.walk()] == ["text/plain"]
        text = mail.get_content().replace("\r\n", "\n")
        assert "HIGH  Sub Bcc: eve@example.com <script> [2J ünï\n" in text
        assert "resource arn: x, account 1, region eu-west-1" in text
        assert not {"\x00", "\x1b", "\u2028"} & set(text)
    assert "1,234 more in the next messages" in mails[1].get_content()
    recipients = [line for line in server.commands if line.upper().startswith("RCPT")]
    assert len(recipients) == 4
    assert not any("eve" in line for line in recipients)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"DATA": "554 no"}, "answers 554"),
        ({"MAIL": "451 later"}, "answers 451"),
        ({"RCPT": "550 nobody"}, "refuses every recipient"),
    ],
)
def test_what_a_mail_server_does_not_take_waits(
    store: FindingsStore,
    mail_server: Callable[..., MailServer],
    caplog: pytest.LogCaptureFixture,
    answers: dict[str, str],
    says: str,
) -> None:
    server = mail_server(**answers)
    store.store(SCAN, [finding()])
    assert send_alerts(store, MailAlerts(server.address, "a@b.example", ("c@d.example",))) == 0
    assert says in caplog.text
    assert [alert.attempts for alert in store.alerts(9)] == [1]
    assert server.mails == []


def test_encryption_that_is_offered_is_used_or_nothing_is_sent(
    mail_server: Callable[..., MailServer],
) -> None:
    server = mail_server(EHLO="250-test\r\n250 STARTTLS", STARTTLS="454 not now")
    with pytest.raises(AlertError):
        MailAlerts(server.address, "a@b.example", ("c@d.example",)).publish([ALERT], 0)
    assert "STARTTLS" in server.commands
    assert server.mails == []


def test_of_several_sinks_one_that_fails_does_not_make_the_others_repeat(
    store: FindingsStore, hook: Webhook, tmp_path: Path
) -> None:
    path = tmp_path / "alerts.jsonl"
    both = SeveralAlerts([FileAlerts(path), WebhookAlerts(hook.url)])
    store.store(SCAN, [finding()])
    hook.status = 500
    assert (send_alerts(store, both), send_alerts(store, both)) == (0, 0)
    store.store(SCAN, [finding("b")])
    hook.status = 200
    assert send_alerts(store, both) == 2
    assert [len(line["alerts"]) for line in lines(path)] == [1, 1]
    assert len(hook.requests) == 3


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"message":"cut o')
    FileAlerts(path).publish([ALERT], 0)
    FileAlerts(path).publish([ALERT], 0)
    first, *others = path.read_text().splitlines()
    assert first == '{"message":"cut o'
    assert [json.loads(line)["alerts"][0]["title"] for line in others] == [NASTY, NASTY]


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(AlertError, match="the alert file: Is a directory"):
        FileAlerts(tmp_path).publish([ALERT], 0)


def test_without_a_sink_alerts_wait(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    assert backends.alerts is None
    backends.findings.store(SCAN, [finding()])
    assert alert_schedule(backends).run_due() == []
    assert len(backends.findings.alerts(9)) == 1


def test_the_schedules_send_alerts_and_end_suppressions(tmp_path: Path) -> None:
    backends = embedded(tmp_path / "data", alert_file=str(tmp_path / "alerts.jsonl"))
    backends.findings.store(SCAN, [finding()])
    mute = Change(Status.SUPPRESSED, reason="quiet", until=MONDAY + DAY)
    backends.findings.change({finding().key: 0}, mute, "ann", MONDAY)
    assert alert_schedule(backends).run_due() == ["alerts"]
    assert not (tmp_path / "alerts.jsonl").exists()
    assert findings_schedule(backends).run_due() == ["unmute"]
    assert alert_schedule(backends).run_due() == ["alerts"]
    assert len(lines(tmp_path / "alerts.jsonl")) == 1


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ALERT_WEBHOOK": "file:///etc/s3cret"}, "ALERT_WEBHOOK is no URL"),
        ({"ALERT_WEBHOOK": "https://"}, "ALERT_WEBHOOK is no URL"),
        ({"ALERT_WEBHOOK": "https://a/s3cret\nx"}, "ALERT_WEBHOOK is no URL"),
        ({"ALERT_MAIL_TO": "a@b.example"}, "ALERT_SMTP is needed"),
        ({"ALERT_MAIL_TO": "a@b.example", "ALERT_SMTP": "host"}, "ALERT_SMTP is needed"),
        ({"ALERT_MAIL_TO": "a@b.example", "ALERT_SMTP": "host:25"}, "'' is no address"),
        (
            {"ALERT_MAIL_TO": "a@b\nBcc: x@y", "ALERT_SMTP": "host:25", "ALERT_MAIL_FROM": "f@b"},
            "is no address",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(values: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as error:
        load({}, {f"STREAMGAUGE_{name}": value for name, value in values.items()})
    assert "s3cret" not in str(error.value)


def test_settings_name_the_sinks(
    tmp_path: Path, hook: Webhook, mail_server: Callable[..., MailServer]
) -> None:
    server = mail_server()
    alerts = open_alerts(
        load(
            {
                "alert_file": str(tmp_path / "alerts.jsonl"),
                "alert_webhook": hook.url,
                "alert_mail_to": "one@d.example, two@d.example",
                "alert_mail_from": "from@b.example",
                "alert_smtp": server.address,
            },
            {},
        )
    )
    assert alerts is not None
    alerts.publish([ALERT], 0)
    assert (len(lines(tmp_path / "alerts.jsonl")), len(hook.requests), len(server.mails)) == (1, 1, 1)


def test_a_mail_that_was_taken_is_sent_however_the_server_says_goodbye(
    mail_server: Callable[..., MailServer],
) -> None:
    server = mail_server(QUIT="421 too late")
    MailAlerts(server.address, "a@b.example", ("c@d.example",)).publish([ALERT], 0)
    assert len(server.mails) == 1


def test_a_recipient_that_is_refused_is_told_of(
    mail_server: Callable[..., MailServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server = mail_server()
    server.answer_once("RCPT", "550 nobody")
    MailAlerts(server.address, "a@b.example", ("one@d.example", "two@d.example")).publish([ALERT], 0)
    assert "refuses 1 of 2 recipients" in caplog.text
    assert len(server.mails) == 1
