"""The overview's key figures."""

from __future__ import annotations

from data_access.model import Sql
from data_access.questions.base import Ask, Question
from data_access.questions.figures import total

METRICS = (
    "events",
    "clients",
    "visitors",
    "sessions",
    "add_to_carts",
    "purchases",
    "checkout_rate",
    "conversion",
)


def kpis(ask: Ask) -> Sql:
    """One row of the key figures."""
    return total(ask, METRICS)


QUESTIONS = (
    Question(
        "overview.kpis",
        "Events, unique clients, visitors, sessions, checkout rate (%) and visitor conversion (%)",
        kpis,
        metrics=METRICS,
    ),
)
