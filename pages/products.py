"""Products: what is viewed, put into carts and bought, for how much, and what is searched for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access.backends import Backends
from data_access.metrics import METRICS
from data_access.model import Answer, Stamp
from data_access.questions.figures import MAX_LIMIT
from data_access.questions.products import METRICS as COLUMNS
from data_access.questions.products import RATES, STEPS
from data_access.roles import VIEW
from pages.parts import cards, controls, filters, kpis, numbers, product_gaps, series, states, tables
from pages.parts.drawing import drawn
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]

PATH = "/products"
NAME = "Products"
ICON = "products"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

SALES = ("orders", "revenue", "average_order_value", "discount_share", "searches")
OVER_TIME = (*STEPS, "orders", "revenue")
TOP = ("events", "visitors", "share")
SEARCH = ("searches", "visitors", "sessions", "followed", "followed_share")

BY = [
    ("product_name", "Product"),
    ("product_category", "Category"),
    ("product_brand", "Brand"),
    ("product_id", "Product ID"),
]
SEARCHES = [("all", "Top terms"), ("unanswered", "Never followed by a product view")]
TABLE = "products-table"


def layout(view: View) -> Component:
    """Filter bar, the way from view to purchase, sales, and what they are made of."""
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div(dmc.Skeleton(height=230, radius="md"), id="products-kpis", className="sg-kpis-area"),
            html.Div(
                [series.card(view, "products-series"), _table_card(view), *_lists(view)], className="sg-grid"
            ),
        ]
    )


def _table_card(view: View) -> Component:
    by = controls.choice("by", "Products by", BY, view.own("by", BY[0][0]), BY[0][0])
    return cards.card(
        TABLE,
        "Products",
        "From view to purchase and what it brought, by what the events name. An order counts for what its "
        "first purchase event names. Choose a row to see only this.",
        controls=html.Div([_sort(view), by], className="sg-products-controls"),
        height=420,
        wide=True,
    )


def _sort(view: View) -> Component:
    return dmc.Select(
        id=controls.param("sort", COLUMNS[0]),
        data=controls.data((name, METRICS[name].label) for name in COLUMNS),
        value=view.own("sort", COLUMNS[0]),
        allowDeselect=False,
        size="xs",
        leftSection="Sort by",
        leftSectionWidth=58,
        attributes={"input": {"aria-label": "Sort by"}},
    )


def _lists(view: View) -> list[Component]:
    about = "Events that name a product, by id or name; events without a {} are unknown."
    categories = cards.card("products-categories", "Top 10 categories", about.format("category"), height=340)
    brands = cards.card("products-brands", "Top 10 brands", about.format("brand"), height=340)
    only = controls.choice("searches", "Which searches", SEARCHES, view.own("searches", "all"), "all")
    searches = cards.card(
        "products-searches",
        "Searches",
        "What visitors search for, and whether a product view of the same session follows.",
        controls=only,
        height=340,
        wide=True,
    )
    return [categories, brands, searches]


def register(app: Any, backends: Backends) -> None:
    """The page's cards."""
    for card_id, draw in (
        ("products-kpis", draw_kpis),
        ("products-series", draw_series),
        (TABLE, draw_table),
        ("products-categories", draw_categories),
        ("products-brands", draw_brands),
        ("products-searches", draw_searches),
    ):
        drawn(app, backends, card_id, draw)


def draw_kpis(view: View) -> Component:
    """The steps with the rates between them, and under them what was sold."""
    answer = view.ask("products.kpis")
    row, stamp = answer.rows[0], answer.stamp
    course = view.past(view.ask("products.over_time").rows)

    def tile(name: str) -> Component:
        return kpis.tile(view, name, OVER_TIME, row, course, stamp)

    steps: list[Component] = [tile(STEPS[0])]
    for rate, step in zip(RATES, STEPS[1:], strict=True):
        steps += [_between(view, rate, row, stamp), tile(step)]
    return [
        html.Div(steps, className="sg-kpis sg-products-steps"),
        html.Div([tile(name) for name in SALES], className="sg-kpis sg-products-sales"),
        cards.footer(stamp, view.csv("products.kpis")),
    ]


