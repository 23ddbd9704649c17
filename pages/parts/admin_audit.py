"""The tab with the audit log: what was downloaded and changed and who signed in, searched and looked into."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import dcc, html

from data_access.audit import FAILED, FINISHED, STARTED, AuditError
from data_access.audit_search import Page, Wanted, page
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.questions import QUESTIONS
from data_access.roles import ADMIN
from pages.parts import (
    address,
    admin_audit_chain,
    admin_audit_rows,
    cards,
    connect_site,
    controls,
    numbers,
    states,
)
from pages.parts.admin_audit_rows import KINDS
from pages.parts.drawing import drawn
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

NAME = "Audit log"
CARD = "admin-audit-list"
ROWS = 50
PLACE = "start"
"""The URL's parameter with the way to the page that is shown: the place of each page after the newest."""
MOST_PAGES = 100
_BETWEEN = ";"
_TEXTS = {"user": "user", "about": "subject", "kind": "kind", "outcome": "outcome", "text": "text"}
"""The URL's parameters that are texts, and what they are in Wanted."""
FILTERS = (*_TEXTS, "since", "until")
FILES = ("audit", "findings", "findings pack", "realtime", "reconciliation")
ABOUT = (
    "Every download, every change of people, keys and sites, and every sign-in, newest first. Each is noted "
    "before it happens. Choose one to see its record."
)


def stores() -> list[Component]:
    """What the last look at the whole chain came to."""
    return [dcc.Store(id=admin_audit_chain.VERDICT)]


def layout(view: View) -> Component:
    """The chain, and the list with its filters."""
    kept = controls.hidden(PLACE, view.own(PLACE))
    listed = html.Section(
        [
            connect_site.head("Records", ABOUT),
            kept,
            _filters(view),
            html.Div(cards.skeleton(320), id=CARD, className="sg-card-body"),
        ],
        className="sg-card",
        **{"aria-label": "Records"},
    )
    return html.Div([admin_audit_chain.card(), listed], id="admin-audit", className="sg-stack")


def register(app: Any, backends: Backends) -> None:
    """The list of the URL, and the look at the chain."""
    drawn(app, backends, CARD, draw, ADMIN)
    admin_audit_chain.register(app, backends)


def _filters(view: View) -> Component:
    people = sorted({str(kept.value["name"]) for _, kept in view.backends.documents.list("user")})
    outcomes = [(one, one.capitalize()) for one in (STARTED, FINISHED, FAILED)]
    text = dmc.TextInput(
        id=controls.param("text"),
        label="Text",
        value=view.own("text"),
        placeholder="Anywhere in a record: a name, a file's SHA-256",
        leftSection=icon("search"),
        debounce=400,
        size="sm",
        attributes={"input": {"type": "search"}},
        className="sg-audit-text",
    )
    fields = [
        text,
        _named(view, "user", "Who", "Whole name", people),
        _choice(view, "kind", "What", list(KINDS.items())),
        _named(view, "about", "About", "In full, as findings", _subjects(people)),
        _choice(view, "outcome", "Outcome", outcomes),
        _day_field(view, "since", "Since"),
        _day_field(view, "until", "Until"),
    ]
    return html.Div(fields, className="sg-audit-filters", role="group", **{"aria-label": "Filters"})


def _subjects(people: list[str]) -> list[str]:
    return [*FILES, *QUESTIONS, *(f"user {name}" for name in people)]


def _named(view: View, key: str, label: str, hint: str, known: list[str]) -> Component:
    """A text with what it may be."""
    return dmc.Autocomplete(
        id=controls.param(key),
        label=label,
        value=view.own(key),
        data=list(dict.fromkeys(known)),
        placeholder=hint,
        limit=50,
        debounce=400,
        maxDropdownHeight=220,
        comboboxProps={"withinPortal": False},
        size="sm",
    )


