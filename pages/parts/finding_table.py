"""The table of findings: a page of rows, sorted by the server, with boxes to choose findings by.

``assets/js/findings.js`` keeps which are chosen.
"""

from __future__ import annotations

from typing import Any

from dash import html

from data_access import moments
from data_access.finding_columns import Rows
from data_access.findings import Row
from data_access.model import UsageError
from pages.parts import cards, numbers, states
from pages.parts.finding_desk import STATE_WORDS, Desk
from pages.parts.finding_words import age, day, moment, severity, short, status
from pages.parts.icons import icon
from pages.parts.links import stay

Component = Any

SIZES = [(size, f"{size} rows") for size in ("25", "50", "100", "200")]
_MOST = 300
"""Characters of a text in the list; the finding itself shows all."""
COLUMNS = {
    "severity": ("Severity", True),
    "title": ("Finding", False),
    "resource_type": ("Resource", False),
    "account": ("Account", False),
    "region": ("Region", False),
    "status": ("Status", False),
    "opened": ("Open for", False),
    "updated": ("Updated", True),
}
"""What the columns sort by, their heads, and whether they start with the greatest."""


def sorting(desk: Desk) -> tuple[str, bool]:
    """The column the URL sorts by, and whether downwards. Raises UsageError for one there is not."""
    name = desk.view.own("sort", "severity")
    if name not in COLUMNS:
        raise UsageError(f"sort={name!r}; it takes {', '.join(COLUMNS)}")
    order = desk.view.own("order") or ("down" if COLUMNS[name][1] else "up")
    if order not in {"down", "up"}:
        raise UsageError(f"order={order!r}; it takes down or up")
    return name, order == "down"


