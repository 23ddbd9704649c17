"""The lines of a reconciliation as a table, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import html

from data_access.model import UsageError
from data_access.reconciliation import Line, Verdict
from pages.parts import minute_strip, numbers
from pages.parts.icons import icon
from pages.parts.tips import tip
from pages.parts.verdicts import WORDS

Component = Any

MOST = 500
SHOWN = [("differences", "Differences"), ("unexplained", "Unexplained"), ("all", "All")]
COLUMNS = (
    ("Live", "Events counted as they came in."),
    ("Lake", "Events in the lake, each once, in the minute they happened in."),
    ("Sent again", "Events that had been there already: counted live again, in the lake once."),
    ("Moved in", "Events of another minute, counted live here as they came too late or too early."),
    ("Moved out", "Events of this minute, counted live in another as they came too late or too early."),
    ("Unreadable", "Events that were accepted, but that no event could be made of."),
    ("Unexplained", "What is left: live, less all of these, less the lake. It must be 0 once settled."),
)
SHAPES = {
    Verdict.AGREES: "check",
    Verdict.EXPLAINED: "check",
    Verdict.SETTLING: "clock",
    Verdict.UNEXPLAINED: "alert",
}


def hour_of(text: str) -> datetime | None:
    """The hour the URL names; None without one. Raises UsageError."""
    if not text:
        return None
    try:
        return datetime.strptime(text, minute_strip.FORMAT)  # noqa: DTZ007 - naive UTC
    except ValueError:
        raise UsageError(f"hour={text!r}; it takes an hour in UTC such as 2026-03-09T12") from None


def chosen(lines: Sequence[Line], shown: str, hour: datetime | None) -> list[Line]:
    """The lines to show, newest first."""
    within = [line for line in lines if hour is None or hour <= line.minute < hour + timedelta(hours=1)]
    kept = [line for line in within if _is_shown(line, shown)]
    return sorted(kept, key=lambda line: line.minute, reverse=True)


def _is_shown(line: Line, shown: str) -> bool:
    match shown:
        case "all":
            return True
        case "unexplained":
            return line.verdict is Verdict.UNEXPLAINED
    return line.verdict in {Verdict.EXPLAINED, Verdict.UNEXPLAINED}


def table(lines: Sequence[Line], zone: str) -> Component:
    """At most MOST lines, in a box that scrolls."""
    heads = [html.Th(head, scope="col") for head in ("Minute", "Site", "Type")]
    heads += [
        html.Th(tip(head, about, "sg-ranked-metric", f"{head}: {about}"), scope="col")
        for head, about in COLUMNS
    ]
    heads.append(html.Th("Verdict", scope="col"))
    rows = [_row(line, zone) for line in lines[:MOST]]
    made = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(rows)],
        className="sg-lines",
        **{"aria-label": "Lines of the reconciliation"},
    )
    return html.Div(
        made,
        className="sg-lines-box",
        tabIndex="0",
        role="region",
        **{"aria-label": "Lines of the reconciliation"},
    )


def count(lines: Sequence[Line]) -> str:
    """How many lines there are, and what to do where not all are shown."""
    if len(lines) > MOST:
        return f"The newest {MOST} of {numbers.whole(len(lines))} lines. Choose an hour to see its others."
    return "1 line." if len(lines) == 1 else f"{numbers.whole(len(lines))} lines."


def _row(line: Line, zone: str) -> Component:
    here = numbers.local(line.minute, zone)
    causes = (line.duplicates, line.moved_in, line.moved_out, line.unreadable)
    settling = line.verdict is Verdict.SETTLING
    return html.Tr(
        [
            html.Th(f"{here:%a %H:%M}", scope="row"),
            html.Td(line.site),
            html.Td(line.event_type),
            *(html.Td(numbers.whole(number)) for number in (line.live, line.final)),
            *(_cell(numbers.whole(number)) for number in causes),
            html.Td() if settling else _cell(numbers.signed(line.unexplained)),
            html.Td(
                [icon(SHAPES[line.verdict]), WORDS[line.verdict].capitalize()],
                className=f"sg-judged sg-judged-{line.verdict}",
            ),
        ]
    )


def _cell(text: str) -> Component:
    return html.Td(text, className="sg-dim") if text == "0" else html.Td(text)
