"""Findings: what is wrong, since when, what to do about it, and whether it is getting better."""

from __future__ import annotations

import re
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html

from data_access.backends import Backends
from data_access.roles import FINDINGS, OPERATE
from pages.parts import (
    address,
    cards,
    controls,
    finding_bar,
    finding_business,
    finding_cards,
    finding_course,
    finding_desk,
    finding_details,
    finding_form,
    finding_groups,
    finding_scans,
    finding_table,
    finding_work,
)
from pages.parts.access import allow, may
from pages.parts.drawing import guarded
from pages.parts.finding_desk import VIEW_STORE, desk, drawn
from pages.parts.view import View, view

Component = Any

PATH = finding_desk.PATH
NAME = "Findings"
ICON = "findings"
PERMISSION = FINDINGS
NEEDS: frozenset[str] = frozenset()

_KEY = re.compile(r"[0-9a-f]{64}")
_CARDS = {
    "findings-kpis": finding_cards.draw_figures,
    "findings-chips": finding_bar.draw_chips,
    "findings-severity": finding_cards.draw_severity,
    "findings-trend": finding_course.draw_trend,
    "findings-groups": finding_groups.draw,
    "findings-ages": finding_cards.draw_ages,
    "findings-burn": finding_course.draw_burn_down,
    "findings-scans": finding_scans.draw,
    "findings-business": finding_business.draw,
}


def layout(view: View) -> Component:
    """Figures, the table with its filters, how it develops, and the drawer for one finding."""
    kpis = html.Div(cards.skeleton(96), id="findings-kpis", className="sg-kpis-area sg-card-body")
    kept = [controls.hidden(key, view.own(key)) for key in ("start", "finding", "outcome")]
    stores = [dcc.Store(id=VIEW_STORE), dcc.Store(id="findings-total", data=0)]
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            *kept,
            *stores,
            finding_bar.bar(view),
            kpis,
            html.Div([_severity(), _trend(), _list(view)], className="sg-grid sg-findings-head"),
            html.Div([_groups(view), _ages(), _burn_down(), _scans(), _business()], className="sg-grid"),
            _drawer(view),
            *([finding_work.modal(view)] if may(OPERATE) else []),
        ]
    )


def _severity() -> Component:
    return cards.card("findings-severity", "Open by severity", "Findings that are open now.", height=216)


def _trend() -> Component:
    return cards.card(
        "findings-trend",
        "Open over time",
        "Findings open at the end of each day, by the severities of today. A finding counts from when it "
        "opened to when it passed, was muted or resolved.",
        height=240,
    )


def _list(view: View) -> Component:
    size = controls.select("limit", "", finding_table.SIZES, view.own("limit", "25"), "25", w=112)
    size.attributes = {"input": {"aria-label": "Rows per page"}}
    work = [finding_work.bar()] if may(OPERATE) else []
    files = html.Span(id="findings-files", className="sg-downloads")
    return cards.card(
        "findings-table",
        "List",
        "A row a finding; choose one to see it in full, or several by their boxes to change them at once.",
        controls=html.Div([files, *work, size], className="sg-tools"),
        height=420,
        wide=True,
    )


def _groups(view: View) -> Component:
    by = controls.select("by", "", finding_groups.BY, view.own("by", "control"), "control", w=160)
    by.attributes = {"input": {"aria-label": "Group by"}}
    return cards.card(
        finding_groups.CARD,
        "Where",
        "Open findings, resources with a problem and the score, by control, standard and so on; the worst "
        "open findings first.",
        controls=by,
        height=340,
        wide=True,
    )


def _ages() -> Component:
    return cards.card(
        "findings-ages",
        "Age against targets",
        "How long open findings have been open, and how many of them for longer than the target of their "
        "severity.",
        height=236,
    )


def _burn_down() -> Component:
    return cards.card(
        "findings-burn",
        "Burn-down",
        f"All open findings, and where the pace of the last {finding_course.PACE} days leads: a random walk "
        "with drift. In 4 of 5 cases the number stays in the shaded band, if the pace stays what it was.",
        height=236,
    )


