"""The live panel, drawn once for everybody who looks at the same: of one snapshot only what has changed.

A panel is made of named parts. Each has a mark, a hash of its content, by which a browser says what it has.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any

from plotly.utils import PlotlyJSONEncoder

from data_access.realtime import MINUTES, Sites, Snapshot, minute_of
from pages.parts import address, live_chart, live_health, live_lists, live_numbers, states
from pages.parts.cards import download, link
from pages.parts.figures import Figure
from pages.parts.plain import plain

Component = Any

FIGURE = "figure"
_HEALTH = frozenset({"state", "behind", "waiting", "refused", "positions"})
"""Parts that are not of the counts."""
_MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks at: which sites (None is all) in which zone, and whether the state of the whole
    log may be told."""

    sites: Sites
    zone: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawn panel: components by part, the chart, and the mark of each, the chart's under FIGURE."""

    snapshot: Snapshot = field(repr=False)
    parts: Mapping[str, Component]
    figure: Figure
    marks: Mapping[str, str]


class Panels:
    """The panels of the latest snapshots. Whoever asks while one is drawn waits for that one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Asked, Panel] = OrderedDict()

    def get(self, snapshot: Snapshot, asked: Asked) -> Panel:
        """The panel of a snapshot."""
        with self._lock:
            kept = self._kept.pop(asked, None)
            if kept is None or kept.snapshot is not snapshot:
                kept = draw(snapshot, asked, kept)
            self._kept[asked] = kept
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return kept


def draw(snapshot: Snapshot, asked: Asked, before: Panel | None = None) -> Panel:
    """Draw a snapshot; the counts of the panel before are taken over if they are the same."""
    health, health_marks = _made(_health(snapshot, asked))
    if before is not None and _same_counts(before.snapshot, snapshot):
        parts, marks = (
            {name: one for name, one in old.items() if name not in _HEALTH}
            for old in (before.parts, before.marks)
        )
        return Panel(snapshot, parts | health, before.figure, marks | health_marks)
    found, figure = _counts(snapshot, asked)
    counts, marks = _made(found)
    return Panel(snapshot, counts | health, figure, marks | health_marks | {FIGURE: mark(figure)})


def _made(parts: Mapping[str, Component]) -> tuple[dict[str, Component], dict[str, str]]:
    """Parts as they are sent, and their marks."""
    made = {name: plain(part) for name, part in parts.items()}
    return made, {name: mark(part) for name, part in made.items()}


def mark(content: Any) -> str:
    """A short hash of what a part or chart looks like."""
    text = _ENCODER.encode(content)
    return sha256(text.encode()).hexdigest()[:8]


_ENCODER = PlotlyJSONEncoder(separators=(",", ":"))


def _same_counts(one: Snapshot, other: Snapshot) -> bool:
    return minute_of(one.taken_at) == minute_of(other.taken_at) and one.items == other.items


def _counts(snapshot: Snapshot, asked: Asked) -> tuple[dict[str, Component], Figure]:
    """What is counted, by part, and the chart."""
    short, long = (snapshot.window(minutes, asked.sites) for minutes in (live_numbers.SHORT, MINUTES))
    by_minute = snapshot.by_minute(asked.sites)
    parts: dict[str, Component] = {"empty": None if long.events else _empty(long.minutes)}
    for figure in live_numbers.FIGURES:
        parts[figure.name] = live_numbers.values(figure, short, long)
        parts[f"{figure.name}-course"] = live_numbers.course(figure, by_minute)
    for one in live_lists.LISTS:
        parts[one.name] = live_lists.draw(one, short, long)
    parts["csv"] = _csv(asked.sites)
    return parts, live_chart.figure(long, asked.zone)


def _csv(sites: Sites) -> Component:
    href = address.write("/csv/realtime", {"site": address.join(sorted(sites or ()))})
    return download("CSV", "download", href, f"The last {MINUTES} minutes, a row a minute (UTC), as CSV")


def _empty(minutes: int) -> Component:
    text = "As soon as one is taken in it shows here, without loading the page again."
    actions = link("Connect your site", "/connect")
    return states.state("inbox", f"No events in the last {minutes} minutes", text, actions)


def _health(snapshot: Snapshot, asked: Asked) -> dict[str, Component]:
    """How far the counts are, by part; the log as a whole only where it may be told, and places in it only
    where it is one sequence."""
    parts = {"state": live_health.state(snapshot), "behind": live_health.behind(snapshot, asked.zone)}
    if asked.whole:
        parts["refused"] = live_health.refused(snapshot)
    if asked.whole and snapshot.offsets:
        parts["waiting"] = live_health.waiting(snapshot)
        parts["positions"] = live_health.positions(snapshot)
    return parts
