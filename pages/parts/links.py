"""Links to another view of the same page."""

from __future__ import annotations

from typing import Any

from dash import html

Component = Any


def stay(content: Component, href: str, name: str, **more: Any) -> Component:
    """A link that changes the page's query and does not scroll: ``assets/js/links.js`` follows it."""
    return html.A(content, href=href, className=f"{name} sg-stay", **more)
