"""Findings beside the business on one time axis: sessions, conversion, errors, and findings opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dash import html

from data_access.finding_columns import SEVERITIES
from pages.parts import cards, figures, numbers
from pages.parts.finding_desk import Desk
from pages.parts.finding_words import SEVERITY, severity_keys

Component = Any

_GAP = 0.06
_LINES = (
    ("Sessions", "sessions", "%{y:,} sessions", figures.MAIN),
    ("Conversion, %", "conversion", "%{y:.1f}\u202f% conversion", "#12a594"),
    ("Errors", "errors", "%{y:,} errors", "#9c5fe0"),
)


def draw(desk: Desk) -> Component:
    """Four charts over the same days, read together at one day."""
    days = desk.days.days
    period = {"from": days[0].isoformat(), "to": days[-1].isoformat(), "interval": "day", "compare": "none"}
    view = desk.view
    answer = view.ask("events.over_time", **period)
    errors = view.ask("events.over_time", **period, event_type="error")
    series = {
        "sessions": _by_day(desk, answer.rows, "sessions"),
        "conversion": _by_day(desk, [row for row in answer.rows if row["sessions"]], "conversion"),
        "errors": _by_day(desk, errors.rows, "events"),
    }
    opened = desk.index.flow(desk.select(desk.every), desk.days.edges).opened
    figure = _figure([day.isoformat() for day in days], series, opened)
    label = (
        f"Sessions, conversion, errors and findings opened by day, {numbers.days(days[0], days[-1])}: "
        f"{numbers.whole(int(opened.sum()))} findings opened"
    )
    chart = [_legend(desk), figures.graph("findings-business-graph", figure, label, 420)]
    return cards.shown(chart, answer.stamp, view.csv("events.over_time", **period))


def _by_day(desk: Desk, rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """A figure of each whole day there is data of; None before the first, and of the day that is not over."""
    first = desk.view.extent["first_ts"]
    values = {row["time"].date(): row[name] for row in rows}
    begun = numbers.local(first, desk.zone).date() if first else date.max
    edges = desk.days.edges[1:]
    return [
        values.get(day) if day >= begun and end <= desk.now else None
        for day, end in zip(desk.days.days, edges, strict=True)
    ]


def _legend(desk: Desk) -> Component:
    words = "Findings by the day they opened:"
    note = html.Span(
        f"Days in {desk.zone}; today's business is shown when it is over", className="sg-key-note"
    )
    return html.Div([html.Span(words), *severity_keys(), note], className="sg-legend")


def _figure(stamps: list[str], series: dict[str, list[Any]], opened: Any) -> figures.Figure:
    """Four charts, one above the other; the lowest carries the dates of all."""
    height = (1 - 3 * _GAP) / 4
    traces, axes, titles = [], {}, []
    for place, (title, name, hover, colour) in enumerate(_LINES):
        top = 1 - place * (height + _GAP)
        traces.append(_line(stamps, series[name], hover, colour, place + 2))
        axes[f"yaxis{place + 2}"] = _axis(top - height, top)
        titles.append(_title(title, top))
    traces += _bars(stamps, opened)
    titles.append(_title("Findings opened", height))
    x = figures.axis(
        type="date", showgrid=True, nticks=8, anchor="y", hoverformat="%a %e %b %Y", showspikes=True
    )
    x |= {"spikemode": "across", "spikethickness": 1, "spikedash": "solid", "range": _range(stamps)}
    layout = figures.layout(
        xaxis=x,
        yaxis=_axis(0, height) | {"rangemode": "tozero"},
        **axes,
        annotations=titles,
        margin={"l": 0, "r": 8, "t": 20, "b": 0},
        barmode="stack",
        hovermode="x unified",
        hoversubplots="axis",
    )
    return {"data": traces, "layout": layout}


def _bars(stamps: list[str], opened: Any) -> list[figures.Figure]:
    """Findings by the day they opened, the worst on top."""
    return [
        {
            "type": "bar",
            "x": stamps,
            "y": opened[:, place].tolist(),
            "marker": {"color": SEVERITY[one][1]},
            "hovertemplate": f"%{{y:,}} {SEVERITY[one][0].lower()} opened<extra></extra>",
        }
        for place, one in reversed(list(enumerate(SEVERITIES)))
        if opened[:, place].any()
    ]


def _range(stamps: list[str]) -> list[str]:
    return [f"{stamps[0]}T00:00", f"{stamps[-1]}T12:00"] if len(stamps) > 1 else []


def _line(stamps: list[str], values: list[Any], hover: str, colour: str, number: int) -> figures.Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": stamps,
        "y": values,
        "yaxis": f"y{number}",
        "line": {"color": colour, "width": 2},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _axis(low: float, high: float) -> figures.Figure:
    return figures.axis(domain=[max(low, 0), high], rangemode="tozero", nticks=3, tickformat="~s")


def _title(text: str, top: float) -> figures.Figure:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": {"size": 12}} | place
