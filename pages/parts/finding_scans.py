"""Two scans compared: which problems are new, fixed, no longer reported and unchanged."""

from __future__ import annotations

from typing import Any

from dash import html

from data_access.findings import Scan
from pages.parts import controls, numbers, states
from pages.parts.finding_desk import FIELDS, OUTCOMES, Desk
from pages.parts.finding_words import moment
from pages.parts.links import stay

Component = Any

_SHOWN = 200
_ABOUT = {
    "new": "A problem in the later scan that was none in the earlier, or was not looked at",
    "fixed": "A problem in the earlier scan; the later looked again and found none",
    "gone": "A problem in the earlier scan that the later says nothing of",
    "same": "A problem in both scans",
}


def draw(desk: Desk) -> Component:
    """Which scans, and a figure for each outcome that filters the findings by it."""
    scans = desk.known_scans[:_SHOWN]
    chosen = desk.scans
    if chosen is None:
        return states.state(
            "compare", "Nothing to compare yet", "Every file that is imported is a scan; two are needed."
        )
    options = [(scan.id, _said(desk, scan, count)) for scan, count in scans]
    selects = html.Div(
        [
            _select("scan_from", "Earlier", options, chosen[0], options[1][0]),
            _select("scan_to", "Later", options, chosen[1], options[0][0]),
        ],
        className="sg-scans-choice",
    )
    return [selects, html.Div([_outcome(desk, name) for name in OUTCOMES], className="sg-outcomes")]


def _said(desk: Desk, scan: Scan, count: int) -> str:
    # The name may turn the direction of writing: it stays within its marks.
    return f"{moment(scan.at, desk.zone)} · \u2068{scan.name}\u2069 · {numbers.counted(count, 'finding')}"


def _select(name: str, label: str, options: controls.Options, value: str, default: str) -> Component:
    within = {"withinPortal": False}
    return controls.select(name, label, options, value, default, searchable=True, comboboxProps=within)


def _outcome(desk: Desk, name: str) -> Component:
    keys = getattr(desk.comparison, name)
    chosen = desk.view.own("outcome") == name
    scans = desk.scans or ("", "")
    changes: dict[str, str | None] = {"outcome": None} if chosen else {"outcome": name, "state": "all"}
    others = dict.fromkeys([*FIELDS, "q", "opened", "overdue"])
    link = desk.link(**others | changes | {"scan_from": scans[0], "scan_to": scans[1]})
    label = stay(OUTCOMES[name], link, "sg-kpi-label", title=_ABOUT[name])
    parts = [
        html.Div(label, className="sg-kpi-head"),
        html.Div(numbers.whole(len(keys)), className="sg-kpi-value"),
    ]
    news = "sg-outcome-new" if name == "new" and keys else "sg-outcome-fixed" if name == "fixed" else ""
    return html.Div(parts, className=f"sg-kpi {news} {'sg-kpi-current' if chosen else ''}".strip())
