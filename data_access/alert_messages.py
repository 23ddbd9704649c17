"""What is said of findings that opened, whoever carries it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from data_access import moments
from data_access.findings import Alert

_MOST_WORDS = 300
"""Characters of a text in a message for people."""


def name_of(alert: Alert) -> str:
    """What names the alert of an opening, by which a receiver knows it again."""
    return f"{alert.key}/{alert.epoch}/{alert.at}"


def message_name(alerts: Sequence[Alert]) -> str:
    """What names a message: of the same alerts always the same."""
    return sha256("\n".join(sorted(map(name_of, alerts))).encode()).hexdigest()


def document(alerts: Sequence[Alert], more: int) -> bytes:
    """A message as JSON on one line. Texts are as their provider sent them."""
    value = {"message": message_name(alerts), "more": more, "alerts": list(map(_item, alerts))}
    return json.dumps(value, separators=(",", ":")).encode()


def _item(alert: Alert) -> dict[str, Any]:
    return {
        "id": name_of(alert),
        "finding": alert.key,
        "epoch": alert.epoch,
        "severity": str(alert.severity),
        "title": alert.title,
        "account": alert.account,
        "region": alert.region,
        "resource_id": alert.resource_id,
        "opened": _time(alert.at),
    }


def _time(at: int) -> str:
    return moments.utc(at).isoformat(timespec="seconds") + "Z"


def subject(alerts: Sequence[Alert], more: int) -> str:
    """A message in a line."""
    if len(alerts) == 1 and not more:
        return f"[{alerts[0].severity}] {_words(alerts[0].title)[:120]}"
    counts = {value: sum(one.severity == value for one in alerts) for value in ("CRITICAL", "HIGH")}
    listed = ", ".join(f"{count} {value}" for value, count in counts.items() if count)
    rest = f"; {more:,} more to come" if more else ""
    return f"{len(alerts)} findings opened: {listed or 'since made less severe'}{rest}"


def text(alerts: Sequence[Alert], more: int) -> str:
    """A message for people, worst first."""
    parts = [
        f"{one.severity}  {_words(one.title)}\n"
        f"  resource {_words(one.resource_id)}, account {_words(one.account)}, region {_words(one.region)}\n"
        f"  open since {_time(one.at)}, finding {one.key}\n"
        for one in alerts
    ]
    return "\n".join([*parts, f"{more:,} more in the next messages.\n"] if more else parts)


def _words(raw: str) -> str:
    """A text on one line: what cannot be printed is a space, what is too long is cut."""
    shown = "".join(one if one.isprintable() else " " for one in raw[:_MOST_WORDS])
    return " ".join(shown.split()) or "(none)"
