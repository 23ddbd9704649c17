"""Icons: SVG shapes drawn by ``assets/icons.css`` as masks in the text's colour."""

from __future__ import annotations

from typing import Any

from dash import html


def icon(name: str) -> Any:
    """An icon beside text or inside a labelled button; hidden from screen readers."""
    return html.Span(className=f"sg-icon sg-icon-{name}", **{"aria-hidden": "true"})
