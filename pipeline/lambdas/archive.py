"""λ of a daily schedule: findings that were closed long ago, out of the table into the archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from data_access import moments
from data_access.backends import AwsFindingParts
from pipeline.findings.archive import MOST_LEFT, archive_closed
from pipeline.lambdas import parts

DAYS = 90
MARGIN_SECONDS = 60
"""Left over to archive a finding, and to count what is left."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Archive."""
    return archived(parts.of_findings(), moments.now(), parts.has_time(context, MARGIN_SECONDS))


def archived(found: AwsFindingParts, now: int, go_on: Callable[[], bool]) -> dict[str, Any]:
    """What archiving came to. Raises RuntimeError when objects of the archive are broken."""
    done = archive_closed(
        found.findings,
        found.archive,
        now - DAYS * moments.DAY,
        sending=found.alerts is not None,
        go_on=go_on,
    )
    told = asdict(done)
    parts.logger.info("archived findings", extra=told)
    if done.left:
        more = " or more" if done.left == MOST_LEFT else ""
        parts.logger.warning("no time left: %d%s findings wait for the next run", done.left, more)
    if done.broken:
        raise RuntimeError(f"objects of the archive are broken: {', '.join(done.broken[:10])}")
    return told
