"""One finding in full: what is wrong, what to do, where, since when, and what happened to it.

Everything a provider sent is text here, never HTML; a link is one only to a web page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dash import dcc, html

from data_access import moments
from data_access.findings import Compliance, Entry, Finding, Kept
from pages.parts import address, numbers, states
from pages.parts.event_details import pretty
from pages.parts.finding_desk import Desk
from pages.parts.finding_words import STATUS, age, moment, severity, status
from pages.parts.icons import icon
from pages.parts.links import stay

Component = Any

_COMPLIANCE = {
    Compliance.FAILED: "Failed",
    Compliance.WARNING: "Warning",
    Compliance.PASSED: "Passed",
    Compliance.NOT_AVAILABLE: "Could not be told",
    Compliance.NOT_A_CHECK: "Not a check",
}
_FIELDS = ("control", "standard", "service", "account", "cloud_region", "resource_type", "provider")
_MOST_RESOURCES, _MOST_ENTRIES = 100, 200
_FLOW = ("status", "assignee", "note", "reason", "until")
_FLOW_WORDS = {"assignee": "Assigned to", "note": "Note", "reason": "Reason", "until": "Until"}


def draw(desk: Desk, kept: Kept) -> Component:
    """The head, the facts, and the texts."""
    row, finding = kept.row, kept.finding
    return [
        html.Div(
            [severity(row.severity), html.Div(status(row), className="sg-finding-status")],
            className="sg-tools",
        ),
        html.H2(finding.title or "(no title)", className="sg-finding-head"),
        _late(desk, kept),
        _muted(desk, kept),
        html.Dl([part for pair in _facts(desk, kept) for part in pair], className="sg-fields"),
        html.H3("What is wrong", className="sg-subtitle"),
        html.P(finding.description or "The provider gives no description.", className="sg-finding-text"),
        html.H3("What to do", className="sg-subtitle"),
        _remediation(finding),
    ]


def gone(key: str) -> Component:
    """What is shown of a finding there is not."""
    text = (
        f"There is no finding {key[:64]!a} any more. It may be in the archive: python -m app archive --list"
    )
    return states.state("inbox", "Not there", text)


def _late(desk: Desk, kept: Kept) -> Component:
    row = kept.row
    if row.opened is None:
        return None
    open_for, target = desk.now - row.opened, desk.targets[row.severity]
    words = f"Open for {age(open_for)}, since {moment(row.opened, desk.zone)}. "
    if open_for > target:
        late = f"{age(open_for - target)} over the target of {target / moments.DAY:,.0f} d."
        return html.P([words, html.Span(late, className="sg-late")], className="sg-finding-since")
    return html.P(f"{words}Target: {target / moments.DAY:,.0f} d.", className="sg-finding-since")


def _muted(desk: Desk, kept: Kept) -> Component:
    flow = kept.row.workflow
    parts = []
    if flow.reason:
        until = f" until {moment(flow.until, desk.zone)}" if flow.until is not None else ", without an end"
        parts.append(html.P([html.B(f"Muted{until}: "), flow.reason], className="sg-finding-since"))
    if flow.note:
        parts.append(html.P([html.B("Note: "), flow.note], className="sg-finding-since sg-finding-text"))
    return parts


def _facts(desk: Desk, kept: Kept) -> list[tuple[Component, Component]]:
    row, finding = kept.row, kept.finding
    values = {
        "control": ("Control", (finding.control,)),
        "standard": ("Standards", finding.standards),
        "service": ("Service", (finding.service,)),
        "account": ("Account", (finding.account,)),
        "cloud_region": ("Region", (finding.region,)),
        "resource_type": ("Resource type", (finding.resource_type,)),
        "provider": ("Provider", (finding.provider,)),
    }
    found = [("Check", _COMPLIANCE[row.compliance])]
    found += [
        (values[name][0], _only(desk, name, values[name][1])) for name in _FIELDS if any(values[name][1])
    ]
    first = row.spans[0].opened if row.spans else None
    found += [
        ("First opened", numbers.NO_VALUE if first is None else moment(first, desk.zone)),
        ("Opened", f"{row.epoch} time{'' if row.epoch == 1 else 's'}"),
        ("Updated", moment(row.updated, desk.zone)),
        ("Id", html.Span(finding.id, className="sg-cell-mono")),
    ]
    found += [("Flagged", html.Ul([html.Li(flag) for flag in finding.flags]))] if finding.flags else []
    return [(html.Dt(term), html.Dd(value)) for term, value in found]


def _only(desk: Desk, name: str, values: tuple[str, ...]) -> Component:
    return html.Span(
        [
            html.Span(
                [
                    html.Span(value),
                    stay(
                        [icon("filter"), html.Span(f"Only findings with {value}", className="sg-hidden")],
                        desk.link(**{name: address.join([value])}),
                        "sg-icon-button",
                        title=f"Only findings with {value}",
                    ),
                ],
                className="sg-finding-value",
            )
            for value in values
        ],
        className="sg-finding-values",
    )


def _remediation(finding: Finding) -> Component:
    parts = []
    if finding.remediation:
        # Markdown without HTML; a link it holds opens apart. Pictures would be asked for elsewhere.
        text = finding.remediation.replace("![", "! [")
        parts.append(dcc.Markdown(text, link_target="_blank", className="sg-markdown"))
    if href := web_link(finding.remediation_url):
        link = html.A(href, href=href, target="_blank", rel="noopener noreferrer", className="sg-link")
        parts.append(html.P(["More: ", link], className="sg-finding-text"))
    return parts or html.P("The provider gives no remediation.", className="sg-finding-text")


def web_link(text: str) -> str | None:
    """The text if it is the address of a web page, else None."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    return text.strip() if parts.scheme in {"http", "https"} and parts.netloc else None


