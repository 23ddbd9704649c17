"""Code to be copied: text in a box that scrolls by itself, and a button. ``assets/js/copy.js`` copies."""

from __future__ import annotations

import time
from typing import Any

from dash import html

from pages.parts.icons import icon

Component = Any


def block(text: str, about: str, *, focus: bool = False) -> Component:
    """A box of code with its button. ``about`` is its name to who hears it; ``focus`` brings the focus."""
    mark = {"data-sg-focus": str(time.monotonic_ns())} if focus else {}
    copy = html.Button(
        [
            html.Span([icon("copy"), "Copy"], className="sg-code-copy"),
            html.Span([icon("check"), "Copied"], className="sg-code-copied"),
            html.Span(f" {about}", className="sg-hidden"),
        ],
        className="sg-button sg-code-button",
        type="button",
        **{"data-sg-copy": ""},
        **mark,
    )
    code = html.Pre(html.Code(text), tabIndex="0", **{"aria-label": about.capitalize()})
    return html.Div([code, copy], className="sg-code")


def said() -> Component:
    """Where it is said that something was copied; a page with code has it once."""
    return html.Div(id="copied", className="sg-hidden", role="status")
