"""What questions cost where the engine charges for what it reads, and how much a site may cost a day.

Athena charges for the bytes a query reads, rounded up to a megabyte and at least ten of them (Amazon Athena
pricing). A question about several sites is charged to them in equal parts, one about all of them to an
account of its own. Bytes are kept by site and day (UTC) in the documents, a month long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from data_access.model import UsageError
from data_access.ports import Documents, QueryError
from data_access.settings import Settings

log = logging.getLogger(__name__)

KIND = "spending"
ALL = "*"
"""The account of questions about all sites."""
TERABYTE, MEGABYTE, LEAST_BYTES = 10**12, 10**6, 10 * 10**6
KEPT = timedelta(days=31)


class BudgetSpent(QueryError):
    """A site has cost what it may cost a day: only answers that are there already can be had."""


class Expensive(QueryError):
    """A question is expected to cost so much that people are asked first.

    ``bytes`` it is expected to read, for about ``dollars``.
    """

    def __init__(self, read: int, dollars: float) -> None:
        super().__init__(
            f"The question is expected to read {read / 10**9:,.1f} GB, for about ${dollars:,.2f}."
        )
        self.bytes, self.dollars = read, dollars


class Spending:
    """Keeps account of what questions read."""

    def __init__(
        self, documents: Documents, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._documents, self._clock = documents, clock
        self._price = settings.query_dollars_per_terabyte
        self._ask, self._budget = settings.query_ask_dollars, settings.query_budget_dollars

    def dollars(self, read: int) -> float:
        """What a query that reads so many bytes costs."""
        return _charged(read) / TERABYTE * self._price

    def check(self, sites: Sequence[str], expected: Callable[[], int], agreed: float) -> None:
        """Raises BudgetSpent when a site has no money left today, and Expensive when a question is expected
        to cost more than people agreed to and than is spent without asking them."""
        if self._budget:
            for site in _accounts(sites):
                if self._spent(site) >= self._budget:
                    raise BudgetSpent(self._words(site))
        if self._ask and self._price:
            dollars = self.dollars(read := expected())
            if dollars > max(self._ask, agreed):
                raise Expensive(read, dollars)

    def add(self, sites: Sequence[str], read: int) -> None:
        """Charge a query to its sites. An account that cannot be written is logged: the answer is there."""
        accounts = _accounts(sites)
        for site in accounts:
            try:
                self._add(f"{self._today()}#{site}", _charged(read) // len(accounts))
            except Exception:
                log.exception("what a question cost could not be noted")

    def of_day(self, day: date) -> dict[str, int]:
        """Bytes that questions of a day are charged for, by site, ALL for those about all sites."""
        begin = f"{day.isoformat()}#"
        found = self._documents.list(KIND)
        return {key.removeprefix(begin): kept.value["bytes"] for key, kept in found if key.startswith(begin)}

    def _spent(self, site: str) -> float:
        kept = self._documents.get(KIND, f"{self._today()}#{site}")
        return kept.value["bytes"] / TERABYTE * self._price if kept else 0.0

    def _add(self, key: str, read: int) -> None:
        while True:
            kept = self._documents.get(KIND, key)
            value = {"bytes": read + (kept.value["bytes"] if kept else 0)}
            if self._documents.put(KIND, key, value, kept.version if kept else None):
                break
        if kept is None:
            self._forget()

    def _forget(self) -> None:
        oldest = (self._today() - KEPT).isoformat()
        for key, kept in self._documents.list(KIND):
            if key < oldest:
                self._documents.delete(KIND, key, kept.version)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def _words(self, site: str) -> str:
        whose = "all sites together" if site == ALL else site
        return (
            f"Questions about {whose} have used up today's ${self._budget:,.2f}. Until 00:00 UTC only answers"
            " that are there already can be shown: go back to a view you have seen, or ask for the budget to"
            " be raised."
        )


def agreed_dollars(text: str | None) -> float:
    """What people agreed to spend on a question, as a URL has it. Raises UsageError."""
    try:
        found = float(text or 0)
    except ValueError:
        found = -1.0
    if not 0 <= found < TERABYTE:
        raise UsageError(f"cost={text} is no price; it takes US dollars, as 2.50")
    return found


def _charged(read: int) -> int:
    return max(-(-read // MEGABYTE) * MEGABYTE, LEAST_BYTES) if read else 0


def _accounts(sites: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(sites))) or (ALL,)
