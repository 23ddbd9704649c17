"""Rows of the audit log: each in a line that opens to show its record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from dash import html

from data_access.audit import FAILED, FINISHED, STARTED, UNREADABLE, Record
from data_access.audit_search import Row
from pages.parts import numbers
from pages.parts.icons import icon

Component = Any

KINDS = {
    "export": "Download",
    "manifest": "Manifest",
    "change": "Change",
    "sign_in.done": "Sign-in",
    "sign_in.failed": "Failed sign-in",
    "sign_in.ended": "Sign-out",
}
HEADS = ("", "When", "Who", "What", "About", "Outcome", "Rows", "Size")
MOST = 20_000
"""Characters of a record's parameters that are shown."""
_SHAPES = {FINISHED: ("check", "good"), FAILED: ("close", "bad"), STARTED: ("clock", "open")}
_MEANT = {
    "export": {
        STARTED: "On its way, or nobody could note its end: all of it may have left.",
        FINISHED: "The last byte was handed to the connection.",
        FAILED: "It broke off: at most so much has left.",
    },
    "change": {
        STARTED: "Under way, or nobody could note its end: it may have been made.",
        FINISHED: "It was made.",
        FAILED: "It was not made, or not all of it.",
    },
}
_MEANT["manifest"] = _MEANT["export"]


def table(rows: Iterable[Row], zone: str) -> Component:
    """The rows, under what their parts are."""
    heads = [html.Span(head) for head in HEADS]
    items = [html.Li(_row(row, zone)) for row in rows]
    return html.Div(
        [
            html.Div(heads, className="sg-audit-heads", **{"aria-hidden": "true"}),
            html.Ol(items, className="sg-audit", **{"aria-label": "Records, newest first"}),
        ]
    )


def _row(row: Row, zone: str) -> Component:
    return html.Details(
        [
            html.Summary(_cells(row, zone), className="sg-audit-line"),
            html.Div(_details(row, zone), className="sg-arrival-details"),
        ]
    )


def _cells(row: Row, zone: str) -> list[Component]:
    begun, last = row.begun, row.last
    shape, look = _look(row)
    return [
        html.Span(icon(shape), className=f"sg-audit-mark sg-audit-{look}"),
        html.Span(f"{moment(begun.at, zone)} ", className="sg-audit-at"),
        _cut(
            [f"{begun.user or numbers.NO_VALUE} ", html.Span(begun.role, className="sg-dim")],
            "who",
            begun.user,
        ),
        _cut(f"{KINDS.get(row.kind, row.kind)} ", "what"),
        _cut(f"{about(row)} ", "about", about(row)),
        html.Span(f"{last.outcome.capitalize()} ", className=f"sg-audit-outcome sg-audit-{look}"),
        html.Span(numbers.whole(last.rows) if last.rows is not None else "", className="sg-audit-number"),
        html.Span(numbers.size(last.bytes) if last.bytes is not None else "", className="sg-audit-number"),
    ]


def _look(row: Row) -> tuple[str, str]:
    if row.begun.what == UNREADABLE:
        return "alert", "bad"
    return _SHAPES.get(row.last.outcome, ("check", "good"))


def _cut(content: Component, name: str, title: str = "") -> Component:
    more = {"title": title[:200]} if title else {}
    return html.Span(content, className=f"sg-audit-cut sg-audit-{name}", **more)


def about(row: Row) -> str:
    """What a row is about, in a few words: of a change also what was done, of a sign-in how and as whom."""
    begun = row.begun
    if row.kind == "change":
        return f"{begun.parameters.get('did', '')} {begun.subject}".strip()
    if row.kind in {"sign_in.done", "sign_in.failed"}:
        name = begun.parameters.get("name")
        return f"by {begun.subject}{f', as {name}' if name else ''}"
    return begun.subject


def _details(row: Row, zone: str) -> list[Component]:
    facts = [part for term, text in _facts(row, zone) if text for part in (html.Dt(term), html.Dd(text))]
    return [html.Dl(facts, className="sg-arrival-facts"), *_parameters(row.begun)]


def _facts(row: Row, zone: str) -> list[tuple[str, Component]]:
    begun, last = row.begun, row.last
    if begun.what == UNREADABLE:
        text = html.Code(begun.text[:MOST])
        return [("Record", f"#{begun.number:,}, which is none: see verify"), ("Text", text)]
    return [
        ("Began" if row.ended else "When", f"{moment(begun.at, zone, exact=True)} {zone}"),
        ("Ended", f"{moment(last.at, zone, exact=True)} {zone}" if row.ended else ""),
        ("Who", f"{begun.user} ({begun.role or 'no role'}, {_sites(begun)})"),
        ("What", f"{KINDS.get(row.kind, row.kind)}: {about(row)}"),
        ("Outcome", " ".join(filter(None, (f"{last.outcome.capitalize()}.", _meant(row))))),
        ("Reason", last.reason),
        ("Rows", numbers.counted(last.rows, "row") if last.rows is not None else ""),
        ("Size", _bytes(last)),
        ("SHA-256", html.Code(last.sha256) if last.sha256 else ""),
        ("Shared id", html.Code(begun.id) if begun.id else ""),
        *((f"Record #{one.number:,}", _hashes(one)) for one in row.records),
    ]


def _meant(row: Row) -> str:
    return _MEANT.get(row.kind, {}).get(row.last.outcome, "")


def _sites(record: Record) -> str:
    return "all sites" if record.sites is None else ", ".join(record.sites) or "no site"


def _bytes(record: Record) -> str:
    if record.bytes is None:
        return ""
    exact = numbers.counted(record.bytes, "byte")
    return f"{numbers.size(record.bytes)} ({exact})" if record.bytes >= 1000 else exact


def _hashes(record: Record) -> Component:
    return [record.what, ", hash ", html.Code(record.hash)]


def _parameters(record: Record) -> list[Component]:
    if not record.parameters:
        return []
    text = json.dumps(record.parameters, indent=2, ensure_ascii=False)
    left = len(text) - MOST
    box = html.Pre(
        text[:MOST], className="sg-json", tabIndex="0", **{"aria-label": "What was asked for, as JSON"}
    )
    more = f"… and {numbers.counted(left, 'character')} more, which the CSV has."
    return [box, html.P(more, className="sg-hint") if left > 0 else None]


def moment(text: str, zone: str, *, exact: bool = False) -> str:
    """A record's time as local time; a dash where it has none."""
    try:
        kept = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return numbers.NO_VALUE
    here = numbers.local(kept, zone)
    if exact:
        return f"{numbers.day(here.date())} {here:%H:%M:%S}.{here.microsecond // 1000:03d}"
    return f"{numbers.day(here.date())} {here:%H:%M:%S}"