def draw(desk: Desk, *, picking: bool) -> tuple[Component, int]:
    """The page of rows with its paging, and how many findings match; with ``picking`` each row has a box.

    Raises UsageError for a page or an order there is not.
    """
    rows = desk.select(desk.wanted)
    if not len(rows):
        return _nothing(desk), 0
    size = _whole(desk, "limit", int(SIZES[0][0]), 1, int(SIZES[-1][0]))
    start = min(_whole(desk, "start", 0, 0, 10**9), (len(rows) - 1) // size * size)
    found = desk.view.backends.findings.rows(_keys(desk, rows, start, size))
    table = html.Table(
        [html.Thead(_heads(desk, picking)), html.Tbody([_row(desk, row, picking) for row in found])],
        className="sg-findings",
        **{"aria-label": "Findings"},
    )
    box = html.Div(table, className="sg-findings-box")
    return [box, _paging(desk, len(rows), start, size)], len(rows)


def _keys(desk: Desk, rows: Rows, start: int, count: int) -> list[str]:
    name, down = sorting(desk)
    return desk.index.page(rows, name, down=down, start=start, count=count)


def _whole(desk: Desk, name: str, default: int, least: int, most: int) -> int:
    text = desk.view.own(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise UsageError(f"{name}={text[:20]!r}; it takes {least} to {most}")
    return int(text)


def _nothing(desk: Desk) -> Component:
    state = STATE_WORDS[desk.wanted.state].lower()
    actions = []
    if desk.wanted.state != "all":
        actions.append(stay("Show every state", desk.link(state="all"), "sg-link"))
    if set(desk.view.raw) - {"state"}:
        actions.append(cards.link("Clear filters", desk.view.path))
    words = "No findings match" if state == "all" else f"No {state} findings match"
    return states.state("check", words, "Try fewer filters or another state.", actions)


def _heads(desk: Desk, picking: bool) -> Component:
    heads = [_head(desk, name) for name in COLUMNS]
    if picking:
        heads.insert(0, html.Th(_box("sg-pick-all", "Choose all on this page"), className="sg-pick-cell"))
    return html.Tr(heads)


def _box(name: str, said: str, **data: str) -> Component:
    """A box to tick; the script that keeps what is ticked draws its mark."""
    return html.Button(
        type="button", role="checkbox", className=f"sg-pick {name}", **{"aria-checked": "false"}, **data,
        **{"aria-label": said},
    )  # fmt: skip


def _head(desk: Desk, name: str) -> Component:
    label, first_down = COLUMNS[name]
    current, down = sorting(desk)
    goes_down = not down if name == current else first_down
    default = name == "severity" and goes_down
    link = desk.link(
        sort=None if default else name, order=None if goes_down == first_down else _way(goes_down)
    )
    arrow = icon("arrow-down" if down else "arrow-up") if name == current else None
    sort = {"aria-sort": "descending" if down else "ascending"} if name == current else {}
    return html.Th(
        stay([label, arrow], link, "sg-sort", title=f"Sort by {label.lower()}"),
        scope="col",
        className=f"sg-col-{name}",
        **sort,
    )


def _way(down: bool) -> str:
    return "down" if down else "up"


def _row(desk: Desk, row: Row, picking: bool) -> Component:
    link = desk.view.link(finding=row.key)
    opened = desk.view.own("finding") == row.key
    title = html.Th(
        [
            stay(row.title[:_MOST] or "(no title)", link, "sg-finding-title"),
            html.Div([(row.control or row.provider)[:_MOST], _flag(row)], className="sg-finding-small"),
        ],
        scope="row",
        className="sg-col-title",
    )
    resource = [
        html.Div(short(row.resource_id)[:_MOST], className="sg-finding-cut"),
        _small(row.resource_type[:_MOST]),
    ]
    cells = {
        "severity": severity(row.severity),
        "resource_type": html.Div(resource, title=row.resource_id[:_MOST]),
        "account": row.account[:_MOST] or numbers.NO_VALUE,
        "region": row.region[:_MOST] or numbers.NO_VALUE,
        "status": html.Div(status(row), className="sg-finding-status"),
        "opened": _open_for(desk, row),
        "updated": html.Span(day(row.updated, desk.zone), title=moment(row.updated, desk.zone)),
    }
    made = [
        title if name == "title" else html.Td(cells[name], className=f"sg-col-{name}") for name in COLUMNS
    ]
    if picking:
        data = {"data-key": row.key, "data-version": str(row.workflow.version)}
        box = _box("sg-pick-one", f"Choose {row.title[:120]}", **data)
        made.insert(0, html.Td(box, className="sg-pick-cell"))
    return html.Tr(made, className="sg-current" if opened else None)


def _small(text: str) -> Component:
    return html.Div(text, className="sg-finding-small")


def _flag(row: Row) -> Component:
    return (
        html.Span(" · flagged at import", title="Its document has flaws; see its details")
        if row.flagged
        else None
    )


def _open_for(desk: Desk, row: Row) -> Component:
    if row.opened is None:
        return numbers.NO_VALUE
    late = desk.now - row.opened - desk.targets[row.severity]
    since = html.Span(age(desk.now - row.opened), title=f"Since {moment(row.opened, desk.zone)}")
    if late <= 0:
        return since
    target = f"The target for {row.severity.lower()} is {desk.targets[row.severity] / moments.DAY:,.0f} d"
    return [since, html.Div(f"{age(late)} over", className="sg-late sg-finding-small", title=target)]


def _paging(desk: Desk, count: int, start: int, size: int) -> Component:
    last = min(start + size, count)
    words = f"{numbers.whole(start + 1)} to {numbers.whole(last)} of {numbers.counted(count, 'finding')}"
    back = _turn(desk, "Previous", "left", start - size if start else None)
    on = _turn(desk, "Next", "right", last if last < count else None)
    return html.Nav(
        [html.Span(words, className="sg-dim"), html.Div([back, on], className="sg-tools")],
        className="sg-paging",
        **{"aria-label": "Pages of findings"},
    )


def _turn(desk: Desk, label: str, way: str, start: int | None) -> Component:
    parts = [icon(way), label] if way == "left" else [label, icon(way)]
    if start is None:
        return html.Button(parts, className="sg-button", type="button", disabled=True)
    return stay(parts, desk.view.link(start=str(max(start, 0)) if start > 0 else None), "sg-button")
