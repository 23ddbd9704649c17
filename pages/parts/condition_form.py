"""The rows of the condition builder: blocks of conditions, each with its controls."""

from __future__ import annotations

import time
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access import conditions
from data_access.sql import DIMENSIONS, NUMBERS, SESSION_DIMENSIONS
from pages.parts import condition_rows, controls
from pages.parts.condition_rows import EMPTY, FILLED, MATCHES, Block, Draft, Row
from pages.parts.condition_words import label
from pages.parts.icons import icon

Component = Any

FIELDS = [
    {"group": "Event", "items": list(DIMENSIONS.values())},
    {"group": "Session", "items": list(SESSION_DIMENSIONS.values())},
    {"group": "Numbers", "items": list(NUMBERS.values())},
]
ROOT = -1
"""The number of the block whose match is that of the whole form."""


def form(draft: Draft | None, focus: tuple[int, int] | None = None) -> list[Component]:
    """The rows, or why there are none. ``focus`` is the row where work goes on."""
    if draft is None:
        text = "These conditions are nested more deeply than this form shows. Edit them as text below."
        return [html.P(text, className="sg-hint")]
    several = len(draft.blocks) > 1
    blocks = [_block(number, block, several, focus) for number, block in enumerate(draft.blocks)]
    more = html.Button(
        [icon("plus"), "Add a group"], id=action("add-group"), className="sg-button", type="button"
    )
    return [_how(draft, several), html.Ol(blocks, className="sg-blocks"), more]


def _how(draft: Draft, several: bool) -> Component:
    choice = dmc.SegmentedControl(
        id={"type": "cond-match", "block": ROOT},
        data=controls.data([("all", "All groups"), ("any", "Any group")]),
        value=draft.how,
        size="xs",
        attributes={"root": {"aria-label": "Which groups must match"}},
    )
    return html.Div(
        [choice, html.Span("must match", className="sg-dim")],
        className="sg-block-how" if several else "sg-block-how sg-off",
    )


def _block(number: int, block: Block, several: bool, focus: tuple[int, int] | None) -> Component:
    match = dmc.Select(
        id={"type": "cond-match", "block": number},
        data=controls.data((key, words) for key, (words, *_) in MATCHES.items()),
        value=block.match,
        allowDeselect=False,
        size="xs",
        className="sg-block-match",
        attributes={"input": {"aria-label": f"Group {number + 1}: how its conditions count"}},
    )
    remove = (
        controls.icon_button(action("remove-group", number), "trash", f"Remove group {number + 1}")
        if several
        else None
    )
    head = html.Div(
        [match, html.Span("these conditions", className="sg-dim"), remove], className="sg-block-head"
    )
    rows = [_row(number, at, row, focus == (number, at)) for at, row in enumerate(block.rows)]
    add = html.Button(
        [icon("plus"), "Condition"],
        id=action("add-condition", number),
        className="sg-step-add",
        type="button",
        **{"aria-label": f"Add a condition to group {number + 1}"},
    )
    return html.Li([head, *rows, add], className="sg-block")


def _row(block: int, at: int, row: Row, focus: bool) -> Component:
    place = {"block": block, "row": at}
    said = f"Group {block + 1}, condition {at + 1}"
    mark = {"data-sg-focus": str(time.monotonic_ns())} if focus else {}
    field = dmc.Autocomplete(
        id={"type": "cond-field", **place},
        data=FIELDS,
        value=label(row.name),
        placeholder="Field or properties.name",
        selectFirstOptionOnChange=True,
        maxDropdownHeight=260,
        size="xs",
        debounce=True,
        attributes={"input": {"aria-label": f"{said}: field"} | mark},
    )
    operator = dmc.Select(
        id={"type": "cond-operator", **place},
        data=controls.data(condition_rows.operators(row.name, row.operator).items()),
        value=row.operator,
        allowDeselect=False,
        size="xs",
        attributes={"input": {"aria-label": f"{said}: comparison"}},
    )
    remove = controls.icon_button(
        action("remove-condition", block, at), "close", f"Remove {said[0].lower()}{said[1:]}"
    )
    return html.Div([field, operator, _values(place, row, said), remove], className="sg-row")


def _values(place: dict[str, int], row: Row, said: str) -> Component:
    order = row.operator in conditions.ORDERS
    return dmc.TagsInput(
        id={"type": "cond-value", **place},
        value=list(row.values),
        # It drops chosen values that are not among those to offer.
        data=list(row.values),
        maxTags=1 if order else 100,
        placeholder="a number" if order else "any of these",
        maxDropdownHeight=220,
        size="xs",
        className="sg-off" if row.operator in (EMPTY, FILLED) else "sg-row-values",
        **{"aria-label": f"{said}: values"},
    )


def action(what: str, block: int = ROOT, row: int = 0) -> dict[str, Any]:
    """The id of a button of the builder."""
    return {"type": "cond-action", "do": what, "block": block, "row": row}
