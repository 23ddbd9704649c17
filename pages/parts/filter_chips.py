"""What is filtered now: the resolved period and a removable chip per filter and segment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import html

from data_access import conditions, segments
from data_access.model import Condition, Group, UsageError
from data_access.ports import QueryError
from data_access.sql import ALL_DIMENSIONS
from pages.parts import address, numbers
from pages.parts.condition_words import said
from pages.parts.icons import icon
from pages.parts.links import stay
from pages.parts.view import View

Component = Any

BOTS = {"out": "Without bots", "in": "With bots", "only": "Only bots"}


def shown(seen: View) -> Component:
    """The period with its time zone, what it is compared with, and the chips."""
    return [*_period(seen), *_dimensions(seen), *_where(seen), *_segments(seen), *_bots(seen)]


def _period(seen: View) -> list[Component]:
    """Nothing when a filter is wrong: the cards say so, and its chip takes it away."""
    try:
        filters, before = seen.filters, seen.before
    except (UsageError, QueryError):
        return []
    compared = "" if seen.own("compare") == "none" else "no earlier data to compare with"
    if before is not None:
        compared = f"compared with {numbers.days(before.from_day, before.to_day)}"
    period = html.Span(numbers.period(filters), className="sg-resolved")
    return [period, html.Span(compared, className="sg-compared")] if compared else [period]


def _dimensions(seen: View) -> list[Component]:
    found = [(name, address.split(seen.own(name))) for name in ALL_DIMENSIONS]
    return [
        removable(
            f"{ALL_DIMENSIONS[name]}: {value}",
            seen.link(**{name: address.join(other for other in values if other != value) or None}),
        )
        for name, values in found
        for value in values
    ]


def _where(seen: View) -> list[Component]:
    """A chip per part that must hold, or one for all where parts are alternatives."""
    text = seen.own("where")
    if not text:
        return []
    try:
        group = conditions.read(text)
    except UsageError:
        return [removable(f"Conditions: {text}", seen.link(where=None))]
    if group.negated or group.how == "any" or not group.parts:
        return [removable(said(group) or text, seen.link(where=None))]
    return [removable(said(part), seen.link(where=_left(group, at))) for at, part in enumerate(group.parts)]


def _left(group: Group, at: int) -> str | None:
    parts: tuple[Condition | Group, ...] = (*group.parts[:at], *group.parts[at + 1 :])
    return conditions.write(replace(group, parts=parts)) or None


def _segments(seen: View) -> list[Component]:
    parts = address.split(seen.own("segment"))
    return [_segment(seen, part, address.join(other for other in parts if other != part)) for part in parts]


def _segment(seen: View, part: str, rest: str) -> Component:
    segment = segments.find(seen.backends.documents, part.removeprefix("!").strip())
    href = seen.link(segment=rest or None)
    if segment is None:
        return removable(f"Unknown segment: {part}", href)
    label = f"not {segment.name}" if part.startswith("!") else segment.name
    return removable(label, href, f"Segment: {said(segment.where)}", "segment")


def _bots(seen: View) -> list[Component]:
    bots = seen.own("bots", "out")
    return [] if bots == "out" else [removable(BOTS.get(bots, f"Bots: {bots}"), seen.link(bots=None))]


def removable(label: str, href: str, title: str = "", kind: str = "filter") -> Component:
    """A chip that goes when it is pressed: a link to the view without it."""
    return stay(
        [
            html.Span(f"Remove {kind} ", className="sg-hidden"),
            html.Span(label, className="sg-chip-text"),
            icon("close"),
        ],
        href,
        f"sg-chip sg-chip-{kind}",
        title=title or f"Remove {label}",
    )
