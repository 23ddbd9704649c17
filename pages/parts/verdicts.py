"""A reconciliation summed up: minutes and hours with their worst verdict, and where the difference lies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_access.reconciliation import Line, Report, Verdict

WORDS = {
    Verdict.AGREES: "agrees",
    Verdict.EXPLAINED: "explained",
    Verdict.SETTLING: "settling",
    Verdict.UNEXPLAINED: "unexplained",
}
"""Every verdict in words, the best first."""
MEANINGS = {
    Verdict.AGREES: "as many events live as in the lake",
    Verdict.EXPLAINED: "they differ, and every event of the difference has a known cause",
    Verdict.SETTLING: "not all of the minute has reached the lake or the live counts",
    Verdict.UNEXPLAINED: "they differ and nobody knows why",
}
_ORDER = list(WORDS)


def worst(lines: Iterable[Line]) -> Verdict:
    """The worst verdict of one line or more."""
    return max((line.verdict for line in lines), key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute (naive UTC) over all its sites and types: events live and in the lake, and its verdict."""

    at: datetime
    live: int
    final: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour from ``at`` on (naive UTC) with those of its minutes in which something happened."""

    at: datetime
    minutes: tuple[Minute, ...]

    @property
    def live(self) -> int:
        """Events counted live."""
        return sum(minute.live for minute in self.minutes)

    @property
    def final(self) -> int:
        """Events in the lake."""
        return sum(minute.final for minute in self.minutes)

    def count(self, verdict: Verdict) -> int:
        """Its minutes with a verdict."""
        return sum(minute.verdict is verdict for minute in self.minutes)


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of all lines: live − sent again − moved in + moved out − unreadable − on the way − unexplained
    is final. ``on_the_way`` are events of settling lines that are not in the lake yet."""

    live: int
    duplicates: int
    moved_in: int
    moved_out: int
    unreadable: int
    on_the_way: int
    unexplained: int
    final: int


def minutes(report: Report) -> tuple[Minute, ...]:
    """The minutes in which something happened, oldest first."""
    found: dict[datetime, list[Line]] = {}
    for line in report.lines:
        found.setdefault(line.minute, []).append(line)
    return tuple(
        Minute(at, sum(line.live for line in lines), sum(line.final for line in lines), worst(lines))
        for at, lines in sorted(found.items())
    )


def hours(report: Report) -> tuple[Hour, ...]:
    """Every hour of the report, the newest first."""
    count = int((report.at - report.since) // timedelta(hours=1)) + 1
    grouped: list[list[Minute]] = [[] for _ in range(count)]
    for minute in minutes(report):
        place = int((minute.at - report.since) // timedelta(hours=1))
        if place < count:  # what lies ahead of the clock is in no hour of the report
            grouped[place].append(minute)
    return tuple(
        Hour(report.since + timedelta(hours=place), tuple(grouped[place])) for place in reversed(range(count))
    )


def totals(lines: Sequence[Line]) -> Totals:
    """Some lines summed up."""
    settling = [line for line in lines if line.verdict is Verdict.SETTLING]
    return Totals(
        sum(line.live for line in lines),
        sum(line.duplicates for line in lines),
        sum(line.moved_in for line in lines),
        sum(line.moved_out for line in lines),
        sum(line.unreadable for line in lines),
        sum(line.unexplained for line in settling),
        sum(line.unexplained for line in lines if line.verdict is Verdict.UNEXPLAINED),
        sum(line.final for line in lines),
    )
