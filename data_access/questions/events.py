"""Questions that count events: over time, by any dimension, by login state."""

from __future__ import annotations

from data_access.model import Sql
from data_access.questions import overview
from data_access.questions.base import Ask, Param, Question
from data_access.questions.figures import MAX_LIMIT, dimension_key, limit, ranked
from data_access.questions.series import over_time

METRICS = ("events", "visitors", "sessions", "share")


def mix(ask: Ask) -> Sql:
    """Events, visitors and sessions by a dimension, most events first, and the share of all events."""
    return ranked(ask, METRICS, dimension_key(ask.values["by"]), "events")


def by_login_state(ask: Ask) -> Sql:
    """Events, visitors and sessions by login state; blank is 'unknown'."""
    return ranked(ask, METRICS, dimension_key("login_state", "login_state"), "events")


QUESTIONS = (
    over_time(
        "events.over_time",
        "Events, clients, visitors, sessions and rates (%) by hour, day, week or month",
        overview.METRICS,
    ),
    Question(
        "events.mix",
        "Events, visitors, sessions and share (0 to 1) by a dimension, most events first",
        mix,
        (
            Param("by", "event_name", "A dimension of the event or its session, or properties.<name>"),
            Param("limit", "10", "Rows, 1 to 1,000"),
        ),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
    Question(
        "events.by_login_state",
        "Events, visitors, sessions and share (0 to 1) by login state",
        by_login_state,
        (Param("limit", str(MAX_LIMIT), "Rows, 1 to 1,000"),),
        metrics=METRICS,
        pair="sql",
        limit=limit,
    ),
)
