"""Do the live counts and the lake agree? Minute by minute and type by type, with every difference explained.

For events that came through the log: live − final = duplicates + moved in − moved out + unreadable. What is
left is unexplained, and must never be.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from data_access.asking import Asking
from data_access.live import Places
from data_access.model import Answer, Scope, Version
from data_access.moments import of_seconds
from data_access.ports import Counters, Following, Intake, Lake
from data_access.realtime import minute_of, moment_of

HOURS = 24
_TRIES = 5
_PARTS = ("final", "duplicates", "moved_in", "moved_out")


class Verdict(StrEnum):
    """What is to be said of a minute."""

    SETTLING = "settling"
    AGREES = "agrees"
    EXPLAINED = "explained"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Line:
    """One site, minute (naive UTC) and event type: events counted live, events in the lake, and why they
    differ.

    ``duplicates`` were sent again; ``moved_in`` have another minute as their own, but came too late or too
    early to be counted there; ``moved_out`` the other way round; ``unreadable`` are dead letters.
    """

    site: str
    minute: datetime
    event_type: str
    live: int
    final: int
    duplicates: int
    moved_in: int
    moved_out: int
    unreadable: int
    settled: bool

    @property
    def unexplained(self) -> int:
        """Events by which live exceeds what the lake and the causes make; negative where it falls short."""
        causes = self.duplicates + self.moved_in - self.moved_out + self.unreadable
        return self.live - self.final - causes

    @property
    def verdict(self) -> Verdict:
        """What is to be said of it."""
        if not self.settled:
            return Verdict.SETTLING
        if self.unexplained:
            return Verdict.UNEXPLAINED
        return Verdict.AGREES if self.live == self.final else Verdict.EXPLAINED


@dataclass(frozen=True, slots=True)
class Report:
    """A reconciliation: its lines by minute, site and type, the minute it begins with, and how far the live
    counts and the curated lake were, where the log is one sequence."""

    at: datetime
    since: datetime
    lines: tuple[Line, ...]
    places: Places | None

    @property
    def unexplained(self) -> tuple[Line, ...]:
        """The lines that must not be."""
        return tuple(line for line in self.lines if line.verdict is Verdict.UNEXPLAINED)


def reconcile(
    following: Following,
    intake: Intake,
    counters: Counters,
    lake: Lake,
    asking: Asking,
    scope: Scope,
    hours: int = HOURS,
    clock: Callable[[], float] = time.time,
) -> Report:
    """Hold the live counts of the last ``hours`` full hours and the running one against the lake.

    A minute is settled when all that counts in it is in the curated lake, and all of the lake is counted.
    Raises QueryError, or RuntimeError when the lake changes faster than it can be read.
    """
    now = of_seconds(clock())
    since = moment_of((minute_of(now) // 60 - hours) * 60)
    answer, version = _of_the_lake(lake, asking, scope, since)
    settlement = following.settlement(version)
    items = [
        item for item in counters.items(minute_of(since)) if scope.sites is None or item[0] in scope.sites
    ]
    live: Counter[tuple[str, int, str]] = Counter()
    open_items = set()
    for item in counters.minutes(items):
        live.update({(item.site, item.minute, kind): n for kind, n in item.counts.items()})
        if not settlement.holds(item):
            open_items.add((item.site, item.minute))
    parts = {(row["site"], minute_of(row["minute"]), row["event_type"]): row for row in answer.rows}
    dead = intake.unreadable(minute_of(since))
    lines = (
        _line(
            key,
            live[key],
            parts.get(key),
            dead.get(key, 0),
            settlement.is_counted and key[:2] not in open_items,
        )
        for key in {key for key, n in live.items() if n} | parts.keys()
    )
    ordered = sorted(lines, key=lambda line: (line.minute, line.site, line.event_type))
    return Report(now, since, tuple(ordered), settlement.places)


def differences(report: Report) -> list[str]:
    """What nothing explains, a sentence a line of the report."""
    return [
        f"reconciliation: {line.site} {line.minute.isoformat(timespec='minutes')} {line.event_type}:"
        f" {line.live} live, {line.final} in the lake, {line.unexplained:+d} unexplained"
        for line in report.unexplained
    ]


def _of_the_lake(lake: Lake, asking: Asking, scope: Scope, since: datetime) -> tuple[Answer, Version]:
    """What the lake holds, and in which version."""
    for _ in range(_TRIES):
        version = lake.snapshot()
        asked = {"since": since.isoformat(timespec="minutes")}
        answer = asking.ask("reconciliation.minutes", asked, scope)
        if answer.stamp.data_version == version.key:
            return answer, version
    raise RuntimeError("the lake changed while it was read; try again in a moment")


def _line(key: tuple[str, int, str], live: int, row: dict[str, Any] | None, dead: int, settled: bool) -> Line:
    site, minute, event_type = key
    parts = {name: int(row[name]) if row else 0 for name in _PARTS}
    return Line(site, moment_of(minute), event_type, live, **parts, unreadable=dead, settled=settled)
