"""The page for addresses that do not exist."""

from __future__ import annotations

from typing import Any

from dash import html

from pages.parts import cards, states
from pages.parts.view import View

Component = Any

NAME = "Page not found"


def layout(view: View) -> Component:
    """Say which address does not exist and lead back."""
    back = cards.link("Go to the overview", "/")
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            states.state(
                "alert", "There is nothing here", f"{view.path} is not a page of Streamgauge.", back
            ),
        ]
    )
