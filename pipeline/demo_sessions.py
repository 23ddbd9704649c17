"""Who visits the made-up shop and when: the sessions of the demo data, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import demo_shop as shop

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SESSIONS_A_DAY = 770
_VISITORS_A_SESSION = 0.42
_BOTS = 0.013
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Period:
    """The time the demo covers, in UTC milliseconds since 1970, and the incident in it."""

    start: int
    end: int
    incident: tuple[int, int]

    def in_incident(self, times: Ints) -> Flags:
        """Which times lie in the incident."""
        return (times >= self.incident[0]) & (times < self.incident[1])


def period_of(days: int, end: datetime) -> Period:
    """The last ``days`` days before ``end`` (naive UTC); three days of incident begin 20 days before."""
    stop = int((end - datetime(1970, 1, 1)) / timedelta(milliseconds=1))  # noqa: DTZ001 - naive UTC
    first = stop // DAY_MS * DAY_MS - min(20, days // 3) * DAY_MS
    return Period(stop - days * DAY_MS, stop, (first, first + 3 * DAY_MS))


@dataclass(frozen=True, slots=True)
class Sessions:
    """One entry a session, by start time. ``visitor``, ``origin``, ``device`` and ``country`` are indexes."""

    start: Ints
    visitor: Ints
    origin: Ints
    device: Ints
    country: Ints
    signed_in: Flags
    first: Flags
    bot: Flags

    @property
    def mobile(self) -> Flags:
        """Which sessions are on a phone."""
        kinds = np.array([device[0] == "mobile" for device in shop.DEVICES])
        mobile: Flags = kinds[self.device] & ~self.bot
        return mobile


def pick(rng: np.random.Generator, weights: Sequence[float], size: int) -> Ints:
    """``size`` random indexes with these weights."""
    shares = np.asarray(weights, dtype=float)
    return rng.choice(len(shares), size=size, p=shares / shares.sum())


def make_sessions(rng: np.random.Generator, period: Period) -> Sessions:
    """All sessions that begin in the period, with the shop's rhythm of day and week and its growth."""
    start = np.sort(_starts(rng, period))
    count = len(start)
    visitor, people = _visitors(rng, count)
    bot = rng.random(count) < _BOTS
    account = rng.random(people) < 0.3
    return Sessions(
        start=start,
        visitor=visitor,
        origin=pick(rng, [origin[-1] for origin in shop.ORIGINS], count),
        device=pick(rng, [device[-1] for device in shop.DEVICES], people)[visitor],
        country=pick(rng, [country[-1] for country in shop.COUNTRIES], people)[visitor],
        signed_in=account[visitor] & (rng.random(count) < 0.75) & ~bot,
        first=_first_of_each(visitor),
        bot=bot,
    )


def _starts(rng: np.random.Generator, period: Period) -> Ints:
    days = np.arange(period.start // DAY_MS, period.end // DAY_MS + 1)
    # 1970-01-01 was a Thursday.
    weekday = np.asarray(shop.WEEKDAYS)[(days + 3) % 7]
    growth = np.linspace(0.78, 1.2, len(days))
    counts = rng.poisson(SESSIONS_A_DAY * growth * weekday / np.mean(shop.WEEKDAYS))
    day = np.repeat(days, counts)
    hour = pick(rng, shop.HOURS, len(day))
    start: Ints = day * DAY_MS + hour * 3_600_000 + rng.integers(0, 3_600_000, len(day))
    return start[(start >= period.start) & (start < period.end)]


def _visitors(rng: np.random.Generator, sessions: int) -> tuple[Ints, int]:
    """A visitor for each session, some of whom come often; and how many people there are."""
    people = max(int(sessions * _VISITORS_A_SESSION), 1)
    return pick(rng, rng.lognormal(0.0, 0.9, people).tolist(), sessions), people


def _first_of_each(visitor: Ints) -> Flags:
    first = np.zeros(len(visitor), dtype=bool)
    first[np.unique(visitor, return_index=True)[1]] = True
    return first


def take(values: Sequence[Any], index: Ints, kind: Any = object) -> Any:
    """``values[index]`` as an array."""
    return np.asarray(values, dtype=kind)[index]
