"""Findings as people read them: severities with their colours, states, ages."""

from __future__ import annotations

from typing import Any

from dash import html

from data_access import moments
from data_access.findings import Compliance, Row, Severity, Status
from pages.parts import numbers

Component = Any

SEVERITY = {
    Severity.CRITICAL: ("Critical", "#c92a4b"),
    Severity.HIGH: ("High", "#e8590c"),
    Severity.MEDIUM: ("Medium", "#c99700"),
    Severity.LOW: ("Low", "#4f6bed"),
    Severity.INFORMATIONAL: ("Informational", "#868e9c"),
}
"""Each severity's word and its colour, in charts and (as ``--sg-severity``) beside words."""

STATUS = {
    Status.NEW: "New",
    Status.NOTIFIED: "Notified",
    Status.SUPPRESSED: "Muted",
    Status.RESOLVED: "Resolved",
}


def severity(value: Severity) -> Component:
    """A severity's word with its colour."""
    word, colour = SEVERITY[value]
    return html.Span(word, className="sg-severity", style={"--sg-severity": colour})


def severity_keys() -> list[Component]:
    """The severities as the keys of a chart, worst first."""
    return [
        html.Span(word, className="sg-key", style={"--sg-key": colour}) for word, colour in SEVERITY.values()
    ]


def age(moment: int) -> str:
    """A time that passed (µs), as roughly as people say it: 12 d, 5 h, 3 min."""
    seconds = moment // 1_000_000
    for size, unit in ((86400, "d"), (3600, "h")):
        if seconds >= 2 * size:
            return f"{numbers.whole(seconds // size)}\u202f{unit}"
    return f"{numbers.whole(max(seconds, 0) // 60)}\u202fmin"


def day(moment: int, zone: str) -> str:
    """A moment's local day: 20 Nov 2026"""
    return numbers.day(numbers.local(moments.utc(moment), zone).date())


def moment(at: int, zone: str) -> str:
    """A moment in local time: 20 Nov 2026 14:05"""
    return numbers.moment(moments.utc(at), zone)


def status(row: Row) -> Component:
    """How far people are with a finding, and who works on it."""
    flow = row.workflow
    word = STATUS[flow.status]
    if row.opened is None and flow.status in {Status.NEW, Status.NOTIFIED}:
        word = "Passed" if row.compliance is Compliance.PASSED else "Closed"
    parts = [html.Span(word, className=f"sg-status sg-status-{word.lower()}")]
    if flow.assignee:
        parts.append(html.Span(flow.assignee, className="sg-finding-who", title="Assigned to"))
    return parts


def short(resource: str) -> str:
    """The last part of a resource's name, which is what tells it from others."""
    for mark in ("/", ":"):
        head, _, tail = resource.rpartition(mark)
        if head and tail:
            return tail
    return resource
