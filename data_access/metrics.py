"""Every metric, once: what pages, CSV headers, tooltips, manifests and docs/metrics.md say comes from here.

A metric is worked out from one source. ``events``, ``visits`` and ``sales`` are relations that
``questions/figures.py`` builds (the events that match; the whole sessions they belong to; one row an
order): there ``sql`` is an aggregate. The source ``metrics`` is the others: there ``sql`` is arithmetic
over the metrics it ``needs``. Metrics of the source ``question`` are worked out by their question alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from data_access.model import UsageError

Kind = Literal["count", "number", "percent", "share", "seconds", "money"]
Worse = Literal["more", "less", "neither"]
Source = Literal["events", "visits", "sales", "metrics", "question"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. ``name`` is its column, ``help`` its docstring, ``formula`` the definition in words.

    ``kind`` says how it is written and compared; ``unit`` is what one of it is (``{currency}`` stands for
    the site's). ``sql`` may hold ``{views}``, ``{carts}``, ``{checkouts}`` and ``{purchases}``, the
    conditions for the event names of a role, ``{currency}``, and ``{same}``, "in the site's currency".
    ``additive`` ones sum up over rows that share no event.
    """

    name: str
    label: str
    kind: Kind
    unit: str
    help: str
    formula: str
    source: Source
    sql: str = ""
    needs: tuple[str, ...] = ()
    additive: bool = False

    @property
    def in_points(self) -> bool:
        """Whether a change is a difference in percentage points."""
        return self.kind in ("percent", "share")

    @property
    def points(self) -> float:
        """Percentage points in a difference of one."""
        return 100.0 if self.kind == "share" else 1.0

    @property
    def change_unit(self) -> str:
        """The unit of its change."""
        return "pp" if self.in_points else "%"

    @property
    def worse(self) -> Worse:
        """Which way of change is bad news."""
        return _WORSE.get(self.name, "less")

    @property
    def nothing(self) -> float | None:
        """Its value where there is no event: 0 when counted or summed, else none."""
        return 0 if self.kind == "count" or self.additive or self.name in _ZERO_RATES else None


_ZERO_RATES = ("checkout_rate", "conversion")
"""Rates that the R Shiny dashboard showed as 0 where there was nothing to divide by."""

_WORSE: dict[str, Worse] = {
    "bounce_rate": "more",
    "discount_share": "neither",
    "foreign_orders": "neither",
    "median_seconds": "more",
    "p90_seconds": "more",
    "share": "neither",
}
"""Metrics of which more is not better."""


def _count(condition: str) -> str:
    return f"count(case when {condition} then 1 end)"


def _sum(amount: str) -> str:
    """Amounts add up exactly, in ten-thousandths: sums of binary fractions depend on their order, and
    engines do not agree on the decimal that is nearest to a double."""
    whole = f"try_cast(round(({amount}) * 10000) as bigint)"
    return f"(cast(sum(cast({whole} as decimal(38, 0))) as double) / 10000)"


def _percent(part: str, whole: str) -> str:
    return f"cast(100 * {part} as double) / nullif({whole}, 0)"


