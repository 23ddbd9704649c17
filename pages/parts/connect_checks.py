"""How far a site is connected: key, origins, first and last event, each done or still to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dash import html

from data_access import sites
from data_access.arrivals import Tail, counted
from data_access.sites import Site
from pages.parts import numbers
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

FRESH_HOURS = 24
"""Up to this age the last event says that all is well."""


@dataclass(frozen=True, slots=True)
class Span:
    """When the first and the last event of a site came (naive UTC); None where none came."""

    first: datetime | None
    last: datetime | None


class History:
    """Since when events come from which site. Once it is known, it stays."""

    def __init__(self) -> None:
        self._first: dict[str, datetime] = {}

    def span(self, view: View, site: str, tail: Tail) -> Span:
        """What is known of a site by the tail of the log, the live counts and the lake. Raises QueryError."""
        newest = tail.accepted[0].at if tail.accepted else None
        first = self._first.get(site)
        if first is not None and newest is not None:
            return Span(first, newest)
        span = _looked_up(view, site, tail)
        if span.first is not None:
            self._first[site] = span.first
        return Span(first or span.first, newest or span.last)


def _looked_up(view: View, site: str, tail: Tail) -> Span:
    kept = view.ask("reconciliation.extent", site=site).rows[0]
    live = counted(view.backends.counters, site)
    moments = [one.at for one in tail.accepted] + [kept["first_minute"], kept["last_minute"], *(live or ())]
    found = [moment for moment in moments if moment is not None]
    return Span(min(found), max(found)) if found else Span(None, None)


def draw(view: View, site: Site, span: Span, now: datetime) -> Component:
    """The four checks at a moment (naive UTC)."""
    zone = view.backends.site_settings.zone_of((site.name,))
    keys = sites.keys(view.backends.documents, site.name)
    made = numbers.counted(len(keys), "write key")
    origins = numbers.counted(len(site.origins), "origin")
    checks = [
        _check("Write key", bool(keys), made if keys else "None yet", _newest(keys)),
        _check("Origins", bool(site.origins), origins if site.origins else "None yet", _where(site)),
        _first(span, zone),
        _last(span, zone, now),
    ]
    return html.Ol(checks, className="sg-kpis sg-connect-checks")


def _newest(keys: list[sites.WriteKey]) -> str:
    return f"Newest: {keys[-1].start}…" if keys else "Without one nobody can send"


def _where(site: Site) -> str:
    if not site.origins:
        return "Browsers are refused, servers are not"
    return "Any page may send" if sites.ANY_ORIGIN in site.origins else ", ".join(site.origins)


def _first(span: Span, zone: str) -> Component:
    if span.first is None:
        return _check("First event", False, "Waiting…", "Turns green by itself")
    return _check("First event", True, numbers.moment(span.first, zone), zone)


def _last(span: Span, zone: str, now: datetime) -> Component:
    if span.last is None:
        return _check("Last event", False, "None yet", "Turns green by itself")
    seconds = max((now - span.last).total_seconds(), 0)
    here = numbers.local(span.last, zone)
    note = f"{numbers.day(here.date(), year=False)} {here:%H:%M:%S}"
    return _check("Last event", seconds < FRESH_HOURS * 3600, ago(seconds), note, old=True)


def ago(seconds: float) -> str:
    """How long ago, in its largest unit: 12 s ago, 3 min ago"""
    if seconds < 1:
        return "Just now"
    return f"{numbers.duration(float(int(seconds))).split(' ')[0]} ago"


def _check(label: str, done: bool, value: str, note: str, *, old: bool = False) -> Component:
    """A tile. What is not done is open; or, if it was once, ``old``."""
    look, said, shape = ("done", "Done", "check") if done else ("open", "To do", None)
    if old and not done:
        look, said, shape = "old", "Long ago", "clock"
    mark = html.Span(icon(shape) if shape else None, className=f"sg-connect-mark sg-connect-{look}")
    head = html.Div(
        [mark, html.Span(f"{said}: ", className="sg-hidden"), html.Span(label)], className="sg-connect-label"
    )
    return html.Li(
        [
            head,
            html.Div(value, className="sg-connect-value"),
            html.Div(note, className="sg-connect-about", title=note),
        ],
        className="sg-kpi",
    )


def now() -> datetime:
    """The current time, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)
