"""The Findings page in the browser, and what it should show as the store has it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import TimeoutError as TookTooLong

from data_access.backends import Backends
from data_access.findings import Row, Severity
from tests.browser.visits import Visit

WORST = list(Severity)
PAGE = 25
"""Rows on a page of the list."""
_SHOWN = "[...document.querySelectorAll('#findings-table .sg-pick-one')].map(box => box.dataset.key)"


def kept(backends: Backends, wanted: Callable[[Row], bool] = lambda row: True) -> list[Row]:
    """Findings as the store has them, in the order of the page: the worst first, of those the newest."""
    found = [row for row in backends.findings.since(0, 100_000) if wanted(row)]
    return sorted(found, key=lambda row: (WORST.index(row.severity), *newest(row)))


def newest(row: Row) -> tuple[int, int]:
    """What puts findings that are equal otherwise in order."""
    return -row.updated, int(row.key[:15], 16)


def is_open(row: Row) -> bool:
    """Whether a finding is open now."""
    return row.opened is not None


def keys(rows: list[Row], first: int = 0, count: int = PAGE) -> list[str]:
    """The keys on a page of the list."""
    return [row.key for row in rows[first : first + count]]


def shown(visit: Visit) -> list[str]:
    """The keys of the rows that are shown."""
    found: list[str] = visit.page.evaluate(_SHOWN)
    return found


def shows(visit: Visit, expected: list[str]) -> None:
    """Wait until these rows are shown, in this order."""
    try:
        visit.page.wait_for_function(
            f"keys => JSON.stringify({_SHOWN}) === JSON.stringify(keys)", arg=expected
        )
    except TookTooLong:
        assert shown(visit) == expected, visit.page.url


def asks(visit: Visit, query: str) -> None:
    """Wait until the address has a query."""
    try:
        visit.page.wait_for_function("query => decodeURIComponent(location.search) === query", arg=query)
    except TookTooLong:
        assert visit.query == query


def figures(visit: Visit, card: str) -> dict[str, str]:
    """The label and value of each figure of a card."""
    tiles = visit.page.locator(f"#{card} .sg-kpi").all()
    return {
        tile.locator(".sg-kpi-label").inner_text(): tile.locator(".sg-kpi-value").inner_text()
        for tile in tiles
    }


def choose(area: Any, label: str, option: str | re.Pattern[str]) -> None:
    """Choose an option of a drop-down somewhere."""
    area.get_by_role("textbox", name=label, exact=True).click()
    area.get_by_role("option", name=option, exact=True).click()


def drawer(visit: Visit, title: str) -> Any:
    """The open drawer, when it shows a finding of some title."""
    found = visit.page.get_by_role("dialog", name="Finding", exact=True)
    found.get_by_role("heading", name=title, exact=True).wait_for()
    return found


def now() -> int:
    """UTC µs."""
    return time.time_ns() // 1000
