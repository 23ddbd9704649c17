"""What the Findings page is about now: which findings, over which days, and as of when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, wraps
from typing import Any
from zoneinfo import ZoneInfo

from dash import Input, Output, State

from data_access import moments, raw_filters
from data_access.backends import Backends
from data_access.finding_columns import Rows
from data_access.finding_index import FindingIndex, Wanted
from data_access.findings import Comparison, Scan, compared
from data_access.model import UsageError
from data_access.roles import FINDINGS
from pages.parts import address, numbers
from pages.parts.access import allow
from pages.parts.drawing import guarded
from pages.parts.view import View, view

Component = Any

PATH = "/findings"
VIEW_STORE = "findings-view"
"""Store with the query without the opened finding: what the cards are drawn from."""
DEFAULT_DAYS = 90
MOST_DAYS = 1100
WEEK = 7 * moments.DAY

FIELDS: dict[str, tuple[str, str]] = {
    "severity": ("severity", "Severity"),
    "account": ("account", "Account"),
    "cloud_region": ("region", "Region"),
    "resource_type": ("resource_type", "Resource type"),
    "service": ("service", "Service"),
    "standard": ("standard", "Standard"),
    "control": ("control", "Control"),
    "provider": ("provider", "Provider"),
    "status": ("status", "Status"),
    "assignee": ("assignee", "Assigned to"),
    "resource": ("resource", "Resource"),
}
"""URL parameters with the column each filters by, and its label. ``region`` alone is the visitors' region."""

STATE_WORDS = {
    "open": "Open",
    "passed": "Passed",
    "suppressed": "Muted",
    "resolved": "Resolved",
    "all": "All",
}
OUTCOMES = {
    "new": "New",
    "fixed": "Fixed",
    "gone": "No longer reported",
    "same": "Unchanged",
}
"""What became of a problem from one scan to another."""
NONE = "–"
"""How an empty value is written."""


@dataclass(frozen=True, slots=True)
class Days:
    """Local days in a row, and the moments they begin; the last moment is the end of the last."""

    days: Sequence[date]
    edges: Sequence[int]


@dataclass(frozen=True)
class Desk:
    """A view of the Findings page at a moment (UTC µs)."""

    view: View
    now: int

    @property
    def index(self) -> FindingIndex:
        """Where its lists and figures come from."""
        return self.view.backends.finding_index

    @property
    def targets(self) -> dict[str, int]:
        """The µs a finding of a severity may stay open."""
        return self.view.backends.settings.targets

    @property
    def zone(self) -> str:
        """The time zone its times are shown in."""
        return self.view.filters.time_zone

    @cached_property
    def wanted(self) -> Wanted:
        """The findings the URL asks for. Raises UsageError for a state, outcome or scan there is not."""
        raw = self.view.raw
        state = raw.get("state", "open")
        if state not in STATE_WORDS:
            raise UsageError(f"state={state!r}; it takes {', '.join(STATE_WORDS)}")
        values = [(column, self._values(name)) for name, (column, _) in FIELDS.items() if raw.get(name)]
        week = self.now - WEEK if raw.get("opened") == "week" else None
        overdue = raw.get("overdue") == "yes"
        keys = self._compared_keys()
        return Wanted(state, tuple(values), raw.get("q", ""), week, None, overdue, keys)

    def _values(self, name: str) -> tuple[str, ...]:
        return tuple("" if value == NONE else value for value in address.split(self.view.own(name)))

    def _compared_keys(self) -> frozenset[str] | None:
        outcome = self.view.own("outcome")
        if not outcome:
            return None
        if outcome not in OUTCOMES:
            raise UsageError(f"outcome={outcome!r}; it takes {', '.join(OUTCOMES)}")
        found: frozenset[str] = getattr(self.comparison, outcome)
        return found

    @cached_property
    def known_scans(self) -> list[tuple[Scan, int]]:
        """Every scan with the number of its findings, newest first."""
        return self.view.backends.findings.scans()

    @cached_property
    def scans(self) -> tuple[str, str] | None:
        """The ids of the two scans that are compared, earlier first: the two newest unless the URL names
        others. None where there are fewer."""
        known = [scan.id for scan, _ in self.known_scans]
        chosen = [self.view.own(name) for name in ("scan_from", "scan_to")]
        for one in filter(None, chosen):
            if one not in known:
                raise UsageError("there is no such scan any more; choose another")
        if len(known) < 2:
            return None
        return chosen[0] or known[1], chosen[1] or known[0]

    @cached_property
    def comparison(self) -> Comparison:
        """What became of the findings from one scan to the other. Raises UsageError without two scans."""
        if self.scans is None:
            raise UsageError("there are no two scans to compare; leave out outcome")
        earlier, later = (self.view.backends.findings.of_scan(one) for one in self.scans)
        return compared(earlier, later)

    @property
    def around(self) -> Wanted:
        """The open findings around those asked for: whatever their severity, age or target."""
        values = tuple(pair for pair in self.wanted.values if pair[0] != "severity")
        return replace(self.wanted, state="open", values=values, opened_from=None, overdue=False)

    @property
    def once(self) -> Wanted:
        """The same, with those that were open once: how their number came to be."""
        return replace(self.around, state="all")

    @property
    def every(self) -> Wanted:
        """The findings asked for in whatever state: how many of all are fine, and how they came and went."""
        return replace(self.wanted, state="all", opened_from=None, overdue=False)

    def select(self, wanted: Wanted) -> Rows:
        """The rows of some findings."""
        return self.index.select(wanted, self.now, self.targets)

    def link(self, **changes: str | None) -> str:
        """Link to this page with some parameters changed, from its first rows on."""
        return self.view.link(**({"start": None, "finding": None} | changes))

    @cached_property
    def days(self) -> Days:
        """The URL's period, by default the last 90 days. Raises UsageError for one that is no period."""
        last = min(raw_filters.day(self.view.raw, "to") or self.today, self.today)
        first = raw_filters.day(self.view.raw, "from") or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise UsageError("the period is yet to come; choose an earlier one")
        if (last - first).days >= MOST_DAYS:
            raise UsageError(f"the period is longer than {MOST_DAYS} days; choose a shorter one")
        return self.days_of(first, last)

    @property
    def today(self) -> date:
        """The local day it is."""
        return numbers.local(moments.utc(self.now), self.zone).date()

    def days_of(self, first: date, last: date) -> Days:
        """The days of a period."""
        zone = ZoneInfo(self.zone)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        starts = [*days, last + timedelta(days=1)]
        return Days(days, [moments.of(datetime.combine(day, time(), zone)) for day in starts])


def desk(seen: View) -> Desk:
    """The page as of now."""
    return Desk(seen, moments.now())


def drawn(app: Any, backends: Backends, card_id: str, draw: Callable[[Desk], Component]) -> None:
    """Draw a card from the query without the opened finding: opening one leaves the cards as they are."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(card_id, "children"),
        Input(VIEW_STORE, "data"),
        Input("retry", "data"),
        State("url", "search"),
    )
    @allow(FINDINGS)
    @wraps(draw)
    def callback(query: Any, _retry: Any, search: str | None) -> Component:
        asked = query if isinstance(query, str) else search
        return guarded(card_id, view(backends, PATH, asked), lambda seen: draw(desk(seen)))
