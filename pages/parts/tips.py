"""Explanations that show on hover, focus and touch; ``assets/js/tips.js`` draws them."""

from __future__ import annotations

from typing import Any

from dash import html

Component = Any


def tip(content: Component, text: str, name: str, said: str = "") -> Component:
    """A button that does nothing but explain itself.

    ``name`` is its look, ``said`` what people hear of it instead of its content.
    """
    label = {"aria-label": said} if said else {}
    return html.Button(
        content, type="button", className=f"sg-tipped {name}", **{"data-sg-tip": text}, **label
    )
