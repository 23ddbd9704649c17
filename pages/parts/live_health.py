"""How far the live counts have come, in words: behind by how much, what waits, what was refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dash import html

from data_access.live import Reason
from data_access.realtime import Snapshot
from pages.parts import numbers
from pages.parts.icons import icon

Component = Any

FRESH_SECONDS = 2.0
"""Up to this lag the counts are live."""
CONSUMERS = {"live": "Live counts", "lake": "Lake"}
REASONS = {
    Reason.NOT_AN_EVENT: "Not an event",
    Reason.MISSING: "A needed field is missing",
    Reason.WRONG_TYPE: "A field has the wrong type",
    Reason.NOT_ALLOWED: "A value is not one of those allowed",
    Reason.BAD_FORMAT: "A value has the wrong format",
    Reason.BAD_TEXT: "A text holds characters that cannot be kept",
    Reason.BAD_NUMBER: "A number cannot be read",
    Reason.BAD_TIME: "A time cannot be read or cannot be true",
    Reason.TOO_LONG: "Too long",
    Reason.TOO_DEEP: "Nested too deeply",
    Reason.UNREADABLE: "Accepted, but unreadable later",
}


def state(snapshot: Snapshot) -> Component:
    """One or two words, with an icon: live, catching up or stale."""
    if snapshot.stale:
        name, shape, text = "stale", "alert", "Stale"
    elif snapshot.lag >= FRESH_SECONDS:
        name, shape, text = "behind-state", "clock", "Catching up"
    else:
        name, shape, text = "live", "realtime", "Live"
    return _said(name, shape, text)


def failed() -> Component:
    """The state when the counts could not be read."""
    return _said("stale", "alert", "No counts")


def _said(name: str, shape: str, text: str) -> Component:
    return html.Span([icon(shape), text], className=f"sg-live-state sg-live-{name}")


def behind(snapshot: Snapshot, zone: str) -> Component:
    """By how much the counts are behind, and up to when everything is counted."""
    lag = "less than 1\u202fs" if snapshot.lag < 1 else numbers.duration(float(round(snapshot.lag)))
    text = f"nothing counted for {lag}" if snapshot.stale else f"{lag} behind"
    time = _time(snapshot, zone)
    return [html.Span(text), html.Span(f"Counted up to {time}, {zone}", className="sg-live-watermark")]


def _time(snapshot: Snapshot, zone: str) -> str:
    """The watermark's local time, with its day if that is over."""
    then, now = (numbers.local(moment, zone) for moment in (snapshot.watermark, snapshot.taken_at))
    return f"{then:%H:%M:%S}" if then.date() == now.date() else f"{numbers.day(then.date())} {then:%H:%M:%S}"


def waiting(snapshot: Snapshot) -> Component:
    """Events that each consumer of the log has still to read."""
    depth = snapshot.depth
    return _terms((CONSUMERS.get(name, name), _events(depth[name])) for name in sorted(depth, reverse=True))


def refused(snapshot: Snapshot) -> Component:
    """Events that were not taken and not replayed since, by reason, most first."""
    found = sorted(snapshot.refusals.items(), key=lambda pair: (-pair[1], pair[0]))
    if not found:
        return html.P("None", className="sg-live-nothing")
    return _terms((_reason(reason), _events(count)) for reason, count in found)


def positions(snapshot: Snapshot) -> Component:
    """Places in the log as sequence numbers."""
    read = [
        (f"{CONSUMERS.get(name, name)}: read up to no.", numbers.whole(offset))
        for name, offset in sorted(snapshot.offsets.items(), reverse=True)
    ]
    return _terms([("Newest event: no.", numbers.whole(snapshot.head)), *read])


def _reason(name: str) -> str:
    return REASONS.get(Reason(name), name) if name in set(Reason) else name


def _events(count: int) -> str:
    return f"{numbers.whole(count)}\u202f{'event' if count == 1 else 'events'}"


def _terms(pairs: Iterable[tuple[str, str]]) -> Component:
    return html.Dl(
        [html.Div([html.Dt(term), html.Dd(text)]) for term, text in pairs], className="sg-live-terms"
    )
