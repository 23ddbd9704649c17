"""Traffic: who comes, from where, to which pages, with what and when. A click on a row filters the page."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access.backends import Backends
from data_access.questions.figures import MAX_LIMIT
from data_access.questions.traffic import BY_TIME, METRICS
from data_access.roles import VIEW
from pages.parts import (
    cards,
    controls,
    countries,
    filters,
    heat_map,
    kpis,
    numbers,
    series,
    states,
    tables,
    world_map,
)
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any

PATH = "/traffic"
NAME = "Traffic"
ICON = "traffic"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

PAGES = [("page_path", "Pages"), ("entry_page", "Entry pages"), ("exit_page", "Exit pages")]
SOURCES = [
    ("entry_channel", "Channel"),
    ("entry_referrer", "Referrer"),
    ("entry_utm_source", "UTM source"),
    ("entry_utm_medium", "Medium"),
    ("entry_utm_campaign", "Campaign"),
]
TECHNOLOGY = [("device", "Devices"), ("browser", "Browsers"), ("os", "Operating systems")]
TIMES = [
    ("visitors", "Visitors"),
    ("sessions", "Sessions"),
    ("page_views", "Page views"),
    ("events", "Events"),
]

COLUMNS = ("visitors", "sessions", "bounce_rate")
"""What a table of half the page's width has room for; opened it has all of them."""
ROWS_HEIGHT = 388


def layout(view: View) -> Component:
    """Filter bar, figures, series, and a card per way to look at the visitors."""
    over_time = series.card(view, "traffic-series")
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div(dmc.Skeleton(height=132, radius="md"), id="traffic-kpis", className="sg-kpis-area"),
            html.Div([over_time, *_ranked(view), *_visitors(view)], className="sg-grid sg-traffic"),
        ]
    )


def _ranked(view: View) -> list[Component]:
    pages = cards.card(
        "traffic-pages",
        "Pages",
        "Where visitors were, and where their sessions began and ended.",
        controls=_tabs(view, "pages", "Which pages", PAGES),
        height=ROWS_HEIGHT,
    )
    sources = cards.card(
        "traffic-sources",
        "Sources",
        "Where sessions came from. Choose a channel to see its referrers.",
        controls=_tabs(view, "sources", "Which sources", SOURCES),
        height=ROWS_HEIGHT,
    )
    places = cards.card(
        "traffic-countries",
        "Countries",
        "Visitors by the country their events came from.",
        height=360,
        wide=True,
    )
    return [pages, sources, places]


def _visitors(view: View) -> list[Component]:
    technology = cards.card(
        "traffic-technology",
        "Technology",
        "What visitors use.",
        controls=_tabs(view, "technology", "Which technology", TECHNOLOGY),
        height=200,
    )
    returning = cards.card(
        "traffic-returning",
        "New and returning visitors",
        "New: the visitor's first event of all data is in the period. Returning: it was before.",
        height=200,
    )
    week = cards.card(
        "traffic-week",
        "Hours of the week",
        "The whole period by local day of the week and hour. Darker is more.",
        controls=_tabs(view, "week", "Which figure", TIMES),
        height=290,
        wide=True,
    )
    return [technology, returning, week]


def _tabs(view: View, key: str, label: str, options: controls.Options) -> Component:
    default = options[0][0]
    return controls.choice(key, label, options, view.own(key, default), default)


def register(app: Any, backends: Backends) -> None:
    """The page's cards."""
    for card_id, draw in (
        ("traffic-kpis", draw_kpis),
        ("traffic-series", draw_series),
        ("traffic-pages", draw_pages),
        ("traffic-sources", draw_sources),
        ("traffic-countries", draw_countries),
        ("traffic-technology", draw_technology),
        ("traffic-returning", draw_returning),
        ("traffic-week", draw_week),
    ):
        drawn(app, backends, card_id, draw)


def draw_kpis(view: View) -> Component:
    """The six figures with their change and course."""
    return kpis.draw(view, "traffic.kpis", "traffic.over_time", METRICS)


def draw_series(view: View) -> Component:
    """The chosen figure over time with the period before."""
    return series.draw(view, "traffic.over_time", METRICS, "traffic-series-graph")