def _scans() -> Component:
    return cards.card(
        "findings-scans",
        "Compare two scans",
        "Every file that is imported is a scan. What became of its problems in a later one; choose a figure "
        "to see those findings. Filters do not count here.",
        height=170,
        wide=True,
    )


def _business() -> Component:
    return cards.card(
        "findings-business",
        "Beside the business",
        "Sessions, conversion (visitors with a purchase), error events and the findings opened, day by day "
        "on one axis: did an exposure touch customers?",
        height=440,
        wide=True,
    )


def _drawer(view: View) -> Component:
    work = []
    if may(OPERATE):
        work = [
            html.H3("Work on it", className="sg-subtitle"),
            finding_form.form(view, finding_form.ONE),
        ]
    parts = [
        dcc.Store(id="finding-version"),
        html.Div(id="finding-detail", className="sg-card-body"),
        html.Div(work, id="finding-work", hidden=True),
        html.Div(id="finding-more", className="sg-card-body"),
    ]
    return dmc.Drawer(
        parts,
        id="finding-drawer",
        title="Finding",
        position="right",
        # Inside the main landmark; in a portal its header would be a second banner.
        withinPortal=False,
        keepMounted=True,
        size=600,
        className="sg-drawer",
        closeButtonProps={"aria-label": "Close"},
    )


def register(app: Any, backends: Backends) -> None:
    """The cards, the table, the finding that is opened, and working on them."""
    for card_id, draw in _CARDS.items():
        drawn(app, backends, card_id, draw)
    _register_table(app, backends)
    _register_finding(app, backends)
    finding_bar.register(app, backends)
    finding_work.register(app, backends)
    search, finding = Input("url", "search"), controls.param("finding")
    for name, *parts in (
        # With the query alone, which this page's own controls write, Dash leaves out the first call.
        ("query", Output(VIEW_STORE, "data"), search, Input("retry", "data"), State(VIEW_STORE, "data")),
        ("show", Output("finding-drawer", "opened"), Input(finding, "value")),
        # Without an output: as one it would close a cycle.
        ("closed", Input("finding-drawer", "opened"), State(finding, "value")),
    ):
        app.clientside_callback(ClientsideFunction("findings", name), *parts)


def _register_table(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("findings-table", "children"),
        Output("findings-total", "data"),
        Output("findings-files", "children"),
        Input(VIEW_STORE, "data"),
        Input("retry", "data"),
        State("url", "search"),
    )
    @allow(FINDINGS)
    def table(query: Any, _retry: Any, search: str | None) -> Any:
        seen = view(backends, PATH, query if isinstance(query, str) else search)
        total = [0]

        def draw(seen: View) -> Component:
            content, total[0] = finding_table.draw(desk(seen), picking=may(OPERATE))
            return content

        return guarded("findings-table", seen, draw), total[0], files(seen)


def files(seen: View) -> Component:
    """The filtered findings as files."""
    page = {"start", "limit", "finding", "by", "more"}
    raw = {name: value for name, value in seen.raw.items() if name not in page}
    pack = "The CSV with a manifest: filter, counts and SHA-256, as a ZIP file"
    return [
        cards.download(
            "CSV", "download", address.write("/csv/findings", raw), "All findings that match, as CSV"
        ),
        cards.download("Auditor pack", "file", address.write("/pack/findings", raw), pack),
    ]


def _register_finding(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("finding-detail", "children"),
        Output("finding-more", "children"),
        Output("finding-version", "data"),
        Output("finding-work", "hidden"),
        Input(controls.param("finding"), "value"),
        Input("retry", "data"),
        State("url", "search"),
    )
    @allow(FINDINGS)
    def finding(key: Any, _retry: Any, search: str | None) -> Any:
        if not isinstance(key, str) or not key:
            return None, None, None, True
        if not _KEY.fullmatch(key):
            return finding_details.gone(key), None, None, True
        found = desk(view(backends, PATH, search))
        kept = backends.findings.get(key)
        if kept is None:
            return finding_details.gone(key), None, None, True

        def of(draw: Any) -> Component:
            return guarded("finding-detail", found.view, lambda _seen: draw(found, kept))

        known = [key, kept.row.workflow.version]
        return of(finding_details.draw), of(finding_details.draw_more), known, False
