"""The grid of raw events: columns, theme, and one page of rows with the cursors to the next."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Input, Output

from data_access.model import Answer
from data_access.roles import ROWS
from pages.parts import controls, numbers
from pages.parts.access import allow
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any
Row = dict[str, Any]

SIZES = [(size, f"{size} rows") for size in ("50", "100", "200", "500")]

COLUMNS: dict[str, tuple[str, int]] = {
    "time": ("Time", 196),
    "event_name": ("Event", 160),
    "event_type": ("Type", 110),
    "site": ("Site", 90),
    "page_path": ("Page", 190),
    "page_title": ("Title", 170),
    "product_name": ("Product", 150),
    "product_category": ("Category", 120),
    "product_brand": ("Brand", 110),
    "product_price": ("Price", 90),
    "search_term": ("Search term", 130),
    "login_state": ("Login", 105),
    "country": ("Country", 90),
    "device": ("Device", 95),
    "browser": ("Browser", 100),
    "os": ("OS", 100),
    "source": ("Source", 90),
    "channel": ("Channel", 130),
    "referrer": ("Referrer", 180),
    "order_id": ("Order", 120),
    "revenue": ("Revenue", 100),
    "currency": ("Currency", 95),
    "is_bot": ("Bot", 75),
    "visitor_id": ("Visitor", 180),
    "user_id": ("User", 120),
    "client_id": ("Client", 140),
    "session_key": ("Session", 180),
    "properties": ("Properties", 260),
    "event_id": ("Event id", 260),
}
"""Every column with its heading and width; ``time`` is ``ts`` in the site's time zone."""

FIRST = [
    "time",
    "event_name",
    "page_path",
    "product_name",
    "login_state",
    "country",
    "device",
    "source",
    "channel",
    "visitor_id",
]
NUMBERS = frozenset({"product_price", "revenue"})
SHOWN = "explore-columns"

_THEME = """themeQuartz.withParams({
    backgroundColor: 'var(--sg-surface)', foregroundColor: 'var(--sg-text)',
    headerBackgroundColor: 'var(--sg-surface)', headerTextColor: 'var(--sg-dim)', headerFontWeight: 550,
    borderColor: 'var(--sg-grid)', rowHoverColor: 'var(--sg-hover)', accentColor: 'var(--sg-accent)',
    selectedRowBackgroundColor: 'var(--sg-accent-soft)', browserColorScheme: 'inherit',
    fontFamily: 'inherit', fontSize: 13, headerFontSize: 12, wrapperBorder: false, wrapperBorderRadius: 0,
    spacing: 6, cellHorizontalPadding: 10
})"""

_OPTIONS = {
    "theme": {"function": _THEME},
    "rowHeight": 34,
    "headerHeight": 34,
    "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
    "suppressDragLeaveHidesColumns": True,
    "enableCellTextSelection": True,
    "suppressNoRowsOverlay": True,
    "loading": False,
}


def grid() -> Component:
    """The grid, still empty."""
    return dag.AgGrid(
        id="explore-grid",
        columnDefs=definitions(FIRST),
        rowData=[],
        defaultColDef={
            "sortable": False,
            "resizable": True,
            "filter": False,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions=_OPTIONS,
        getRowId="params.data.cursor",
        className="sg-grid-box",
        style={"height": None, "width": "100%"},
    )


def definitions(shown: list[str]) -> list[dict[str, Any]]:
    """Column definitions with the shown ones visible, always in the same order."""
    return [
        {
            "field": name,
            "headerName": heading,
            "width": width,
            "hide": name not in shown,
            "pinned": None,
            "type": "rightAligned" if name in NUMBERS else None,
            "tooltipField": name,
            "cellClass": "sg-cell-mono" if name in {"time", "properties", "event_id"} else None,
        }
        for name, (heading, width) in COLUMNS.items()
    ]


def column_menu() -> Component:
    """Which columns are shown; kept in this browser."""
    boxes = dmc.CheckboxGroup(
        dmc.SimpleGrid(
            [
                dmc.Checkbox(label=heading, value=name, size="xs", radius="sm")
                for name, (heading, _) in COLUMNS.items()
            ],
            cols=2,
            spacing="xs",
            verticalSpacing=8,
        ),
        id=SHOWN,
        value=FIRST,
        persistence=True,
        persistence_type="local",
        attributes={"root": {"aria-label": "Columns"}},
    )
    button = dmc.Button("Columns", leftSection=icon("columns"), variant="default", size="sm")
    return controls.popover(button, boxes, width=300, position="bottom-end")


def register(app: Any) -> None:
    """Show the chosen columns."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output("explore-grid", "columnDefs"), Input(SHOWN, "value")
    )
    @allow(ROWS)
    def choose(shown: Any) -> Any:
        names = [name for name in shown if isinstance(name, str)] if isinstance(shown, list) else []
        return definitions(names or FIRST)


def page(view: View) -> tuple[Answer, list[Row], dict[str, Any]]:
    """One page of rows, and the cursors of the pages before and after it.

    One row more than shown is asked for: it tells whether there is a further page.
    """
    limit = view.own("limit", "100")
    size = max(1, min(int(limit), 500)) if re.fullmatch("[0-9]{1,9}", limit) else 100
    after, before = view.own("after"), view.own("before")
    answer = view.ask("explore.events", limit=str(size + 1), after=after, before="" if after else before)
    rows = answer.rows
    if after and len(rows) <= size:
        # Newest page reached: show it full, from the top.
        after, before = "", ""
        answer = view.ask("explore.events", limit=str(size + 1))
        rows = answer.rows
    more = len(rows) > size
    rows = rows[1:] if after and more else rows[:size]
    rows = [_row(row, ZoneInfo(view.filters.time_zone)) for row in rows]
    return answer, rows, _pages(rows, newer=bool(before) or bool(after), older=more or bool(after))


def _pages(rows: list[Row], newer: bool, older: bool) -> dict[str, Any]:
    if not rows:
        return {"newer": None, "older": None, "span": ""}
    return {
        "newer": rows[0]["cursor"] if newer else None,
        "older": rows[-1]["cursor"] if older else None,
        "span": f"{numbers.whole(len(rows))} rows, {rows[0]['time'][:16]} back to {rows[-1]['time'][:16]}",
    }


def _row(row: Row, zone: ZoneInfo) -> Row:
    ts: datetime = row.pop("ts")
    local = ts.replace(tzinfo=UTC).astimezone(zone)
    return row | {
        "time": local.strftime("%Y-%m-%d %H:%M:%S.") + f"{local.microsecond // 1000:03d}",
        "utc": ts.isoformat(),
    }
