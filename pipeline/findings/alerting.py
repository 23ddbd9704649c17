"""Telling people of bad findings that opened: from the store's outbox, once for every opening."""

from __future__ import annotations

import logging

from data_access.findings import Alert, Severity
from data_access.ports import AlertError, Alerts, FindingsStore

log = logging.getLogger(__name__)

MESSAGE, MESSAGES = 50, 10
"""Most alerts of a message, and most messages of a look: a first import does not flood anybody."""
WAITING = 10_000
"""Alerts that are put in order, worst first; of more, the oldest."""
_RANK = {severity: place for place, severity in enumerate(Severity)}


def send_alerts(store: FindingsStore, alerts: Alerts) -> int:
    """Send what waits, worst first; how many were. What cannot be sent waits for the next look.

    Whoever dies between sending and noting it sends that one message again: each alert is sent at least once.
    """
    waiting = sorted(store.alerts(WAITING), key=_worst_first)
    sent = 0
    for start in range(0, min(len(waiting), MESSAGE * MESSAGES), MESSAGE):
        message = waiting[start : start + MESSAGE]
        try:
            alerts.publish(message, len(waiting) - start - len(message))
        except AlertError as error:
            store.alerted(message, str(error))
            log.warning("%d alerts wait: %s", len(waiting) - sent, error)
            break
        store.alerted(message, None)
        sent += len(message)
    return sent


def _worst_first(alert: Alert) -> tuple[int, int, str]:
    return _RANK[alert.severity], alert.at, alert.key
