"""The four live figures: in the last 5 minutes, in the last 30, and minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from data_access.realtime import MINUTES, Sites, Snapshot, Window, minute_of
from pages.parts import figures, numbers

Component = Any

SHORT = 5
"""Minutes of the shorter window."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A live figure: its name and words, what it means, how a window has it and how it is written."""

    name: str
    label: str
    help: str
    of: Callable[[Window], float]
    text: Callable[[float | None], str]


_SEEN = f"with an event in the running minute and the {SHORT - 1} or {MINUTES - 1} before it"
FIGURES = (
    Figure(
        "events",
        "Events",
        f"Events of the running minute and the {SHORT - 1} or {MINUTES - 1} before it, bots included. "
        "An event that was sent again counts again.",
        lambda window: window.events,
        numbers.whole,
    ),
    Figure(
        "errors",
        "Error rate",
        f"Events of the type error in 100 events, in the running minute and the {SHORT - 1} ({MINUTES - 1}) "
        "before it.",
        lambda window: window.error_rate,
        numbers.percent,
    ),
    Figure(
        "sessions", "Active sessions", f"Sessions {_SEEN}.", lambda window: window.sessions, numbers.whole
    ),
    Figure(
        "visitors",
        "Active visitors",
        f"Visitors {_SEEN}. A visitor is a signed-in person, else a browser or device.",
        lambda window: window.visitors,
        numbers.whole,
    ),
)


def values(figure: Figure, short: Window, long: Window) -> Component:
    """A figure in both windows."""
    pairs = [("sg-live-now", short), ("sg-live-then", long)]
    return [
        html.Div(
            [
                html.Div(figure.text(figure.of(window)), className="sg-kpi-value"),
                html.Div(f"{window.minutes}\u202fmin", className="sg-live-span"),
            ],
            className=name,
        )
        for name, window in pairs
    ]


def course(figure: Figure, snapshot: Snapshot, window: Window, sites: Sites) -> Component:
    """A figure by minute, without the minute that is not over: it would always seem to fall."""
    values = _by_minute(figure.name, snapshot, window, sites)[:-1]
    return figures.sparkline(values, f"{figure.label} by minute, the last {len(values)} minutes")


def _by_minute(name: str, snapshot: Snapshot, window: Window, sites: Sites) -> Sequence[float]:
    counts = [by_type for _, by_type in window.timeline]
    if name == "events":
        return [sum(by_type.values()) for by_type in counts]
    if name == "errors":
        totals = [sum(by_type.values()) for by_type in counts]
        return [
            100 * by_type.get("error", 0) / total if total else 0
            for by_type, total in zip(counts, totals, strict=True)
        ]
    seen: dict[int, frozenset[int]] = {minute_of(minute): frozenset() for minute, _ in window.timeline}
    for item in snapshot.items:
        if item.minute in seen and (sites is None or item.site in sites):
            seen[item.minute] |= item.sessions if name == "sessions" else item.visitors
    return [len(members) for members in seen.values()]
