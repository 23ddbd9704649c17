"""Figures as plain dictionaries. They carry no theme: ``assets/css/charts.css`` colours them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from dash import dcc, html

Figure = dict[str, Any]
Component = Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
CLEAR = "rgba(0,0,0,0)"
MAIN = "#4f6bed"
QUIET = "#868e9c"
SERIES = (MAIN, "#12a594", "#e8590c", "#9c5fe0", "#d6409f", "#2b8a3e", "#b08800", "#0b7fab", "#c92a2a", QUIET)
"""Line and bar colours with enough contrast on both backgrounds."""

CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False}


def graph(graph_id: str, figure: Figure, label: str, height: int) -> Component:
    """A chart; ``label`` says in words what it shows, for people who cannot see it."""
    chart = dcc.Graph(
        id=graph_id, figure=figure, config=CONFIG, style={"height": height}, className="sg-graph"
    )
    return html.Div(chart, role="img", **{"aria-label": label})


def layout(**more: Any) -> Figure:
    """The layout every figure starts from."""
    return {
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT, "size": 12},
        "margin": {"l": 0, "r": 8, "t": 8, "b": 0},
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
        "dragmode": False,
        "autosize": True,
    } | more


def axis(**more: Any) -> Figure:
    """An axis with fine grid lines and no frame."""
    return {
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
        "ticklen": 4,
        "tickcolor": CLEAR,
    } | more


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, those of the period before, their unit and decimals, and whether the last grows.

    ``values`` ends early when later intervals are still to come.
    """

    times: Sequence[datetime]
    values: Sequence[float | None]
    before: Sequence[float | None]
    suffix: str = ""
    partial: bool = False
    digits: int = 0

    @property
    def hours(self) -> bool:
        """Whether the intervals are shorter than a day."""
        return len(self.times) > 1 and self.times[1] - self.times[0] < timedelta(days=1)


def line(series: Series) -> Figure:
    """A series over time, with the period before it and an unfinished last interval as dotted lines."""
    suffix = series.suffix
    value = f"%{{y:,.{series.digits}f}}{suffix}"
    dates = {"type": "date", "hoverformat": _when(series.hours), "range": _range(series.times)}
    x = axis(showgrid=False, nticks=8, spikethickness=1, **dates)
    y = axis(rangemode="tozero", ticksuffix=suffix, nticks=5, tickformat="" if suffix == "\u202f%" else "~s")
    stamps = [time.isoformat() for time in series.times]
    before = _trace(stamps, list(series.before), f"Before: {value}<extra></extra>", QUIET, "dot")
    known = stamps[: len(series.values)]
    data = [before, *_now(known, list(series.values), value, series.partial and len(known) > 2)]
    return {"data": data, "layout": layout(xaxis=x, yaxis=y, hovermode="x unified")}


def _now(stamps: list[str], values: list[float | None], value: str, partial: bool) -> list[Figure]:
    end = len(stamps) - 1 if partial else len(stamps)
    main = _trace(stamps[:end], values[:end], f"<b>{value}</b><extra></extra>", MAIN)
    main |= {"fill": "tozeroy", "fillcolor": "rgba(79,107,237,0.10)"}
    if not partial:
        return [main]
    last = _trace(stamps[-1:], values[-1:], f"<b>{value}</b> so far<extra></extra>", MAIN)
    return [main, _trace(stamps[-2:], values[-2:], "", MAIN, "dot") | {"hoverinfo": "skip"}, last]


def _when(hours: bool) -> str:
    return "%a %e %b %H:%M" if hours else "%a %e %b %Y"


def _trace(x: list[str], y: list[float | None], hover: str, color: str, dash: str = "solid") -> Figure:
    style = {"color": color, "width": 2 if color == MAIN else 1.5, "dash": dash}
    mode = "lines+markers" if len(x) == 1 else "lines"
    return {"type": "scatter", "mode": mode, "x": x, "y": y, "hovertemplate": hover, "line": style}


def _range(times: Sequence[datetime]) -> list[str] | None:
    if len(times) < 2:
        return [(times[0] + timedelta(days=day)).isoformat() for day in (-1, 1)] if times else None
    return [times[0].isoformat(), times[-1].isoformat()]


def sparkline(values: Sequence[float | None], label: str) -> Component:
    """A tiny line of one series, as an image of a few hundred bytes."""
    shown = [value or 0 for value in values]
    points = _points(shown, width=120, height=28)
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 120 32' preserveAspectRatio='none'>"
        f"<polygon points='0,32 {points} 120,32' fill='{MAIN}' fill-opacity='.12'/>"
        f"<polyline points='{points}' fill='none' stroke='{MAIN}' stroke-width='1.6' "
        "vector-effect='non-scaling-stroke' stroke-linejoin='round'/></svg>"
    )
    return html.Img(src="data:image/svg+xml," + quote(svg), alt=label, className="sg-spark")


def _points(values: Sequence[float], width: int, height: int) -> str:
    top = max([*values, 0]) or 1
    step = width / max(len(values) - 1, 1)
    points = [(index * step, 2 + height * (1 - value / top)) for index, value in enumerate(values)]
    if len(points) == 1:
        points.append((float(width), points[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def columns(
    times: Sequence[datetime], values: Sequence[float], before: Sequence[float | None] = ()
) -> Figure:
    """Small columns over time, those of the period before as a dotted line."""
    hours = Series(times, values, ()).hours
    stamps = [time.isoformat() for time in times]
    trace = {
        "type": "bar",
        "x": stamps,
        "y": list(values),
        "marker": {"color": MAIN, "cornerradius": 2},
        "hovertemplate": "<b>%{y:,.0f}</b> events<br>%{x|" + _when(hours) + "}<extra></extra>",
    }
    x = axis(type="date", showgrid=False, nticks=8)
    y = axis(nticks=3, tickformat="~s", rangemode="tozero")
    earlier = _trace(stamps, list(before), "Before: %{y:,.0f} events<extra></extra>", QUIET, "dot")
    data = [trace, earlier] if any(value is not None for value in before) else [trace]
    return {"data": data, "layout": layout(xaxis=x, yaxis=y, bargap=0.25, hovermode="closest")}
