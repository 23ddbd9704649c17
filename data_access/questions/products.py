"""Products: what is viewed, put into carts and bought, and what is searched for."""

from __future__ import annotations

from dataclasses import replace

from data_access.model import Condition, Filters, Group, Sql, UsageError
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import compared, dimension_key, limit, ranked, total
from data_access.questions.series import over_time
from data_access.sql import Params, holds, in_list, where

DIMENSIONS = ("product_name", "product_id", "product_category", "product_brand")
STEPS = ("product_views", "add_to_carts", "checkout_starts", "purchases")
RATES = ("cart_rate", "checkout_start_rate", "purchase_rate")
SALES = ("orders", "revenue", "average_order_value", "discount_share")
METRICS = (*STEPS, *RATES, *SALES)
SUMS = ("events", *STEPS, "orders", "revenue", "foreign_orders")
TOP = ("events", "visitors", "sessions", "share")
SEARCH = ("searches", "visitors", "sessions", "followed", "followed_share")
_BY = Param("by", "product_name", f"One of {', '.join(DIMENSIONS)}")
_LIMIT = Param("limit", "10", "Rows, 1 to 1,000")


def kpis(ask: Ask) -> Sql:
    """One row of the key figures."""
    return total(ask, (*METRICS, "foreign_orders", "searches"))


def by(ask: Ask) -> Sql:
    """From view to purchase, and sales, by product, category or brand; events without one are left to
    ``missing``. An order counts for what its first purchase event names."""
    sort = ask.values["sort"]
    if sort not in METRICS:
        raise UsageError(f"sort={sort!r}; it takes {', '.join(METRICS)}")
    named = Group("all", (_of_a_step(ask.filters), Condition(_dimension(ask), "!=")))
    return ranked(_narrowed(ask, named), METRICS, dimension_key(_dimension(ask)), sort)


def missing(ask: Ask) -> Sql:
    """One row: the events of a step that do not name a product, category or brand, and their sales."""
    nameless = Group("all", (_of_a_step(ask.filters), Condition(_dimension(ask), "=")))
    return total(_narrowed(ask, nameless), SUMS)


def top(ask: Ask) -> Sql:
    """Categories or brands by events that name a product (by id or name); blank is 'unknown'."""
    named = Group("any", (Condition("product_id", "!="), Condition("product_name", "!=")))
    return ranked(_narrowed(ask, named), TOP, dimension_key(_dimension(ask)), "events")


def searches(ask: Ask) -> Sql:
    """Search terms, most searched first, and how many of their searches a product view followed."""
    params = Params({})
    only = ask.values["only"]
    if only not in _ONLY:
        raise UsageError(f"only={only!r}; it takes {', '.join(_ONLY)}")

    def side(filters: Filters) -> str:
        return _search_terms(filters, ask, params)

    return compared(ask, params, SEARCH, "search_term", "searches", side, _ONLY[only])


_ONLY = {"all": "1 = 1", "unanswered": "present.followed = 0"}


def _search_terms(filters: Filters, ask: Ask, params: Params) -> str:
    views = in_list("event_name", filters.roles.views, params)
    anything = replace(filters, where=Group())
    followed = "count(case when session_key is not null and last_view >= ts then 1 end)"
    return f"""
    select search_term, count(*) as searches, count(distinct visitor_id) as visitors,
        count(distinct session_key) as sessions,
        {followed} as followed,
        cast(100 * {followed} as double) / count(*) as followed_share
    from (
        select *, max(case when {views} then ts end) over (partition by session_key) as last_view
        from events
        where {where(anything, ask.scope, params)} and (coalesce(search_term, '') <> '' or {views})
    ) looked
    where coalesce(search_term, '') <> '' and {holds(filters.where, params)}
    group by search_term"""


def _dimension(ask: Ask) -> str:
    chosen = ask.values["by"]
    if chosen not in DIMENSIONS:
        raise UsageError(f"by={chosen!r}; it takes {', '.join(DIMENSIONS)}")
    return chosen


def _of_a_step(filters: Filters) -> Condition:
    roles = filters.roles
    return Condition("event_name", "=", (*roles.views, *roles.carts, *roles.checkouts, *roles.purchases))


def _narrowed(ask: Ask, more: Group) -> Ask:
    """The asking about less, in both of its periods."""

    def narrow(filters: Filters) -> Filters:
        return replace(filters, where=Group("all", (filters.where, more)))

    return replace(ask, filters=narrow(ask.filters), before=ask.before and narrow(ask.before))


QUESTIONS = (
    Question(
        "products.kpis",
        "From product view to purchase with rates (%), orders, revenue, discount share (%) and searches",
        kpis,
        metrics=(*METRICS, "foreign_orders", "searches"),
    ),
    over_time(
        "products.over_time",
        "Product views, carts, checkouts, purchases, orders and revenue by hour, day, week or month",
        (*STEPS, "orders", "revenue"),
    ),
    Question(
        "products.by",
        "From view to purchase with rates (%), and sales, by product, category or brand",
        by,
        (_BY, Param("sort", "product_views", "Largest first by any of its metrics"), _LIMIT),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
    Question(
        "products.missing",
        "Views, carts, checkouts, purchases and sales that name no product, category or brand",
        missing,
        (_BY,),
        metrics=SUMS,
    ),
    Question(
        "products.top",
        "Categories, brands or products by events that name a product",
        top,
        (Param("by", "product_category", f"One of {', '.join(DIMENSIONS)}"), _LIMIT),
        metrics=TOP,
        pair="sql",
        limit=limit,
    ),
    Question(
        "products.searches",
        "Search terms, their searches, and how many a product view of the session followed",
        searches,
        (Param("only", "all", "all, or unanswered: terms never followed by a product view"), _LIMIT),
        metrics=SEARCH,
        pair="sql",
        limit=limit,
    ),
)
