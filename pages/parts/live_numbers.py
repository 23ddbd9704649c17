"""The four live figures: in the last 5 minutes, in the last 30, and minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from data_access.realtime import MINUTES, Window
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
    may_be_estimated: bool = False


_SEEN = f"with an event in the running minute and the {SHORT - 1} or {MINUTES - 1} before it"
_ESTIMATE = "With ≈ it is an estimate, within 5 % nearly always: there were too many to keep one by one."
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
        "sessions",
        "Active sessions",
        f"Sessions {_SEEN}. {_ESTIMATE}",
        lambda window: window.sessions,
        numbers.whole,
        may_be_estimated=True,
    ),
    Figure(
        "visitors",
        "Active visitors",
        f"Visitors {_SEEN}. A visitor is a signed-in person, else a browser or device. {_ESTIMATE}",
        lambda window: window.visitors,
        numbers.whole,
        may_be_estimated=True,
    ),
)


def values(figure: Figure, short: Window, long: Window) -> Component:
    """A figure in both windows."""
    pairs = [("sg-live-now", short), ("sg-live-then", long)]
    return [
        html.Div(
            [
                html.Div(_text(figure, window), className="sg-kpi-value"),
                html.Div(f"{window.minutes}\u202fmin", className="sg-live-span"),
            ],
            className=name,
        )
        for name, window in pairs
    ]


def _text(figure: Figure, window: Window) -> str:
    about = "≈\u202f" if figure.may_be_estimated and not window.exact else ""
    return about + figure.text(figure.of(window))


def course(figure: Figure, minutes: Sequence[Mapping[str, Any]]) -> Component:
    """A figure by minute, without the minute that is not over: it would always seem to fall."""
    values = [_of_minute(figure.name, row) for row in minutes[:-1]]
    return figures.sparkline(values, f"{figure.label} by minute, the last {len(values)} minutes")


def _of_minute(name: str, row: Mapping[str, Any]) -> float:
    if name == "errors":
        return 100 * row["error"] / row["events"] if row["events"] else 0
    return float(row[name])
