"""What the tabs about people and keys share: their tables, the buttons in them, and what is made once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import html

from pages.parts import cards, code_block, numbers
from pages.parts.view import View

Component = Any

HERE = {"withinPortal": False}
"""Drop-downs beside their fields."""


def focus(here: bool = True) -> dict[str, str]:
    """The mark of where work goes on."""
    return {"data-sg-focus": str(time.monotonic_ns())} if here else {}


def sentence(text: str) -> str:
    """A message as a sentence of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def section(card_id: str, title: str, about: str) -> Component:
    """A card whose content callbacks draw, with places above it for what was made once and what is said."""
    head = html.Div(
        [html.H2(title, className="sg-card-title"), cards.info(about, title)], className="sg-card-head"
    )
    return html.Section(
        [
            head,
            html.P(id=f"{card_id}-said", className="sg-admin-said", role="status"),
            html.P(id=f"{card_id}-problem", className="sg-problem sg-admin-problem", role="alert"),
            html.Div(id=f"{card_id}-made"),
            html.Div(cards.skeleton(180), id=card_id),
        ],
        className="sg-card sg-admin-card",
        **{"aria-label": title},
    )


def table(name: str, heads: Sequence[str], rows: Sequence[Component]) -> Component:
    """A table whose last column has buttons; on a phone every row is a block."""
    columns = [html.Th(head, scope="col") for head in heads]
    columns.append(html.Th(html.Span("Actions", className="sg-hidden"), scope="col"))
    return html.Table(
        [html.Thead(html.Tr(columns)), html.Tbody(rows)], className="sg-admin-table", **{"aria-label": name}
    )


def row(name: Component, cells: Sequence[Component], buttons: Sequence[Component]) -> Component:
    """A row: its name, its cells, as they are or made by ``cell``, and its buttons."""
    return html.Tr(
        [
            html.Th(name, scope="row"),
            *(one if isinstance(one, html.Td) else html.Td(one) for one in cells),
            html.Td(html.Div(buttons, className="sg-tools"), className="sg-admin-acts"),
        ]
    )


def cell(content: Component, label: str) -> Component:
    """A cell that on a phone, where no head stands above it, says what it is."""
    return html.Td(content, **{"data-label": label})


def wide(content: Component, columns: int) -> Component:
    """A row with something else in it: a question or a form."""
    return html.Tr(html.Td(content, colSpan=columns), className="sg-admin-wide")


def question(words: Component, buttons: Sequence[Component]) -> Component:
    """What is asked before something is done that cannot be undone."""
    return html.Div(
        [html.P(words, className="sg-admin-words"), html.Div(buttons, className="sg-tools")],
        className="sg-admin-ask",
    )


def button(
    card_id: str, do: str, text: Component, said: str, about: str = "", version: int = 0, **more: Any
) -> Component:
    """A button of a tab; ``said`` is what people hear. One that destroys is ``bad``, one that saves is
    ``main``; ``here`` brings the focus."""
    look = " sg-admin-bad" if more.get("bad") else " sg-apply" if more.get("main") else ""
    return html.Button(
        text,
        id={"type": f"{card_id}-do", "do": do, "about": about, "version": version},
        className=f"sg-button{look}",
        type="button",
        **({"aria-label": said} if said else {}),
        **focus(bool(more.get("here"))),
    )


def made(title: str, secret: str, about: str, note: Component, hide: Component) -> Component:
    """A secret that is shown once, with the focus on what copies it."""
    return html.Div(
        [
            html.Div([html.P(title, className="sg-connect-new-title"), hide], className="sg-admin-made-head"),
            code_block.block(secret, about, focus=True),
            html.P(note, className="sg-connect-new-note"),
        ],
        className="sg-connect-new",
    )


def moment(view: View, text: str) -> str:
    """A time in UTC as it is kept, as local time; a dash where none was kept."""
    if not text:
        return numbers.NO_VALUE
    kept = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    return numbers.moment(kept, view.backends.settings.zone_of(()))


def badge(text: str, look: str) -> Component:
    """A word for a state: good, waiting or off."""
    return html.Span(text, className=f"sg-admin-state sg-admin-{look}")
