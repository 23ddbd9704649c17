"""λ of a schedule, some minutes after every curation: the live counts against the lake.

A difference that nothing explains is an error line each and fails the run, which an alarm watches.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from data_access.backends import Backends
from data_access.model import Scope
from data_access.reconciliation import differences
from pipeline.lambdas import parts

MOST_LINES = 100
"""Differences that are written out."""


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Compare."""
    return compared(parts.of_app())


def compared(found: Backends) -> dict[str, int]:
    """Lines by verdict. Raises RuntimeError when there are differences that nothing explains."""
    report = found.reconciled(Scope("reconciliation"))
    for text in differences(report)[:MOST_LINES]:
        parts.logger.error(text)
    told = dict(Counter(str(line.verdict) for line in report.lines))
    parts.logger.info("compared live counts and lake", extra=told)
    if report.unexplained:
        raise RuntimeError(f"{len(report.unexplained)} differences of live counts and lake are unexplained")
    return told
