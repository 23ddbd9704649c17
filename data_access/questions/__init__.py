"""Questions: pure functions from filters and parameters to SQL in the Athena dialect.

One module per subject; this package lists them all. A question's answer is the SQL's table passed
through ``finish``, a pure function that only names, fills and divides.
"""

from __future__ import annotations

from data_access.questions import (
    data,
    events,
    explore,
    funnel,
    overview,
    products,
    reconciliation,
    sessions,
    traffic,
)
from data_access.questions.base import COMPARE, PERIOD_PARAMS, Ask, Param, Question

__all__ = ["COMPARE", "PERIOD_PARAMS", "QUESTIONS", "Ask", "Param", "Question"]

QUESTIONS: dict[str, Question] = {
    question.name: question
    for module in (data, overview, traffic, products, events, funnel, explore, sessions, reconciliation)
    for question in module.QUESTIONS
}
"""Every question by name."""
