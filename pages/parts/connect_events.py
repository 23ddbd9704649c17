"""The event debugger: what came in last, valid or rejected and why; a row opens to show the event's JSON.

Rows are sent once each: ``assets/js/connect.js`` keeps those it has, so that an open one stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from dash import html

from data_access import privacy
from data_access.arrivals import LOOKED_AT, MOST, Arrival, Tail, masked
from data_access.live import Reason
from data_access.roles import PRIVACY, ROWS
from data_access.sites import ANY_ORIGIN, Site
from pages.parts import controls, numbers, states
from pages.parts.access import may
from pages.parts.connect_checks import Span, ago
from pages.parts.icons import icon
from pages.parts.live_health import REASONS
from pages.parts.plain import DATA, plain
from pages.parts.view import View

Component = Any

SHOWN = [("all", "All"), ("valid", "Valid"), ("rejected", "Rejected")]
HEADS = ("", "Received", "Event", "Page", "Session · client", "Verdict")
_SHORT = 8


def choice(view: View) -> Component:
    """Which events are shown."""
    return controls.choice("show", "Which events", SHOWN, view.own("show", "all"), "all")


def shown(view: View) -> str:
    """Which events the URL asks for. Raises UsageError."""
    return controls.chosen(view, "show", SHOWN)


def arrivals(tail: Tail, which: str) -> tuple[Arrival, ...]:
    """The events of a tail that are shown, newest first."""
    return {"all": tail.mixed, "valid": tail.accepted, "rejected": tail.refused}[which]


def seen(view: View, site: Site, found: Sequence[Arrival]) -> Sequence[Arrival]:
    """The events as whoever asks may see them: none with numbers only, and without who sent them."""
    if not may(ROWS, site.name):
        return ()
    if may(PRIVACY, site.name):
        return found
    names = privacy.names_of(view.backends.settings.personal_properties)
    return [masked(one, names) for one in found]


def rows(found: Iterable[Arrival], known: frozenset[str], zone: str) -> dict[str, str]:
    """The rows of events that are not ``known``, by key, as ``plain.js`` takes them."""
    return {one.key: _sent(row(one, zone)) for one in found if one.key not in known}


def _sent(content: Component) -> str:
    return str(plain(content).to_plotly_json()["props"][DATA])


def row(arrival: Arrival, zone: str) -> Component:
    """An event in a line, with all of it below."""
    look = "sg-arrival-valid" if arrival.problem is None else "sg-arrival-rejected"
    summary = html.Summary([*_cells(arrival, zone), _why(arrival)], className=f"sg-arrival-line {look}")
    return html.Details([summary, html.Div(_details(arrival, zone), className="sg-arrival-details")])


def _cells(arrival: Arrival, zone: str) -> list[Component]:
    valid, here = arrival.problem is None, numbers.local(arrival.at, zone)
    day = html.Span(f"{numbers.day(here.date(), year=False)} ", className="sg-arrival-day")
    kind = arrival.kind if arrival.kind != arrival.name else ""
    return [
        icon("check" if valid else "close"),
        html.Span([day, f"{here:%H:%M:%S} "], className="sg-arrival-at"),
        html.Span(
            [
                html.Span(arrival.name or "no name", className="sg-arrival-name"),
                html.Span(f" {kind} ", className="sg-dim"),
            ],
            className="sg-arrival-event",
            title=f"{arrival.name} {kind}".strip(),
        ),
        html.Span(f"{arrival.page or numbers.NO_VALUE} ", className="sg-arrival-page", title=arrival.page),
        html.Span(_who(arrival), className="sg-arrival-who"),
        html.Span("Valid" if valid else "Rejected", className="sg-arrival-verdict"),
    ]


def _who(arrival: Arrival) -> str:
    return f"{_short(arrival.session)} · {_short(arrival.client)} "


def _short(text: str) -> str:
    """The end of an id: of many kinds the beginning is the same for long."""
    return f"…{text[-_SHORT:]}" if len(text) > _SHORT + 1 else text or numbers.NO_VALUE


def _why(arrival: Arrival) -> Component:
    """The second line of a rejected event: the reason in words, and the field with what to do."""
    problem = arrival.problem
    if problem is None:
        return None
    parts = [f"{REASONS[problem.reason]}: ", html.Code(problem.field), f" {problem.message}"]
    if problem.replayed:
        parts.append(". It was taken in later on.")
    return html.Span(parts, className="sg-arrival-why")


def _details(arrival: Arrival, zone: str) -> list[Component]:
    here = numbers.local(arrival.at, zone)
    received = f"{numbers.day(here.date())} {here:%H:%M:%S}.{here.microsecond // 1000:03d} {zone}"
    facts = [("Received", received), ("Session", arrival.session), ("Client", arrival.client)]
    if arrival.problem:
        facts.append(("Reason", arrival.problem.reason.value))
    listed = [part for term, text in facts if text for part in (html.Dt(term), html.Dd(text))]
    return [html.Dl(listed, className="sg-arrival-facts"), *_json(arrival)]


def _json(arrival: Arrival) -> list[Component]:
    too_long = arrival.problem and arrival.problem.reason is Reason.TOO_LONG and arrival.text == "null"
    if not arrival.text or too_long:
        why = "It was too long to be kept." if too_long else "It could not be read."
        return [html.P(why, className="sg-hint")]
    cut = f"… and {numbers.counted(arrival.cut, 'character')} more." if arrival.cut else None
    box = html.Pre(arrival.text, className="sg-json", tabIndex="0", **{"aria-label": "The event as JSON"})
    return [box, html.P(cut, className="sg-hint") if cut else None]


def around(
    site: Site, zone: str, which: str, found: Sequence[Arrival], tail: Tail, span: Span, now: datetime
) -> Component:
    """What is said below the rows, or in their place."""
    if not may(ROWS, site.name):
        text = "Your role shows numbers. Single events take that of an analyst."
        return states.state("user", "Events are for analysts", text)
    if found:
        text = f"{_reach(len(found), which, tail)} Times in {zone}."
        return html.P(text, className="sg-connect-foot")
    if which == "rejected":
        return states.state("check", "Nothing was rejected", f"Every event of {site.name} was valid.")
    if span.last is None:
        return states.state("inbox", f"Waiting for the first event from {site.name}…", _to_check(site))
    seconds = max((now - span.last).total_seconds(), 0)
    text = (
        f"The last one came {ago(seconds).lower()}. Only the last {LOOKED_AT:,} of all sites are looked at."
    )
    return states.state("inbox", f"No recent event from {site.name}", text)


def _reach(count: int, which: str, tail: Tail) -> str:
    if count == MOST:
        return f"The last {MOST}, newest first."
    if which != "rejected" and tail.since is not None:
        return f"Those among the last {LOOKED_AT:,} events of all sites."
    return f"{numbers.counted(count, 'event')}, newest first; the log keeps them for some days."


def _to_check(site: Site) -> Component:
    """Why nothing may come."""
    hosts = ", ".join(site.origins)
    if not site.origins:
        origins = "No origins are set: browsers are refused. Add that of your pages above."
    elif ANY_ORIGIN in site.origins:
        origins = "Any page may send."
    else:
        origins = f"The pages come from exactly {hosts}."
    checks = [
        "The snippet is in the page, with a write key of this site that is not revoked.",
        origins,
        "No ad blocker and no content security policy of the page stops the tracker; Do Not Track is off.",
        "Requests with a wrong key (401) or origin (403) are not listed here: see the browser's console.",
    ]
    return html.Ul([html.Li(check) for check in checks], className="sg-connect-hints")
