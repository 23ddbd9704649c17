"""Named periods of the date picker, as days in the site's time zone."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_access.asking import DEFAULT_DAYS
from pages.parts.view import View


def presets(view: View) -> list[dict[str, Any]]:
    """Today … all data. When the data ended long ago they count back from its last day."""
    zone = ZoneInfo(view.filters.time_zone)
    first, last = view.extent["first_ts"], view.extent["last_ts"]
    today = view.backends.asking.today(zone)
    if last is None:
        return _offered(named(today, today, today), "")
    last_day = last.replace(tzinfo=UTC).astimezone(zone).date()
    first_day = first.replace(tzinfo=UTC).astimezone(zone).date()
    old = last_day <= today - timedelta(days=DEFAULT_DAYS)
    return _offered(named(last_day if old else today, first_day, last_day), " of data" if old else "")


def _offered(periods: dict[str, tuple[date, date]], suffix: str) -> list[dict[str, Any]]:
    return [
        {"label": label.replace(" days", f" days{suffix}"), "value": [first.isoformat(), last.isoformat()]}
        for label, (first, last) in periods.items()
        if not (suffix and label in {"Today", "Yesterday"})
    ]


def named(today: date, first: date, last: date) -> dict[str, tuple[date, date]]:
    """The periods by name, for a current day and the first and last day of the data."""
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    return {
        "Today": (today, today),
        "Yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "Last 7 days": (today - timedelta(days=6), today),
        "Last 30 days": (today - timedelta(days=29), today),
        "Last 90 days": (today - timedelta(days=89), today),
        "This month": (month, today),
        "Last month": (last_month, month - timedelta(days=1)),
        "All data": (first, max(first, last)),
    }
