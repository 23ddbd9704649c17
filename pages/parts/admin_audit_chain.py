"""The chain of the audit log: its head, and a look at whether every record is as it was written."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, html

from data_access.audit import AuditError, verify
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import ADMIN
from pages.parts import cards, code_block, connect_site, numbers, states
from pages.parts.access import allow
from pages.parts.admin_audit_rows import moment
from pages.parts.admin_table import focus, sentence
from pages.parts.drawing import guarded
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CARD = "admin-audit-chain"
VERDICT = "admin-audit-verdict"
VERIFY = "Verify the chain"
ABOUT = (
    "Each record has the hash of the one before it. Who changes, leaves out or puts in one breaks the chain; "
    "who writes all of it anew is found by a head that was noted elsewhere before."
)

LOG = logging.getLogger(__name__)


def card() -> Component:
    """The head, the button that has the chain walked, and what that came to."""
    noted = dmc.TextInput(
        id="admin-audit-noted",
        label="Head noted earlier",
        description="A hash that was kept elsewhere; it has to be in the chain still",
        placeholder="Optional: 64 hexadecimal digits",
        size="sm",
        attributes={"input": {"maxLength": 64, "spellCheck": "false", "autoCapitalize": "none"}},
        className="sg-audit-noted",
    )
    button = html.Button(VERIFY, id="admin-audit-verify", className="sg-button", type="button")
    return html.Section(
        [
            connect_site.head("Chain", ABOUT),
            html.Div(cards.skeleton(74), id=CARD, className="sg-audit-chain"),
            html.Div([noted, button], className="sg-audit-verify"),
        ],
        className="sg-card",
        **{"aria-label": "Chain"},
    )


def register(app: Any, backends: Backends) -> None:
    """Draws the head, walks the chain."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(VERDICT, "data"),
        Input("admin-audit-verify", "n_clicks"),
        State("admin-audit-noted", "value"),
        prevent_initial_call=True,
        running=[
            (Output("admin-audit-verify", "disabled"), True, False),
            (Output("admin-audit-verify", "children"), "Walking the chain…", VERIFY),
        ],
    )
    @allow(ADMIN)
    def walk(_clicks: Any, noted: Any) -> dict[str, Any]:
        return verdict(backends, str(noted or "").strip().lower())

    @app.callback(  # type: ignore[untyped-decorator]
        Output(CARD, "children"),
        Input("retry", "data"),
        Input(VERDICT, "data"),
        State("url", "pathname"),
        State("url", "search"),
    )
    @allow(ADMIN)
    def draw_chain(_retry: Any, found: Any, pathname: Any, search: Any) -> Component:
        fresh = ctx.triggered_id == VERDICT
        seen = view(backends, pathname or "/", search)
        return guarded(CARD, seen, lambda seen: draw(seen, found if isinstance(found, dict) else {}, fresh))


def verdict(backends: Backends, noted: str) -> dict[str, Any]:
    """What a look at the whole chain comes to: good or not, in words, and when it was (RFC 3339 in UTC)."""
    try:
        found = verify(backends.audit.oldest, backends.audit.head, noted)
    except UsageError as error:
        return _said(good=False, title="Nothing was checked", text=sentence(str(error)))
    except AuditError:
        LOG.exception("the audit log could not be verified")
        return _said(good=False, title="The log could not be read", text="It has been logged; try again.")
    whole = f"{numbers.counted(found.whole, 'record')}"
    if found.broken:
        title = f"The log is not as it was written, first at record #{found.broken:,}"
        return _said(good=False, title=title, text=f"{sentence(found.why)} Whole before it: {whole}.")
    known = " The head noted earlier is among them." if noted else ""
    return _said(good=True, title="The chain is whole", text=f"{whole}, each as it was written.{known}")


def _said(*, good: bool, title: str, text: str) -> dict[str, Any]:
    return {"good": good, "title": title, "text": text, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def draw(view: View, found: dict[str, Any], fresh: bool = False) -> Component:
    """What was found, if somebody looked, and the head; ``fresh`` where that was right now."""
    try:
        head = view.backends.audit.head()
    except AuditError:
        LOG.exception("the head of the audit log could not be read")
        return states.failed(CARD, "The audit log could not be read; it has been logged.")
    count = numbers.counted(head.number, "record")
    about = f"{count}. Keep this head where nobody who writes here can write:"
    return [
        _verdict(view, found, fresh) if found else None,
        html.P(about, className="sg-connect-step"),
        code_block.block(head.hash, "the head"),
    ]


def _verdict(view: View, found: dict[str, Any], fresh: bool) -> Component:
    good = found.get("good") is True
    zone = view.backends.site_settings.zone_of(())
    mark = focus(fresh)
    return html.Div(
        [
            icon("check" if good else "alert"),
            html.Div(
                [
                    html.P(str(found.get("title", "")), className="sg-audit-verdict-title"),
                    html.P(
                        f"{found.get('text', '')} Checked at {moment(str(found.get('at')), zone)}, {zone}."
                    ),
                ]
            ),
        ],
        className=f"sg-audit-verdict sg-audit-verdict-{'good' if good else 'bad'}",
        role="status" if good else "alert",
        tabIndex="-1",
        **mark,
    )
