"""A page as one person sees it now: back ends, the URL's parameters and the asker's scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from secrets import token_hex
from typing import Any
from zoneinfo import ZoneInfo

from data_access.backends import Backends
from data_access.model import Answer, Filters, Scope
from data_access.questions import COMPARE, QUESTIONS
from data_access.spending import agreed_dollars
from pages.parts import address
from pages.parts.access import scope

COST = "cost"
"""The URL's parameter that says what a question may cost (US dollars) without people being asked."""


@dataclass(frozen=True)
class View:
    """What a page or card is drawn from. Questions asked through it see the URL's filters."""

    backends: Backends
    path: str
    raw: dict[str, str]
    scope: Scope

    def params(self, question: str, **own: str) -> dict[str, str]:
        """A question's parameters: those of the URL's filters that it takes, and its own."""
        asked = QUESTIONS[question]
        shared = address.shared(self.raw) if asked.about_period else {}
        if not asked.metrics:
            shared.pop(COMPARE.name, None)
        return shared | own

    def ask(self, question: str, **own: str) -> Answer:
        """Ask a question over the URL's filters, compared as the URL says."""
        agreed = agreed_dollars(self.raw.get(COST))
        return self.backends.asking.ask(question, self.params(question, **own), self.scope, agreed)

    def csv(self, question: str, **own: str) -> str:
        """Link to the rows of a question as CSV, over the period that is shown.

        It carries an id of its own, by which its manifest is found, and the link to this very view.
        """
        params = self.params(question, **own)
        if QUESTIONS[question].about_period:
            params |= self.shown_days
        about = {"view": address.write(self.path, self.raw | self.shown_days), "export": token_hex(8)}
        return address.write(f"/csv/{question}", params | about)

    @property
    def shown_days(self) -> dict[str, str]:
        """The period that is shown, as parameters."""
        return {"from": self.filters.from_day.isoformat(), "to": self.filters.to_day.isoformat()}

    def link(self, **changes: str | None) -> str:
        """Link to this page with some parameters changed; None removes one."""
        return address.write(self.path, self.raw | changes)

    def own(self, name: str, default: str = "") -> str:
        """One of the page's own parameters."""
        return self.raw.get(name, default)

    @cached_property
    def filters(self) -> Filters:
        """The URL's filters with the default period filled in."""
        return self.backends.asking.filters(address.shared(self.raw), self.scope)

    @cached_property
    def before(self) -> Filters | None:
        """The filters over the period that is compared with; None without one, or without data there."""
        return self.backends.asking.before(address.shared(self.raw), self.scope)

    def past(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A series' rows up to now: intervals still to come are no zeros."""
        return [row for row in rows if row["time"] <= self.now]

    @property
    def now(self) -> datetime:
        """The local time in the filters' zone, without zone as in the answers."""
        return datetime.now(ZoneInfo(self.filters.time_zone)).replace(tzinfo=None)

    @cached_property
    def extent(self) -> dict[str, Any]:
        """First and last event and their number, over all data of the chosen sites."""
        sites = {"site": self.raw["site"]} if self.raw.get("site") else {}
        return self.ask("data.extent", **sites).rows[0]


def view(backends: Backends, path: str, search: str | None) -> View:
    """The view of the current request at a URL."""
    return View(backends, path, address.read(search), scope())