_ALL = (
    Metric(
        "events", "Total events", "count", "events",
        "Every event of the period that matches the filters.",
        "number of events", "events", "count(*)", additive=True,
    ),
    Metric(
        "clients", "Unique clients", "count", "clients",
        "Browsers or devices.",
        "distinct client_id", "events", "count(distinct client_id)",
    ),
    Metric(
        "visitors", "Visitors", "count", "visitors",
        "People, as well as they can be told apart: by user id, else client id, else session id.",
        "distinct visitor_id", "events", "count(distinct visitor_id)",
    ),
    Metric(
        "sessions", "Sessions", "count", "sessions",
        "Visits; a new one starts after 30 minutes without an event.",
        "distinct sessions with a matching event", "events", "count(distinct session_key)",
    ),
    Metric(
        "page_views", "Page views", "count", "page views",
        "Pages shown.",
        "events of type page_view", "events", _count("event_type = 'page_view'"), additive=True,
    ),
    Metric(
        "share", "Share", "share", "0 to 1",
        "Part of all events that match the filters.",
        "events ÷ events of all rows, also of those a limit leaves out", "metrics",
        "cast(events as double) / nullif(sum(events) over (), 0)", ("events",), additive=True,
    ),
    Metric(
        "bounce_rate", "Bounce rate", "percent", "%",
        "Sessions that saw one page only, of the sessions that saw any.",
        "100 · sessions with exactly 1 page view ÷ sessions with a page view, over whole sessions", "visits",
        _percent(_count("page_views = 1"), _count("page_views > 0")),
    ),
    Metric(
        "pages_per_session", "Pages per session", "number", "page views per session",
        "How many pages a session sees on average.",
        "page views ÷ sessions", "metrics",
        "cast(page_views as double) / nullif(sessions, 0)", ("page_views", "sessions"),
    ),
    Metric(
        "median_session_seconds", "Median session", "seconds", "s",
        "Half of the sessions last longer than this. A session lasts from its first to its last event.",
        "median of last − first event, over whole sessions", "visits",
        "avg(case when 2 * place >= total and 2 * place <= total + 2 then seconds end)",
    ),
    Metric(
        "product_views", "Product views", "count", "product views",
        "Product pages shown.",
        "events named as in the setting view_events", "events", _count("{views}"), additive=True,
    ),
    Metric(
        "add_to_carts", "Add to carts", "count", "add-to-cart events",
        "Products put into a cart.",
        "events named as in the setting cart_events", "events", _count("{carts}"), additive=True,
    ),
    Metric(
        "checkout_starts", "Checkouts started", "count", "checkout starts",
        "Checkouts begun.",
        "events named as in the setting checkout_events", "events", _count("{checkouts}"), additive=True,
    ),
    Metric(
        "purchases", "Purchases", "count", "purchase events",
        "Completed checkouts.",
        "events named as in the setting purchase_events", "events", _count("{purchases}"), additive=True,
    ),
    Metric(
        "buyers", "Buyers", "count", "visitors",
        "Visitors with a completed checkout.",
        "distinct visitor_id of purchase events", "events",
        "count(distinct case when {purchases} then visitor_id end)",
    ),
    Metric(
        "checkout_rate", "Checkout rate", "percent", "%",
        "checkout_complete events per 100 add_to_cart_click events; the R Shiny dashboard's event ratio.",
        "100 · purchases ÷ add to carts, 1 decimal, 0 if none", "metrics",
        f"coalesce(round({_percent('purchases', 'add_to_carts')}, 1), 0)", ("purchases", "add_to_carts"),
    ),
    Metric(
        "conversion", "Conversion", "percent", "%",
        "Visitors with a completed checkout, per 100 visitors.",
        "100 · buyers ÷ visitors, 1 decimal, 0 if none", "metrics",
        f"coalesce(round({_percent('buyers', 'visitors')}, 1), 0)", ("buyers", "visitors"),
    ),
    Metric(
        "cart_rate", "View to cart", "percent", "%",
        "Add-to-cart events per 100 product views.",
        "100 · add to carts ÷ product views", "metrics",
        _percent("add_to_carts", "product_views"), ("add_to_carts", "product_views"),
    ),
    Metric(
        "checkout_start_rate", "Cart to checkout", "percent", "%",
        "Checkouts started per 100 add-to-cart events.",
        "100 · checkouts started ÷ add to carts", "metrics",
        _percent("checkout_starts", "add_to_carts"), ("checkout_starts", "add_to_carts"),
    ),
    Metric(
        "purchase_rate", "Checkout to purchase", "percent", "%",
        "Purchases per 100 checkouts started.",
        "100 · purchases ÷ checkouts started", "metrics",
        _percent("purchases", "checkout_starts"), ("purchases", "checkout_starts"),
    ),
    Metric(
        "orders", "Orders", "count", "orders",
        "Orders placed; one that several events name counts once.",
        "distinct order_id of purchase events; a purchase event without one is an order of its own",
        "sales", "count(*)", additive=True,
    ),
    Metric(
        "revenue", "Revenue", "money", "{currency}",
        "What was paid for orders in the site's currency; an event without one is taken to be in its site's.",
        "sum of revenue of the first purchase event of each order, in the site's currency",
        "sales", "coalesce(" + _sum("case when {same} then revenue end") + ", 0)", additive=True,
    ),
    Metric(
        "paid_orders", "Orders with revenue", "count", "orders",
        "Orders whose revenue is known and in the site's currency.",
        "orders with a revenue in the site's currency",
        "sales", _count("{same} and revenue is not null"), additive=True,
    ),
    Metric(
        "foreign_orders", "Orders in other currencies", "count", "orders",
        "Orders that revenue leaves out, as they are not in the site's currency.",
        "orders with another currency", "sales", _count("not {same}"), additive=True,
    ),
    Metric(
        "average_order_value", "Average order value", "money", "{currency}",
        "What an order is worth on average, over orders whose revenue is known.",
        "revenue ÷ orders with revenue", "metrics",
        "cast(revenue as double) / nullif(paid_orders, 0)", ("revenue", "paid_orders"),
    ),
    Metric(
        "discount_share", "Discount share", "percent", "%",
        "How much of the list price of what was ordered was given as discount.",
        "100 · (list prices − prices paid) ÷ list prices, over orders with a list price", "sales",
        _percent(
            _sum("product_price - coalesce(product_discount_price, product_price)"), _sum("product_price")
        ),
    ),
    Metric(
        "searches", "Searches", "count", "searches",
        "Searches made.",
        "events with a search term", "events", _count("coalesce(search_term, '') <> ''"), additive=True,
    ),
    Metric(
        "followed", "Followed by a product view", "count", "searches",
        "Searches after which the same session viewed a product.",
        "searches with a product view at the same time or later in their session", "question", additive=True,
    ),
    Metric(
        "followed_share", "Search success", "percent", "%",
        "Searches that led to a product, of all searches of the term.",
        "100 · searches followed by a product view ÷ searches", "question",
    ),
    Metric(
        "reached", "Reached", "count", "visitors or sessions",
        "Visitors or sessions that get as far as this step.",
        "see docs/decisions/0005-funnel-definition.md", "question",
    ),
    Metric(
        "from_step_before", "From the step before", "share", "0 to 1",
        "Part of those at the step before who get to this one.",
        "reached ÷ reached at the step before", "question",
    ),
    Metric(
        "from_first", "From the first step", "share", "0 to 1",
        "Part of those at the first step who get to this one.",
        "reached ÷ reached at the first step", "question",
    ),
    Metric(
        "median_seconds", "Median time", "seconds", "s",
        "Half of those who reach this step take longer to it from the step before.",
        "median of the time from the step before", "question",
    ),
    Metric(
        "p90_seconds", "90th percentile of time", "seconds", "s",
        "One in ten of those who reach this step takes longer to it from the step before.",
        "90th percentile of the time from the step before (definition 7 of Hyndman and Fan, 1996)",
        "question",
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""Every metric by name."""


def metric(name: str) -> Metric:
    """A metric. Raises UsageError for an unknown name."""
    if name not in METRICS:
        raise UsageError(f"{name!r} is no metric; it takes one of {', '.join(METRICS)}")
    return METRICS[name]


def needed(names: Iterable[str]) -> list[Metric]:
    """Metrics and all that they are worked out from, each once, before what needs it."""
    return list(dict.fromkeys(_needed(names)))


def _needed(names: Iterable[str]) -> Iterator[Metric]:
    for name in names:
        yield from _needed(METRICS[name].needs)
        yield METRICS[name]


LOCAL_TIMES = ("time", "time_previous")
"""Columns that hold the site's own times; all other times are UTC."""


CHANGES = ("_change", "_change_low", "_change_high")
"""Endings of columns that hold a metric's change, or an end of its confidence interval."""


def told(column: str) -> tuple[Metric | None, str]:
    """The metric that a column is about, and what the column's name adds to the metric's; None for none."""
    for suffix in (*CHANGES, "_previous", ""):
        found = METRICS.get(column.removesuffix(suffix)) if column.endswith(suffix) else None
        if found is not None:
            return found, suffix
    return None, ""


def header(column: str, currency: str, time_zone: str = "UTC") -> str:
    """A CSV column's header: its name, and its unit or zone where that does not go without saying."""
    if column in LOCAL_TIMES:
        return f"{column} [{time_zone}]"
    found, suffix = told(column)
    if found is None:
        return column
    if suffix in CHANGES:
        return f"{column} [{found.change_unit}]"
    return column if found.kind == "count" else f"{column} [{found.unit.format(currency=currency)}]"
