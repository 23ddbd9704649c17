"""Where alerts go: a file of JSON lines, a webhook, e-mail, or several of them."""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import urllib.request
from collections.abc import Sequence
from contextlib import closing, suppress
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from data_access import lists
from data_access.alert_messages import document, message_name, name_of, subject, text
from data_access.findings import Alert
from data_access.ports import AlertError, Alerts
from data_access.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 10
"""How long a receiver may take to answer."""


def open_alerts(settings: Settings) -> Alerts | None:
    """What the settings name, None without any: then alerts wait in the store."""
    sinks = sinks_of(settings)
    return SeveralAlerts(sinks) if sinks else None


def sinks_of(settings: Settings) -> list[Alerts]:
    """The receivers that need no cloud."""
    sinks: list[Alerts] = []
    if settings.alert_file:
        sinks.append(FileAlerts(Path(settings.alert_file)))
    if settings.alert_webhook:
        sinks.append(WebhookAlerts(settings.alert_webhook))
    if settings.alert_mail_to:
        to = lists.values(settings.alert_mail_to)
        sinks.append(MailAlerts(settings.alert_smtp, settings.alert_mail_from, to))
    return sinks


class FileAlerts:
    """Appends each message to a file as a line of JSON, durable when it is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Raises AlertError when the line cannot be written."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with open(descriptor, "ab+") as file:
                file.write(b"\n" * _is_torn(file) + document(alerts, more) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AlertError(f"the alert file: {error.strerror or type(error).__name__}") from None


def _is_torn(file: IO[bytes]) -> bool:
    """Whether the last line was cut off: a writer died in it."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the request into one without a body, or lead elsewhere: it is an error."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


class WebhookAlerts:
    """Posts each message as JSON; any 2xx takes it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(_NoRedirects).open
        self._where = f"the webhook at {urlsplit(url).hostname}"  # path and query may hold secrets

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Raises AlertError when it is refused or not answered."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message_name(alerts),
            "User-Agent": "Streamgauge",
        }
        request = urllib.request.Request(  # noqa: S310 - settings take http and https only
            self._url, document(alerts, more), headers, method="POST"
        )
        try:
            self._open(request, timeout=SECONDS).close()
        except HTTPError as error:
            error.close()
            raise AlertError(f"{self._where} answers HTTP {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise AlertError(f"{self._where} cannot be reached: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """Why, without what libraries quote of the request."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, ssl.SSLError):
        return inner.reason or "TLS failed"
    if isinstance(inner, TimeoutError):
        return f"no answer within {SECONDS} seconds"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return type(inner).__name__


class MailAlerts:
    """Sends each message as a plain text mail, encrypted when the server offers it."""

    def __init__(self, server: str, sender: str, to: Sequence[str]) -> None:
        host, _, port = server.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._sender, self._to = sender, tuple(to)

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Raises AlertError when the server does not take it for anybody."""
        where = f"the mail server {self._host}:{self._port}"
        try:
            with closing(smtplib.SMTP(self._host, self._port, timeout=SECONDS)) as smtp:
                smtp.ehlo()
                if smtp.has_extn("starttls"):
                    smtp.starttls(context=ssl.create_default_context())
                    smtp.ehlo()
                refused = smtp.send_message(self._mail(alerts, more))
                with suppress(smtplib.SMTPException, OSError):  # it has the mail, however it says goodbye
                    smtp.quit()
        except smtplib.SMTPResponseException as error:
            raise AlertError(f"{where} answers {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise AlertError(f"{where} refuses every recipient") from None
        except (OSError, ValueError) as error:
            raise AlertError(f"{where}: {_reason(error)}") from None
        if refused:
            log.warning("%s refuses %d of %d recipients of alerts", where, len(refused), len(self._to))

    def _mail(self, alerts: Sequence[Alert], more: int) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._to)
        mail["Subject"] = subject(alerts, more)
        mail["Message-ID"] = f"<{message_name(alerts)}@streamgauge.invalid>"
        mail.set_content(text(alerts, more))
        return mail


class SeveralAlerts:
    """Every sink gets every alert. It is taken when all have it; while one fails, those that have it are
    not told again, as long as this process lives."""

    def __init__(self, sinks: Sequence[Alerts]) -> None:
        self._sinks = [(sink, set[str]()) for sink in sinks]

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Raises AlertError that says which sinks failed."""
        errors = []
        for sink, took in self._sinks:
            due = [alert for alert in alerts if name_of(alert) not in took]
            try:
                if due:
                    sink.publish(due, more)
                took.update(map(name_of, due))
            except AlertError as error:
                errors.append(str(error))
        if errors:
            raise AlertError("; ".join(errors))
        for _, took in self._sinks:
            took.difference_update(map(name_of, alerts))
