"""Cards: a title with help, a body drawn by one callback, and where the numbers come from."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from data_access.model import Stamp
from pages.parts import numbers
from pages.parts.icons import icon
from pages.parts.tips import tip

Component = Any


def card(
    card_id: str,
    title: str,
    help_text: str,
    *,
    controls: Component = None,
    height: int = 300,
    wide: bool = False,
) -> Component:
    """A card whose body the page draws into ``card_id``; shows a skeleton until then."""
    heading = html.Div(
        [
            html.H2(title, className="sg-card-title"),
            info(help_text, title),
            html.Div(controls, className="sg-card-controls"),
        ],
        className="sg-card-head",
    )
    return html.Section(
        [
            heading,
            html.Div(skeleton(height), id=card_id, className="sg-card-body", style={"minHeight": height}),
        ],
        className="sg-card sg-wide" if wide else "sg-card",
        **{"aria-label": title},
    )


def info(text: str, about: str) -> Component:
    """A small help button with a tooltip, also for keyboards."""
    return tip(icon("help"), text, "sg-help", f"About {about}: {text}")


def skeleton(height: int) -> Component:
    """A grey place holder while the first answer is on its way."""
    return dmc.Skeleton(height=height, radius="md")


def shown(content: Component, stamp: Stamp, csv: str) -> list[Component]:
    """A drawn card body: its content, then its stamp and CSV link."""
    return [html.Div(content, className="sg-card-content"), footer(stamp, csv)]


def footer(stamp: Stamp, csv: str) -> Component:
    """Under every chart and table: where its numbers come from, its rows as CSV, and their manifest."""
    links = [
        download("CSV", "download", csv, "All rows shown, as CSV"),
        download(
            "Manifest",
            "file",
            csv.replace("/csv/", "/manifest/", 1),
            "What the CSV was asked for, of which data, with its SHA-256",
        ),
    ]
    trust = html.Details(
        [html.Summary(numbers.stamp(stamp), className="sg-stamp"), html.Dl(_facts(stamp))],
        className="sg-trust",
    )
    return html.Div([trust, html.Span(links, className="sg-downloads")], className="sg-card-foot")


def download(label: str, shape: str, href: str, title: str) -> Component:
    """A link that takes a file."""
    return html.A(
        [icon(shape), label],
        href=href,
        className="sg-csv",
        download="",
        title=title,
        **{"aria-label": f"Download {label}: {title}"},
    )


def _facts(stamp: Stamp) -> list[Component]:
    return [part for term, text in numbers.trust(stamp) for part in (html.Dt(term), html.Dd(text))]


def link(label: str, href: str) -> Component:
    """A link that stays inside the page."""
    return dcc.Link(label, href=href, className="sg-link")
