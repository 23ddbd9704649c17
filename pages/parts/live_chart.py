"""Events of the last minutes by type, as areas on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from data_access.realtime import Window
from pages.parts import figures, numbers
from pages.parts.figures import Figure

Component = Any

TYPES = {
    "page_view": ("Page views", "#4f6bed"),
    "click": ("Clicks", "#12a594"),
    "form_submit": ("Forms sent", "#9c5fe0"),
    "api_call": ("API calls", "#b08800"),
    "custom": ("Custom events", "#868e9c"),
    "error": ("Errors", "#d6336c"),
}
"""Every event type in the order of its area, with its words and its colour, which never change."""
TICKS = 5
"""Minutes between two labels of the time axis."""
_FEW = 5
"""Up to this many events in a minute the axis counts by one."""


def figure(window: Window, zone: str) -> Figure:
    """A window's events by minute and type. Types that did not occur are not drawn."""
    times = [numbers.clock(minute, zone) for minute, _ in window.timeline]
    times[-1] += ", so far"
    traces = [_area(kind, times, [counts.get(kind, 0) for _, counts in window.timeline]) for kind in TYPES]
    most = max(sum(counts.values()) for _, counts in window.timeline)
    ticks = _ticks([minute for minute, _ in window.timeline], zone, times)
    x = figures.axis(
        type="category",
        showgrid=False,
        range=[0, len(times) - 1],
        spikethickness=1,
        tickmode="array",
        **ticks,
    )
    y = figures.axis(
        rangemode="tozero", **({"dtick": 1} if most <= _FEW else {"nticks": 5, "tickformat": "~s"})
    )
    shown = figures.layout(
        xaxis=x, yaxis=y, hovermode="x unified", shapes=[_unfinished(len(times))], uirevision="live"
    )
    return {"data": [trace for trace in traces if any(trace["y"])], "layout": shown}


def _area(kind: str, times: list[str], counts: list[int]) -> Figure:
    words, colour = TYPES[kind]
    return {
        "type": "scatter",
        "mode": "lines",
        "uid": kind,
        "x": times,
        "y": counts,
        "stackgroup": "types",
        "line": {"width": 0, "color": colour},
        "fillcolor": colour,
        "hovertemplate": f"%{{y:,}} {words.lower().replace('api', 'API')}<extra></extra>",
    }


def _ticks(minutes: Sequence[datetime], zone: str, times: Sequence[str]) -> Figure:
    """A label every few minutes of the local clock."""
    shown = [
        (times[index], numbers.clock(minute, zone))
        for index, minute in enumerate(minutes)
        if minute.minute % TICKS == 0
    ]
    return {"tickvals": [place for place, _ in shown], "ticktext": [label for _, label in shown]}


def _unfinished(count: int) -> Figure:
    """Shade over the running minute, which has only begun."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": count - 2,
        "x1": count - 1,
        "y0": 0,
        "y1": 1,
        "fillcolor": "rgba(134,142,156,0.22)",
        "line": {"width": 0},
    }


def legend() -> Component:
    """The colours of the types, and what the shade means."""
    keys = [
        html.Span(words, className="sg-key sg-live-key", style={"--sg-key": colour})
        for words, colour in TYPES.values()
    ]
    shade = html.Span("The minute that is not over", className="sg-key sg-live-key sg-live-key-shade")
    return html.Div([*keys, shade], className="sg-legend")
