"""Findings of Security Hub: what its events and its pages hold goes one way into the store.

Events come within seconds but may be lost on the way; a sync asks for all that was updated since the last.
All that comes in on a day (UTC) is one scan, so that a finding that an event and several syncs bring is one
sighting.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from data_access import moments
from data_access.archived import Objects
from data_access.findings import Scan
from data_access.ports import FindingsStore
from pipeline.findings.files import read_findings_bytes
from pipeline.findings.intake import Intake, take_in

BY = "Security Hub"


class UnreadableError(ValueError):
    """Nothing of what came could be read; the message has the reasons and no more."""


def scan_of(at: int) -> Scan:
    """The scan of the day (UTC) of a time in UTC µs."""
    begin = at - at % moments.DAY
    name = f"Security Hub {moments.utc(begin):%Y-%m-%d}"
    return Scan(sha256(name.encode()).hexdigest(), name, begin, BY)


def take_event(store: FindingsStore, rejects: Objects, body: bytes, at: int) -> Intake:
    """Take in an event or message that came ``at`` (UTC µs); what is refused is kept with its reason and with
    all of the message.

    Raises UnreadableError when all of it is refused.
    """
    intake = take_page(store, rejects, body, at)
    if intake.reasons and not intake.read:
        raise UnreadableError(", ".join(f"{count} {reason}" for reason, count in intake.reasons.items()))
    return intake


def take_page(store: FindingsStore, rejects: Objects, body: bytes, at: int) -> Intake:
    """As ``take_event``, of what may all be refused."""
    intake = take_in(store, scan_of(at), read_findings_bytes(body))
    if intake.reasons:
        name = f"findings/{scan_of(at).name[-10:]}/{sha256(body).hexdigest()}"
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in intake.refused)
        rejects.put_if_absent(f"{name}.json", body)
        rejects.put_if_absent(f"{name}.findings.jsonl", lines)
    return intake