def draw_more(desk: Desk, kept: Kept) -> Component:
    """The resources, the history, and the provider's document."""
    found = resources(kept.finding)
    return [
        html.H3(f"Resources ({numbers.whole(len(found))})", className="sg-subtitle"),
        html.Ul([_resource(one) for one in found[:_MOST_RESOURCES]], className="sg-finding-resources"),
        html.H3("History", className="sg-subtitle"),
        _history(desk, kept.row.key),
        html.Details(
            [
                html.Summary("The provider's document (JSON)", className="sg-subtitle"),
                html.Pre(
                    pretty(kept.finding.document.decode(errors="replace")), className="sg-json", tabIndex="0"
                ),
            ]
        ),
    ]


def resources(finding: Finding) -> list[tuple[str, str]]:
    """Type and id of each resource of a finding: those its document lists, else its own."""
    try:
        document = json.loads(finding.document)
    except ValueError:
        document = {}
    listed = document.get("Resources") or document.get("resources") if isinstance(document, dict) else None
    found = []
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            name = one.get("Id") or one.get("uid") or one.get("name") or ""
            found.append((str(one.get("Type") or one.get("type") or ""), str(name)))
    return found or [(finding.resource_type, finding.resource_id)]


def _resource(resource: tuple[str, str]) -> Component:
    kind, name = resource
    return html.Li([html.Span(name, className="sg-cell-mono"), html.Div(kind, className="sg-finding-small")])


def _history(desk: Desk, key: str) -> Component:
    entries = desk.view.backends.findings.history(key)
    items = [_entry(desk, entry) for entry in entries[:_MOST_ENTRIES]]
    left = len(entries) - len(items)
    more = html.P(f"and {numbers.whole(left)} earlier", className="sg-finding-small") if left else None
    return [html.Ol(items, className="sg-timeline sg-finding-history"), more]


def _entry(desk: Desk, entry: Entry) -> Component:
    when = html.Span(moment(entry.at, desk.zone), className="sg-timeline-at")
    if entry.what == "version":
        problem, was = entry.after["problem"], entry.before.get("problem")
        words = (
            ("Problem found" if problem else "No problem") if problem != was else "New version, same verdict"
        )
        return html.Li([when, html.Div([html.B(words), f" · {entry.by}"])])
    return html.Li([when, html.Div([html.B(entry.by), *_changes(desk, entry.before, entry.after)])])


def _changes(desk: Desk, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Component]:
    return [
        html.Div(
            f"{_FLOW_WORDS.get(name, 'Status')}: {_told(desk, name, before)} → {_told(desk, name, after)}"
        )
        for name in _FLOW
        if before.get(name) != after.get(name)
    ]


def _told(desk: Desk, name: str, flow: Mapping[str, Any]) -> str:
    value = flow.get(name)
    if name == "status":
        return next((word for one, word in STATUS.items() if one == value), str(value))
    if name == "until" and value is not None:
        return moment(int(value), desk.zone)
    return str(value) if value else numbers.NO_VALUE
