"""Reconciliation: do the live counts and the lake agree, minute by minute, and if not, why?"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from dash import ClientsideFunction, Input, Output, html

from data_access.backends import Backends
from data_access.model import Scope
from data_access.ports import CurateResult, QueryError
from data_access.reconciliation import HOURS, Line, Report
from data_access.roles import OPERATE, VIEW
from pages.parts import (
    address,
    cards,
    controls,
    live_sites,
    minute_strip,
    numbers,
    states,
    verdict_lines,
    verdict_words,
)
from pages.parts.access import allow, may
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any
Draw = Callable[[View, Report], Component]

PATH = "/reconciliation"
NAME = "Reconciliation"
ICON = "reconciliation"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

RECOUNT = "Recount"
ABOUT = (
    "Whether everything that was counted live is in the lake, once. Only events that came through the log."
)
SHARED_SECONDS = 3.0
"""How long a report is good for the next card or person that asks for the same."""

LOG = logging.getLogger(__name__)


def layout(view: View) -> Component:
    """What is to be said, the hours, and the lines."""
    return html.Div(
        [
            live_sites.head(view, NAME, ABOUT),
            html.Div([_verdict(), _hours(), _lines(view)], className="sg-stack sg-reconciliation"),
        ]
    )


def _verdict() -> Component:
    return cards.card(
        "reconciliation-verdict",
        "Live counts and lake",
        "Every event is counted as it comes in, and again from the lake, where repeated events are left out "
        "and late ones are put where they belong. Both must come to the same.",
        controls=html.Div([_recounted(), *_buttons()], className="sg-tools"),
        height=170,
    )


def _buttons() -> list[Component]:
    again = html.Button(
        "Compare again",
        id="reconciliation-again",
        className="sg-button",
        type="button",
    )
    if not may(OPERATE):
        return [again]
    recount = html.Button(
        RECOUNT,
        id="recount",
        className="sg-button",
        type="button",
        title="Bring the lake up to date, then compare",
    )
    return [again, recount]


def _recounted() -> Component:
    return html.Span(id="recounted", role="status", className="sg-recounted")


def _hours() -> Component:
    return cards.card(
        "reconciliation-hours",
        f"The last {HOURS} hours",
        "A cell a minute, by its worst verdict over sites and types. Choose an hour to see its lines.",
        height=520,
    )


def _lines(view: View) -> Component:
    shown = controls.choice(
        "show", "Which lines", verdict_lines.SHOWN, view.own("show", "differences"), "differences"
    )
    return cards.card(
        "reconciliation-lines",
        "Lines",
        "A line a minute, site and type of event, with the causes of its difference in events.",
        controls=shown,
        height=96,
    )


class Reports:
    """Reports shared for a moment: the cards of a page, and people who look together, see the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._kept: dict[tuple[str, str], tuple[float, Report]] = {}

    def get(self, view: View) -> Report:
        """The report of the sites a view is about. Raises QueryError."""
        with self._lock:
            key, now = (_scope(view).key, view.backends.lake.snapshot().key), self._clock()
            self._kept = {of: made for of, made in self._kept.items() if 0 <= now - made[0] < SHARED_SECONDS}
            if key not in self._kept:
                self._kept[key] = now, report(view)
            return self._kept[key][1]


def report(view: View) -> Report:
    """A report of the sites a view is about, made anew. Raises QueryError."""
    try:
        return view.backends.reconciled(_scope(view))
    except RuntimeError as error:
        raise QueryError(str(error)) from error


def _scope(view: View) -> Scope:
    return replace(view.scope, sites=live_sites.chosen(view))


def register(app: Any, backends: Backends) -> None:
    """The cards, and counting anew."""
    reports = Reports()
    for card_id, draw in (
        ("reconciliation-verdict", draw_verdict),
        ("reconciliation-hours", draw_hours),
        ("reconciliation-lines", draw_lines),
    ):
        drawn(app, backends, card_id, partial(_draw, reports, draw))
    _register_recount(app, backends)
    # Without an output: with one, the cards would wait for it, and not be drawn when it has nothing to say.
    app.clientside_callback(
        ClientsideFunction("reconciliation", "again"),
        Input("reconciliation-again", "n_clicks"),
        Input("recounted", "children"),
    )


