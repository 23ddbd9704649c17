"""The figures at the head of the Findings page, open findings by severity, and their age."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html

from data_access import moments
from data_access.finding_columns import FOREVER, SEVERITIES, Rows
from data_access.finding_index import Ages, Wanted
from data_access.findings import Severity
from pages.parts import address, cards, figures, numbers, states
from pages.parts.finding_desk import WEEK, Desk
from pages.parts.finding_words import SEVERITY, age, severity
from pages.parts.icons import icon
from pages.parts.links import stay
from pages.parts.tips import tip

Component = Any

_AROUND: dict[str, str | None] = {"state": None, "severity": None, "opened": None, "overdue": None}
"""What figures leave out of the filters, so that a figure's link shows what it counts."""
_TILES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
_TOTAL = (
    "Findings that are a problem now, neither muted nor resolved, among those that are filtered for; "
    "whatever their severity."
)


def draw_figures(desk: Desk) -> Component:
    """A tile for all open findings, three severities, new ones and those over their target; each filters."""
    if not len(desk.select(Wanted("all"))):
        return _none()
    once = desk.select(desk.once)
    before, now = desk.index.trend(once, [desk.now - WEEK, FOREVER]).tolist()
    tiles = [_tile(desk, "Open", _TOTAL, sum(now), sum(before), {"severity": None})]
    for one in _TILES:
        place, word = SEVERITIES.index(one), SEVERITY[one][0]
        help_text = f"Open {word.lower()} findings; below, the change in 7 days, by the severities of today."
        tiles.append(_tile(desk, word, help_text, now[place], before[place], {"severity": str(one)}))
    return html.Div([*tiles, _new(desk, once), _overdue(desk)], className="sg-kpis")


def _none() -> Component:
    return html.Div(
        states.state(
            "inbox",
            "No findings yet",
            [
                "Bring some in with ",
                html.Code("python -m app import --as findings PATH"),
                ": Security Hub (ASFF), OCSF or Prowler files.",
            ],
        ),
        className="sg-card",
    )


def _tile(
    desk: Desk, label: str, help_text: str, count: int, before: int | None, change: dict[str, str | None]
) -> Component:
    ((name, value),) = change.items()
    chosen = bool(value) and desk.view.own(name) == value
    link = desk.link(**_AROUND | {name: None if chosen else value})
    title = f"Show all: take the filter {label} away" if chosen else f"Show only: {label}"
    return html.Div(
        [
            html.Div(
                [
                    stay(label, link, "sg-kpi-label", title=title if value else "Show every severity"),
                    cards.info(help_text, label),
                ],
                className="sg-kpi-head",
            ),
            html.Div(numbers.whole(count), className="sg-kpi-value"),
            None if before is None else _since(count, before),
        ],
        className="sg-kpi sg-kpi-current" if chosen else "sg-kpi",
    )


def _since(count: int, before: int) -> Component:
    by = count - before
    if not by:
        return html.Div("±0 in 7 days", className="sg-change")
    way, word, news = ("up", "Up", "bad") if by > 0 else ("down", "Down", "good")
    parts = [icon(f"arrow-{way}"), html.Span(word, className="sg-hidden"), f" {numbers.signed(by)}"]
    return html.Div([html.Span(parts, className=f"sg-change-{news}"), " in 7 days"], className="sg-change")


def _new(desk: Desk, once: Rows) -> Component:
    edges = [desk.now - 2 * WEEK, desk.now - WEEK, FOREVER]
    before, opened = desk.index.flow(once, edges).opened.sum(axis=1).tolist()
    now = len(desk.select(replace(desk.around, opened_from=desk.now - WEEK)))
    text = (
        "Findings that opened in the last 7 days and are still open; below, how many opened in all in these "
        "days, and in the 7 days before."
    )
    tile = _tile(desk, "New this week", text, now, None, {"opened": "week"})
    note = html.Div(f"{numbers.whole(opened)} opened, {numbers.whole(before)} before", className="sg-change")
    return html.Div([*tile.children, note], className=tile.className)


def _overdue(desk: Desk) -> Component:
    found = desk.index.ages(desk.select(desk.around), desk.now, desk.targets)
    late, total = sum(one.overdue for one in found), sum(one.open for one in found)
    targets = ", ".join(f"{SEVERITY[one][0].lower()} {age(desk.targets[one])}" for one in SEVERITIES)
    text = f"Open for longer than the target of their severity: {targets}."
    tile = _tile(desk, "Overdue", text, late, None, {"overdue": "yes"})
    note = f"{numbers.percent(100 * late / total)} of open" if total else "nothing is open"
    return html.Div([*tile.children, html.Div(note, className="sg-change")], className=tile.className)