def _choice(view: View, key: str, label: str, options: controls.Options) -> Component:
    return dmc.Select(
        id=controls.param(key),
        label=label,
        data=controls.data(options),
        value=view.own(key) or None,
        placeholder="Any",
        clearable=True,
        clearButtonProps={"aria-label": f"Any {label.lower()}"},
        comboboxProps={"withinPortal": False},
        size="sm",
    )


def _day_field(view: View, key: str, label: str) -> Component:
    return dmc.DatePickerInput(
        id=controls.param(key),
        label=label,
        value=view.own(key) or None,
        placeholder="Any day",
        valueFormat="D MMM YYYY",
        weekendDays=[],
        clearable=True,
        clearButtonProps={"aria-label": f"Any day {label.lower()}"},
        size="sm",
    )


def wanted(view: View) -> Wanted:
    """What the URL looks for. Raises UsageError for a day that is none."""
    texts = {name: view.own(key).strip() for key, name in _TEXTS.items()}
    return Wanted(**texts, since=_day(view, "since"), until=_day(view, "until", 1))


def _day(view: View, key: str, later: int = 0) -> datetime | None:
    """The beginning of a day of the URL, in the zone of all sites, or of one some days later."""
    text = view.own(key)
    if not text:
        return None
    zone = ZoneInfo(view.backends.site_settings.zone_of(()))
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=later), time.min, zone)
    except (ValueError, OverflowError):
        raise UsageError(f"{key}={text[:20]!r} is no day; it takes 2026-11-22") from None


def draw(view: View) -> Component:
    """The rows of the page that the URL is at, and the way to others."""
    places = [one for one in view.own(PLACE).split(_BETWEEN) if one]
    looked_for = wanted(view)
    try:
        found = page(view.backends.audit.newest, looked_for, ROWS, places[-1] if places else "")
    except AuditError as error:
        return states.failed(CARD, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    if not found.rows:
        return _none(view, looked_for, bool(places))
    zone = view.backends.site_settings.zone_of(())
    return html.Div(
        [admin_audit_rows.table(found.rows, zone), _foot(view, found, places, zone)],
        className="sg-card-content",
    )


def _none(view: View, looked_for: Wanted, further: bool) -> Component:
    if further or looked_for != Wanted():
        clear = cards.link("Show all records", view.link(**dict.fromkeys((*FILTERS, PLACE))))
        text = "Try fewer filters, or other days. Names and subjects are looked for in full."
        return states.state("inbox", "No record is like that", text, clear)
    text = "Downloads, changes and sign-ins are noted here as they happen."
    return states.state("inbox", "Nothing was noted yet", text)


def _foot(view: View, found: Page, places: list[str], zone: str) -> Component:
    older = [*places, found.next][-MOST_PAGES:] if found.next else None
    newer = places[:-1] if places else None
    turns = [_turn(view, "Newer", "left", newer), _turn(view, "Older", "right", older)]
    first, last = found.rows[0].begun.number, found.rows[-1].begun.number
    reach = f"#{first:,}" if first == last else f"#{first:,} to #{last:,}"
    raw = {key: view.own(key) for key in FILTERS}
    link = address.write("/csv/audit", raw)
    csv = cards.download("CSV", "download", link, "All records of what is filtered")
    words = f"{numbers.counted(len(found.rows), 'row')}, {reach}. Times in {zone}."
    return html.Nav(
        [html.Span(words, className="sg-dim"), html.Div([csv, *turns], className="sg-tools")],
        className="sg-paging",
        **{"aria-label": "Pages of the audit log"},
    )


def _turn(view: View, label: str, way: str, places: list[str] | None) -> Component:
    parts = [icon(way), label] if way == "left" else [label, icon(way)]
    if places is None:
        return html.Button(parts, className="sg-button", type="button", disabled=True)
    return dcc.Link(parts, href=view.link(**{PLACE: _BETWEEN.join(places)}), className="sg-button")