def _between(view: View, name: str, row: Row, stamp: Stamp) -> Component:
    """The rate from one step to the next."""
    metric = METRICS[name]
    about = cards.info(numbers.about(metric, view.filters), metric.label)
    value = html.Span(
        numbers.metric(metric, row[name], view.filters.currency), className="sg-products-rate-value"
    )
    return html.Div(
        [
            html.Div([html.Span(metric.label, className="sg-kpi-label"), about], className="sg-kpi-head"),
            html.Div([value, icon("right")], className="sg-products-rate-line"),
            kpis.change(view, metric, row, stamp),
        ],
        className="sg-products-rate",
    )


def draw_series(view: View) -> Component:
    """The chosen figure over time with the period before."""
    return _nothing(view) or series.draw(view, "products.over_time", OVER_TIME, "products-series-graph")


def draw_table(view: View) -> Component:
    """From view to purchase by product, category or brand, and the events that name none."""
    by, sort = controls.chosen(view, "by", BY), view.own("sort", COLUMNS[0])
    opened = tables.is_open(view, TABLE)
    own = {"by": by, "sort": sort, "limit": str(MAX_LIMIT if opened else tables.SHORT)}
    answer = view.ask("products.by", **own)
    if empty := _nothing(view):
        return empty
    return cards.shown(
        [
            _table(view, answer, by, sort, opened),
            tables.more(view, TABLE, answer.stamp),
            product_gaps.left_out(view, by),
        ],
        answer.stamp,
        view.csv("products.by", **own),
    )


def _table(view: View, answer: Answer, by: str, sort: str, opened: bool) -> Component:
    if not answer.rows:
        return html.P(f"No event names {product_gaps.FIELDS[by]} in this period.", className="sg-hint")
    table = tables.table(
        view,
        answer.rows,
        metrics=(sort, *(name for name in COLUMNS if name != sort)),
        label=f"From view to purchase by {dict(BY)[by].lower()}",
        dimension=by,
        wide=True,
    )
    name = "sg-products-box sg-ranked-all" if opened else "sg-products-box"
    return html.Div(
        table, className=name, tabIndex="0", role="region", **{"aria-label": "Products, all columns"}
    )


def draw_categories(view: View) -> Component:
    """The ten categories with most events."""
    return _top(view, "products-categories", "product_category", "Top categories")


def draw_brands(view: View) -> Component:
    """The ten brands with most events."""
    return _top(view, "products-brands", "product_brand", "Top brands")


def _top(view: View, card_id: str, by: str, label: str) -> Component:
    return _nothing(view) or tables.ranked(
        view, card_id, "products.top", {"by": by}, metrics=TOP, label=label, dimension=by
    )


def draw_searches(view: View) -> Component:
    """Search terms, all or those that led to no product."""
    only = controls.chosen(view, "searches", SEARCHES)
    if not view.ask("products.kpis").rows[0]["searches"]:
        return states.state("inbox", *_no_searches(view)) if _any_events(view) else states.empty(view)
    if only == "unanswered" and not view.ask("products.searches", only=only, limit="1").rows:
        return states.state(
            "check", "Every search term led to a product", "A product view followed each of them."
        )
    return tables.ranked(
        view,
        "products-searches",
        "products.searches",
        {"only": only},
        metrics=SEARCH,
        label=dict(SEARCHES)[only],
        dimension="search_term",
        key="search_term",
    )


def _no_searches(view: View) -> tuple[str, str]:
    days = numbers.days(view.filters.from_day, view.filters.to_day)
    return f"No searches in {days}", "An event is a search when it has a search term."


def _any_events(view: View) -> bool:
    return bool(view.ask("overview.kpis").rows[0]["events"])


def _nothing(view: View) -> Component:
    """What to show without any product event, and None where there are some."""
    row = view.ask("products.kpis").rows[0]
    if any(row[name] for name in STEPS):
        return None
    if not _any_events(view):
        return states.empty(view)
    settings = zip(product_gaps.STEP_WORDS, product_gaps.names(view), strict=True)
    named = ", ".join(f"{word}_events ({' or '.join(events)})" for word, events in settings)
    days = numbers.days(view.filters.from_day, view.filters.to_day)
    return states.state(
        "inbox", f"No product events in {days}", f"Product events are named in the settings {named}."
    )