def draw_severity(desk: Desk) -> Component:
    """Open findings by severity: a ring, and its numbers as links."""
    rows = desk.select(desk.around)
    counts = desk.index.trend(rows, [FOREVER])[0].tolist()
    if not sum(counts):
        return nothing_open(desk)
    words = ", ".join(f"{SEVERITY[one][0]} {count}" for one, count in zip(SEVERITIES, counts, strict=True))
    ring = figures.graph("findings-ring", _ring(counts), f"Open findings by severity: {words}", 190)
    return html.Div([ring, _shares(desk, counts)], className="sg-ring")


def nothing_open(desk: Desk) -> Component:
    """What a card of open findings shows where there are none."""
    clear = cards.link("Clear filters", desk.view.path) if desk.view.raw else None
    return states.state("check", "Nothing is open", "No open findings match these filters.", clear)


def _ring(counts: list[int]) -> figures.Figure:
    trace = {
        "type": "pie",
        "labels": [SEVERITY[one][0] for one in SEVERITIES],
        "values": counts,
        "hole": 0.68,
        "sort": False,
        "direction": "clockwise",
        "textinfo": "none",
        "marker": {"colors": [SEVERITY[one][1] for one in SEVERITIES]},
        "hovertemplate": "%{label}: <b>%{value:,}</b> (%{percent})<extra></extra>",
    }
    total = {
        "text": f"<b>{numbers.compact(sum(counts))}</b><br>open",
        "showarrow": False,
        "font": {"size": 17},
        "x": 0.5,
        "y": 0.5,
    }
    layout = figures.layout(annotations=[total], margin={"l": 4, "r": 4, "t": 4, "b": 4})
    return {"data": [trace], "layout": layout}


def _shares(desk: Desk, counts: list[int]) -> Component:
    total = sum(counts)
    chosen = address.split(desk.view.own("severity"))
    items = []
    for one, count in zip(SEVERITIES, counts, strict=True):
        is_chosen = chosen == [one]
        link = desk.link(**_AROUND | {"severity": None if is_chosen else str(one)})
        text = "remove this filter" if is_chosen else "show only these"
        name = stay(severity(one), link, "sg-ring-name", title=f"{SEVERITY[one][0]}: {text}")
        parts = [html.Span(numbers.whole(count)), html.Span(numbers.percent(100 * count / total))]
        items.append(html.Li([name, *parts], className="sg-current" if is_chosen else None))
    return html.Ul(items, className="sg-ring-list")


def draw_ages(desk: Desk) -> Component:
    """How old open findings are by severity, against their targets."""
    found = desk.index.ages(desk.select(desk.around), desk.now, desk.targets)
    if not any(one.open for one in found):
        return nothing_open(desk)
    heads = ["Severity", "Target", "Open", "Within target", "Overdue", "Median age", "Oldest"]
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody([_aged(desk, one) for one in found]),
        ],
        className="sg-facts",
        **{"aria-label": "Age of open findings against targets"},
    )
    note = html.P(
        [
            "Age counts from the last opening. ",
            tip(
                "Targets are a setting",
                "STREAMGAUGE_FINDING_TARGETS, for example CRITICAL=7d,HIGH=30d",
                "sg-tip-word",
            ),
            ".",
        ],
        className="sg-ranked-more",
    )
    scrolled = {"role": "region", "aria-label": "Ages by severity", "tabIndex": "0"}
    return [html.Div(table, className="sg-facts-box", **scrolled), note]


def _aged(desk: Desk, ages: Ages) -> Component:
    one = ages.severity
    within = (
        numbers.percent(100 * (ages.open - ages.overdue) / ages.open, 0) if ages.open else numbers.NO_VALUE
    )
    late = numbers.whole(ages.overdue)
    if ages.overdue:
        link = desk.link(**_AROUND | {"severity": str(one), "overdue": "yes"})
        late = stay(late, link, "sg-link sg-late", title=f"Show overdue findings: {SEVERITY[one][0]}")
    cells = [
        f"{desk.targets[one] / moments.DAY:,.0f}\u202fd",
        numbers.whole(ages.open),
        within,
        late,
        numbers.NO_VALUE if ages.median is None else age(ages.median),
        numbers.NO_VALUE if ages.oldest is None else age(ages.oldest),
    ]
    return html.Tr([html.Th(severity(one), scope="row"), *map(html.Td, cells)])
