"""The heat strip of a reconciliation: a row an hour, a cell a minute, each by its verdict.

Cells differ in their shape, not in colour alone. An hour's name is a link that shows only its lines.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import html

from data_access.reconciliation import Report, Verdict
from pages.parts import numbers, verdicts
from pages.parts.links import stay
from pages.parts.verdicts import MEANINGS, WORDS, Hour, Minute
from pages.parts.view import View

Component = Any

PARAM = "hour"
FORMAT = "%Y-%m-%dT%H"
"""How the URL names an hour: its beginning in UTC."""
_TICKS = (0, 15, 30, 45)


def strip(view: View, report: Report, zone: str) -> Component:
    """The hours of a report, the newest first."""
    heads = [
        html.Th("Hour", scope="col"),
        html.Th(_ruler(), scope="col", className="sg-strip-cells"),
        html.Th("Events live", scope="col"),
        html.Th("In the lake", scope="col"),
        html.Th("Minutes", scope="col", className="sg-strip-said"),
    ]
    rows = [_row(view, hour, report.at, zone) for hour in verdicts.hours(report)]
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(rows)],
        className="sg-strip",
        **{"aria-label": "Verdicts by hour and minute"},
    )
    return html.Div([legend(zone), table])


def legend(zone: str) -> Component:
    """What the cells mean."""
    keys = [
        html.Span(
            [html.I(className=f"sg-strip-{verdict}"), words.capitalize()],
            className="sg-strip-key",
            title=MEANINGS[verdict],
        )
        for verdict, words in WORDS.items()
    ]
    none = html.Span([html.I(), "No events"], className="sg-strip-key")
    return html.Div([*keys, none, html.Span(f"Hours in {zone}")], className="sg-legend")


def _ruler() -> Component:
    marks = [html.Span(f":{minute:02}") for minute in _TICKS]
    return [html.Span("Minutes", className="sg-hidden"), html.Span(marks, className="sg-strip-ruler")]


def _row(view: View, hour: Hour, now: datetime, zone: str) -> Component:
    key, begins = hour.at.strftime(FORMAT), numbers.local(hour.at, zone)
    current = view.own(PARAM) == key
    name = stay(
        f"{begins:%a %H:%M}",
        view.link(**{PARAM: None if current else key}),
        "sg-strip-hour",
        title="Show all hours" if current else "Show the lines of this hour",
        **({"aria-current": "true"} if current else {}),
    )
    said = _said(hour)
    return html.Tr(
        [
            html.Th(name, scope="row"),
            html.Td(_cells(hour, now, zone, said), className="sg-strip-cells"),
            html.Td(numbers.whole(hour.live)),
            html.Td(numbers.whole(hour.final)),
            html.Td(said, className="sg-strip-said"),
        ],
        className="sg-strip-current" if current else None,
    )


def _cells(hour: Hour, now: datetime, zone: str, said: str) -> Component:
    """Sixty cells, those that are still to come left out."""
    by_minute = {minute.at.minute: minute for minute in hour.minutes}
    last = now.minute if hour.at.strftime(FORMAT) == now.strftime(FORMAT) else 59
    cells = [_cell(by_minute.get(number), zone) for number in range(max([last, *by_minute]) + 1)]
    return html.Div(cells, className="sg-strip-row", role="img", **{"aria-label": said})


def _cell(minute: Minute | None, zone: str) -> Component:
    if minute is None:
        return html.I()
    return html.I(
        className=f"sg-strip-{minute.verdict}",
        title=f"{numbers.clock(minute.at, zone)}: {numbers.whole(minute.live)} live, "
        f"{numbers.whole(minute.final)} in the lake, {WORDS[minute.verdict]}",
    )


def _said(hour: Hour) -> str:
    """The verdicts of an hour's minutes in words: 58 agree, 2 explained"""
    words = WORDS | {Verdict.AGREES: "agree"}
    found = [(hour.count(verdict), words[verdict]) for verdict in reversed(WORDS)]
    return ", ".join(f"{count} {word}" for count, word in found if count) or "no events"