def draw_pages(view: View) -> Component:
    """Pages, entry pages or exit pages."""
    by = controls.chosen(view, "pages", PAGES)
    columns = ("visitors", "page_views", "bounce_rate") if by == "page_path" else COLUMNS
    return _by(view, "traffic-pages", by, dict(PAGES)[by], columns)


def draw_sources(view: View) -> Component:
    """Channels, referrers or campaign parameters of sessions; a channel leads to its referrers."""
    by = controls.chosen(view, "sources", SOURCES)
    label = dict(SOURCES)[by]
    then = {"sources": "entry_referrer"} if by == "entry_channel" else {}
    return _by(view, "traffic-sources", by, f"Sources by {label.lower()}", head=label, then=then)


def draw_technology(view: View) -> Component:
    """Devices, browsers or operating systems."""
    by = controls.chosen(view, "technology", TECHNOLOGY)
    return _by(view, "traffic-technology", by, dict(TECHNOLOGY)[by])


def _by(
    view: View, card_id: str, by: str, label: str, columns: tuple[str, ...] = COLUMNS, **look: Any
) -> Component:
    return tables.ranked(
        view,
        card_id,
        "traffic.by",
        {"by": by},
        metrics=columns,
        opened_metrics=METRICS,
        label=label,
        dimension=by,
        **look,
    )


def draw_countries(view: View) -> Component:
    """All countries on a map, and as a table beside it."""
    own = {"by": "country", "limit": str(MAX_LIMIT)}
    answer = view.ask("traffic.by", **own)
    if not answer.rows:
        return states.empty(view)
    drawing = world_map.world_map(view, answer.rows, value="visitors", label="Visitors", unit="visitors")
    period = html.P(numbers.period(view.filters), className="sg-traffic-note")
    table = tables.table(
        view,
        answer.rows,
        metrics=COLUMNS,
        label="Countries",
        dimension="country",
        name=lambda row: countries.name(row["value"]),
    )
    box = html.Div(table, className="sg-ranked-scroll")
    both = html.Div([html.Div([drawing, period]), box], className="sg-traffic-countries")
    return cards.shown(both, answer.stamp, view.csv("traffic.by", **own))


def draw_returning(view: View) -> Component:
    """New and returning visitors, as parts of a bar and as a table."""
    answer = view.ask("traffic.new_and_returning")
    rows = [row | {"label": f"{row['visitor'].capitalize()} visitors"} for row in answer.rows]
    total = sum(row["visitors"] for row in rows)
    if not total:
        return states.empty(view)
    table = tables.table(
        view, rows, metrics=COLUMNS, label=NEW_AND_RETURNING, dimension=None, key="label", head="Visitors"
    )
    return cards.shown(
        [_split(view, rows, total), table], answer.stamp, view.csv("traffic.new_and_returning")
    )


NEW_AND_RETURNING = "New and returning visitors"


def _split(view: View, rows: list[dict[str, Any]], total: int) -> Component:
    """A bar of two or three parts, as long as their shares of the visitors."""
    parts = [
        html.Span(className=f"sg-parts-{row['visitor']}", style={"flexGrow": row["visitors"]}) for row in rows
    ]
    keys = [
        html.Span(
            [f"{row['visitor'].capitalize()} ", html.B(numbers.share(row["visitors"] / total))],
            className=f"sg-parts-key sg-parts-key-{row['visitor']}",
        )
        for row in rows
    ]
    period = html.Span(numbers.period(view.filters))
    return html.Div(
        [html.Div(parts, className="sg-parts-bar"), html.Div([*keys, period], className="sg-legend")],
        className="sg-parts",
    )


def draw_week(view: View) -> Component:
    """The hours of the week, shaded by the chosen figure."""
    metric = controls.chosen(view, "week", TIMES)
    answer = view.ask("traffic.by_weekday_and_hour")
    if not any(row[name] for row in answer.rows for name in BY_TIME):
        return states.empty(view)
    heat = heat_map.heat_map(view, answer.rows, metric)
    return cards.shown(heat, answer.stamp, view.csv("traffic.by_weekday_and_hour"))
