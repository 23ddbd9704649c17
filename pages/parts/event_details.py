"""One event in full: every field with a way to filter by it, its properties, and its session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dash import dcc, html

from data_access.sql import DIMENSIONS
from pages.parts import address, cards, numbers, states
from pages.parts.event_grid import COLUMNS
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

HEADING = {"time", "event_name", "properties"}


def fields(view: View, event: Mapping[str, Any]) -> Component:
    """The event's name and time, its fields that have a value, and its properties."""
    filled = [name for name in COLUMNS if name not in HEADING and event.get(name) not in (None, "")]
    return [
        html.Div(
            [
                html.Div(str(event.get("event_name") or ""), className="sg-event-name"),
                html.Div(_when(view, event), className="sg-dim"),
            ],
            className="sg-event-head",
        ),
        html.Dl([part for name in filled for part in _field(view, name, event[name])], className="sg-fields"),
        html.H3("Properties", className="sg-subtitle"),
        html.Pre(pretty(event.get("properties")), className="sg-json", tabIndex="0"),
    ]


def _when(view: View, event: Mapping[str, Any]) -> str:
    return f"{event.get('time') or ''} {view.filters.time_zone}"


def _field(view: View, name: str, value: Any) -> list[Component]:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    only = None
    if name in DIMENSIONS:
        label = f"Only events with {DIMENSIONS[name]} {text}"
        changes: dict[str, str | None] = {
            name: address.join([text]),
            "before": None,
            "after": None,
            "event": None,
        }
        shape = [icon("filter"), html.Span(label, className="sg-hidden")]
        only = dcc.Link(shape, href=view.link(**changes), className="sg-icon-button", title=label)
    return [html.Dt(COLUMNS[name][0]), html.Dd([html.Span(text), only])]


def pretty(properties: Any) -> str:
    """Properties as indented JSON; text that is none stays as it is."""
    try:
        return json.dumps(json.loads(properties or "{}"), indent=2, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(properties)


def session(view: View, event: Mapping[str, Any]) -> Component:
    """The events of the session in order, with the time between them; this event marked."""
    key = str(event.get("session_key") or "")
    answer = view.ask("sessions.timeline", session=key)
    title = html.H3(f"Session: {numbers.whole(len(answer.rows))} events", className="sg-subtitle")
    if not answer.rows:
        return [title, states.state("inbox", "No session", "This event belongs to no session.")]
    items = [_item(row, row["event_id"] == event.get("event_id")) for row in answer.rows]
    foot = cards.footer(answer.stamp, view.csv("sessions.timeline", session=key))
    return [title, html.Ol(items, className="sg-timeline"), foot]


def _since(seconds: float) -> str:
    return f"+{numbers.duration(seconds)}" if seconds else "Start"


def _item(row: Mapping[str, Any], current: bool) -> Component:
    what = row["product_name"] or row["search_term"] or row["page_title"] or row["page_path"] or ""
    gap = row["seconds_to_next"]
    parts = [
        html.Div(
            [
                html.Span(_since(row["seconds_since_start"]), className="sg-timeline-at"),
                html.Span(row["event_name"], className="sg-timeline-name"),
                html.Span(what, className="sg-timeline-what"),
            ],
            className="sg-timeline-row",
        ),
        html.Div(f"{numbers.duration(gap)} later", className="sg-timeline-gap") if gap is not None else None,
    ]
    return html.Li(
        parts, className="sg-current" if current else "", **({"aria-current": "true"} if current else {})
    )
