"""What holds for a site: what the admin page set, else its own setting, else the general one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock

from data_access import sites
from data_access.ports import Documents
from data_access.settings import WEEKDAYS, Settings
from data_access.sites import Site

LOG = logging.getLogger(__name__)

Sites = tuple[str, ...]


class SiteSettings:
    """Time zone, first day of the week and currency of selections of sites.

    What other processes change holds within seconds, what is changed through ``change`` at once.
    """

    def __init__(
        self,
        documents: Documents,
        settings: Settings,
        seconds: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents, self._settings = documents, settings
        self._seconds, self._clock = seconds, clock
        self._lock = Lock()
        self._until = float("-inf")
        self._sites: Mapping[str, Site] | None = None

    def zone_of(self, chosen: Sites) -> str:
        """The time zone of a selection of sites: a single site's own, else the general one."""
        return self._own("time_zone", chosen) or self._settings.zone_of(chosen)

    def week_start_of(self, chosen: Sites) -> int:
        """The first day of the week of a selection of sites: 0 for Monday to 6 for Sunday."""
        own = self._own("week_start", chosen)
        return WEEKDAYS.index(own) if own else self._settings.week_start_of(chosen)

    def currency_of(self, chosen: Sites) -> str:
        """The currency of a selection of sites."""
        return self._own("currency", chosen) or self._settings.currency_of(chosen)

    def other_currencies_of(
        self, chosen: Sites, allowed: frozenset[str] | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Sites of a selection, each with its currency, whose currency is not the selection's; of those
        ``allowed`` only (None: all), for nobody is told of others."""
        own = self.currency_of(chosen)
        known = self._settings.sites_with_currency.union(self._looked())
        listed = sorted(
            name for name in known if (not chosen or name in chosen) and (allowed is None or name in allowed)
        )
        every = ((name, self.currency_of((name,))) for name in listed)
        return tuple((name, currency) for name, currency in every if currency != own)

    def change(self, name: str, **own: str) -> Site:
        """Set a site's ``time_zone``, ``week_start`` or ``currency``; empty is as the settings say.

        A site that was not added, as its events were imported, is. Raises UsageError for what cannot be.
        """
        checked = {one: sites.checked_own(one, value) for one, value in own.items()}
        site = sites.change(self._documents, name, **checked)
        with self._lock:
            self._until = float("-inf")
        return site

    def without_own(self, name: str) -> dict[str, str]:
        """What would hold for a site of which nothing was set: by setting its value, as people write it."""
        settings, one = self._settings, (name,)
        return {
            "time_zone": settings.zone_of(one),
            "week_start": WEEKDAYS[settings.week_start_of(one)],
            "currency": settings.currency_of(one),
        }

    def _own(self, name: str, chosen: Sites) -> str:
        """What was set of a single site; empty where nothing was."""
        site = self._looked().get(chosen[0]) if len(chosen) == 1 else None
        return str(getattr(site, name)) if site else ""

    def _looked(self) -> Mapping[str, Site]:
        with self._lock:
            if self._sites is None or self._clock() >= self._until:
                self._sites = self._read()
                self._until = self._clock() + self._seconds
            return self._sites

    def _read(self) -> Mapping[str, Site]:
        try:
            return {site.name: site for site in sites.every(self._documents)}
        except Exception:
            if self._sites is None:
                raise
            # Questions go on being answered as they were a moment ago.
            LOG.warning("what is set for sites could not be read anew", exc_info=True)
            return self._sites
