"""How open findings develop: by severity over time, and how long what is open may take to be done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dash import html

from data_access.finding_columns import FOREVER, SEVERITIES
from data_access.forecasts import forecast
from pages.parts import figures, numbers
from pages.parts.finding_cards import nothing_open
from pages.parts.finding_desk import Days, Desk
from pages.parts.finding_words import SEVERITY, severity_keys

Component = Any

AHEAD = 30
"""Days a forecast looks ahead."""
PACE = 28
"""Days whose pace a forecast carries on."""
MIN_DAYS = 7
"""Days with findings a forecast needs."""


def draw_trend(desk: Desk) -> Component:
    """Open findings at the end of each day, stacked by severity."""
    counts = _counts(desk, desk.days)
    if not counts.any():
        return nothing_open(desk)
    stamps = _stamps(desk)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "open",
            "name": SEVERITY[one][0],
            "x": stamps,
            "y": counts[:, place].tolist(),
            "line": {"width": 1.2, "color": SEVERITY[one][1]},
            "hovertemplate": f"{SEVERITY[one][0]} <b>%{{y:,}}</b><extra></extra>",
        }
        for place, one in reversed(list(enumerate(SEVERITIES)))
        if counts[:, place].any()
    ]
    x = figures.axis(type="date", showgrid=False, nticks=7, hoverformat="%a %e %b %Y")
    y = figures.axis(rangemode="tozero", nticks=5, tickformat="~s")
    figure = {"data": traces, "layout": figures.layout(xaxis=x, yaxis=y, hovermode="x unified")}
    first, last = counts[0].sum(), counts[-1].sum()
    label = f"Open findings by severity, {_period(desk)}: from {first:,} to {last:,}"
    return [_keys(desk), figures.graph("findings-trend-graph", figure, label, 216)]


def _counts(desk: Desk, days: Days) -> Any:
    """Open findings at the end of each day by severity; at the end of today those that are open now."""
    ends = [edge - 1 if edge <= desk.now else FOREVER for edge in days.edges[1:]]
    return desk.index.trend(desk.select(desk.every), ends)


def _stamps(desk: Desk) -> list[str]:
    return [day.isoformat() for day in desk.days.days]


def _period(desk: Desk) -> str:
    days = desk.days.days
    return numbers.days(days[0], days[-1])


def _keys(desk: Desk) -> Component:
    return html.Div(
        [*severity_keys(), html.Span(f"Days in {desk.zone}", className="sg-key-note")], className="sg-legend"
    )


def draw_burn_down(desk: Desk) -> Component:
    """All open findings day by day, and where the pace of the last weeks leads within 80 of 100 cases."""
    totals = _counts(desk, desk.days).sum(axis=1).tolist()
    if not any(totals):
        return nothing_open(desk)
    ahead = _ahead(desk)
    figure = _burn_figure(desk, totals, ahead)
    words = _outlook(desk, totals[-1], ahead)
    graph = figures.graph("findings-burn-graph", figure, f"Open findings, {_period(desk)}. {words}", 200)
    return [html.P(words, className="sg-outlook"), graph]


def _ahead(desk: Desk) -> list[tuple[float, float, float]]:
    """The forecast, from the last weeks whatever period is shown; none where that ends earlier than today,
    and with too few days since the first finding."""
    today = desk.today
    if desk.days.days[-1] < today:
        return []
    paced = _counts(desk, desk.days_of(today - timedelta(days=PACE - 1), today)).sum(axis=1).tolist()
    known = next((place for place, count in enumerate(paced) if count), len(paced))
    return forecast(paced[known:], AHEAD) if len(paced) - known >= MIN_DAYS else []


def _burn_figure(desk: Desk, totals: list[int], ahead: list[tuple[float, float, float]]) -> figures.Figure:
    stamps = _stamps(desk)
    last = desk.days.days[-1]
    later = [stamps[-1], *((last + timedelta(days=step)).isoformat() for step in range(1, len(ahead) + 1))]
    bands = [(totals[-1],) * 3, *ahead]
    clear = {"width": 0, "color": figures.MAIN}
    traces = [
        _line(stamps, totals, "%{y:,} open<extra></extra>"),
        _line(later, [band[0] for band in bands], "") | {"line": clear, "hoverinfo": "skip"},
        _line(later, [band[2] for band in bands], "")
        | {"line": clear, "fill": "tonexty", "fillcolor": "rgba(79,107,237,0.16)", "hoverinfo": "skip"},
        _line(later, [band[1] for band in bands], "about %{y:,.0f}, %{customdata}<extra></extra>", "dot")
        | {"customdata": [f"{low:,.0f} to {high:,.0f}" for low, _, high in bands]},
    ]
    x = figures.axis(type="date", showgrid=False, nticks=7, hoverformat="%a %e %b %Y")
    y = figures.axis(rangemode="tozero", nticks=5, tickformat="~s")
    layout = figures.layout(xaxis=x, yaxis=y, hovermode="x unified")
    return {"data": traces if ahead else traces[:1], "layout": layout}


def _line(x: list[str], y: list[Any], hover: str, dash: str = "solid") -> figures.Figure:
    style = {"color": figures.MAIN, "width": 2, "dash": dash}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "hovertemplate": hover, "line": style}


def _outlook(desk: Desk, count: int, ahead: list[tuple[float, float, float]]) -> str:
    last = desk.days.days[-1]
    if last < desk.today:
        return f"{numbers.counted(count, 'finding')} open on {numbers.day(last)}. A forecast needs today."
    if not ahead:
        return f"{numbers.counted(count, 'finding')} open. A forecast needs {MIN_DAYS} days with findings."
    low, mid, high = (round(value) for value in ahead[-1])
    day = numbers.day(last + timedelta(days=AHEAD))
    pace = (mid - count) / AHEAD
    way = "about level" if abs(pace) < 0.05 else f"{abs(pace):,.1f} {'more' if pace > 0 else 'fewer'} a day"
    span = f"between {numbers.whole(low)} and {numbers.whole(high)}"
    return f"{numbers.whole(count)} open, {way}: about {numbers.whole(mid)} on {day}, {span} in 4 of 5 cases."