def _draw(reports: Reports, draw: Draw, view: View) -> Component:
    return draw(view, reports.get(view))


def _register_recount(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("recounted", "children"),
        Input("recount", "n_clicks"),
        prevent_initial_call=True,
        running=[
            (Output("recount", "disabled"), True, False),
            (Output("recount", "children"), "Counting…", RECOUNT),
        ],
    )
    @allow(OPERATE)
    def recount(_clicks: int | None) -> str:
        try:
            return counted(backends.lake.curate())
        except Exception:
            LOG.exception("the recount failed")
            return "The recount did not work; it has been logged. Try again."


def counted(result: CurateResult) -> str:
    """What a recount did, in words."""
    if not result.raw_rows:
        return "Recounted: nothing new"
    events = numbers.counted(result.added, "event")
    return f"Recounted: {events} added on {numbers.counted(result.days, 'day')}"


def draw_verdict(view: View, report: Report) -> Component:
    """The verdict in a headline and a sentence, the sums, and how far both sides have come."""
    if not report.lines:
        return states.state(
            "inbox",
            f"Nothing has come through the log in the last {HOURS} hours",
            "Imported files do not count live, so there is nothing to compare.",
            cards.link("Connect your site", "/connect"),
        )
    return html.Div(
        [verdict_words.headline(report), verdict_words.equation(report), _made(view, report)],
        className="sg-card-content",
    )


def _made(view: View, report: Report) -> Component:
    zone = live_sites.zone(view)
    parts = [f"Compared at {numbers.local(report.at, zone):%H:%M:%S}, {zone}"]
    if view.scope.sites is None and report.places:
        places = report.places
        head, live, lake = (numbers.whole(place) for place in (places.head, places.live, places.lake))
        parts.append(f"live counts up to event {live} of {head} in the log, lake up to {lake}")
    return html.Div(" · ".join(parts), className="sg-card-foot")


def draw_hours(view: View, report: Report) -> Component:
    """The heat strip."""
    return minute_strip.strip(view, report, live_sites.zone(view)) if report.lines else None


def draw_lines(view: View, report: Report) -> Component:
    """The chosen lines, and of which hour they are."""
    found = chosen(view, report)
    if not report.lines:
        return None
    zone = live_sites.zone(view)
    when = _when(view, verdict_lines.hour_of(view.own("hour")), zone)
    if not found:
        return [when, html.P(_NOTHING[_shown(view)], className="sg-lines-nothing")]
    link = address.write("/csv/reconciliation", {name: view.own(name) for name in ("site", "show", "hour")})
    csv = cards.download("CSV", "download", link, "All of these lines, times in UTC, as CSV")
    foot = html.Div([html.Span(verdict_lines.count(found)), csv], className="sg-card-foot")
    return [when, verdict_lines.table(found, zone), foot]


def chosen(view: View, report: Report) -> list[Line]:
    """The lines that a view shows, newest first. Raises UsageError."""
    return verdict_lines.chosen(report.lines, _shown(view), verdict_lines.hour_of(view.own("hour")))


def _shown(view: View) -> str:
    return controls.chosen(view, "show", verdict_lines.SHOWN)


_NOTHING = {
    "differences": "No differences: every line that has settled agrees.",
    "unexplained": "Nothing is unexplained.",
    "all": "No events.",
}


def _when(view: View, hour: Any, zone: str) -> Component:
    """The chosen hour with the way back to all of them."""
    if hour is None:
        return None
    said = f"Hour from {numbers.moment(hour, zone)}"
    return html.P([said, " ", cards.link("Show all hours", view.link(hour=None))], className="sg-lines-hour")
