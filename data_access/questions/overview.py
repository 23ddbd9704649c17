"""The overview's key figures."""

from __future__ import annotations

from data_access.model import Sql
from data_access.questions.base import Ask, Question
from data_access.sql import Params, where, with_span

FIGURES = """
    count(*) as events,
    count(distinct client_id) as clients,
    count(distinct visitor_id) as visitors,
    count(distinct session_key) as sessions,
    count(case when event_name = 'add_to_cart_click' then 1 end) as add_to_carts,
    count(case when event_name = 'checkout_complete' then 1 end) as checkouts,
    count(distinct case when event_name = 'checkout_complete' then visitor_id end) as buyers
"""

RATES = """
    coalesce(round(cast(100 * checkouts as double) / nullif(add_to_carts, 0), 1), 0) as checkout_rate,
    coalesce(round(cast(100 * buyers as double) / nullif(visitors, 0), 1), 0) as conversion
"""
"""Checkout rate is the R Shiny dashboard's event ratio, in percent with one decimal; conversion is the
share of visitors with a completed checkout."""


def kpis(ask: Ask) -> Sql:
    """One row: events, clients, visitors, sessions, add_to_carts, checkouts, and two rates in percent."""
    params = Params({})
    text = f"""
with
figures as (
    select {FIGURES}
    from events
    where {where(ask.filters, ask.scope, params)}
)
select events, clients, visitors, sessions, add_to_carts, checkouts, {RATES}
from figures
"""
    return with_span(Sql(text, params.values), ask.filters)


QUESTIONS = (
    Question(
        "overview.kpis",
        "Events, unique clients, visitors, sessions, checkout rate (%) and visitor conversion (%)",
        kpis,
    ),
)
