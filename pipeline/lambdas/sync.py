"""λ of a schedule: the findings of Security Hub that were updated since the last sync, into the store.

One that has no time left stops after a page, and the next goes on there. A schedule whose input is
``{"continue": true}`` only goes on with what stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from data_access import moments
from data_access.backends import AwsFindingParts
from pipeline.findings.sync import SyncTakenError, sync
from pipeline.lambdas import parts

MARGIN_SECONDS = 60
"""Left over for a page: asked for, stored, and noted, with what is tried again."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sync, or go on with it."""
    return synced(event, parts.of_findings(), moments.now(), parts.has_time(context, MARGIN_SECONDS))


def synced(
    event: dict[str, Any], found: AwsFindingParts, now: int, go_on: Callable[[], bool]
) -> dict[str, Any]:
    """What the sync came to; empty when another one goes on meanwhile. Raises SourceError."""
    begin = not event.get("continue")
    try:
        done = sync(found.source, found.findings, found.rejects, found.documents, now, go_on, begin=begin)
    except SyncTakenError as error:
        parts.logger.warning("%s; this one ends", error)
        return {}
    told = asdict(done)
    parts.logger.info("the sync of findings stopped" if done.stopped else "the sync of findings", extra=told)
    return told
