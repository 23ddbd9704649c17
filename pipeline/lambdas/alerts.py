"""λ of a schedule, every minute: alerts of findings to SNS, and suppressions that were to end by now."""

from __future__ import annotations

from typing import Any

from data_access import moments
from data_access.backends import AwsFindingParts
from pipeline.findings.alerting import send_alerts
from pipeline.lambdas import parts


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Send, and end."""
    return told(parts.of_findings(), moments.now())


def told(found: AwsFindingParts, now: int) -> dict[str, int]:
    """How many alerts were sent and suppressions ended; an alert that this makes due waits for the next."""
    sent = send_alerts(found.findings, found.alerts) if found.alerts else 0
    return {"sent": sent, "unmuted": found.findings.unmute(now)}
