"""Whether a rate differs from the one before by more than chance: two proportions and their interval.

The interval is Newcombe's hybrid score interval without continuity correction: method 10 in R. G. Newcombe,
"Interval estimation for the difference between independent proportions: comparison of eleven methods",
Statistics in Medicine 17 (1998), 873-890. It holds its level also for small numbers and for rates near 0
and 1, where the textbook interval does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist

LEVEL = 0.95
"""Of a hundred such intervals about 95 hold the true difference."""

MIN_UNITS = 30
"""With fewer units on either side nothing is said: one person would move the rate by over 3 points."""

MORE, CHANCE, FEW = "more than chance", "could be chance", "too few to say"
"""The verdicts."""

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True)
class Share:
    """``part`` of ``whole`` units. Raises ValueError unless 0 ≤ part ≤ whole."""

    part: int
    whole: int

    def __post_init__(self) -> None:
        if not 0 <= self.part <= self.whole:
            raise ValueError(f"{self.part} of {self.whole} is no share")

    @property
    def value(self) -> float:
        """The proportion, 0 to 1. Raises ZeroDivisionError for none of none."""
        return self.part / self.whole

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval around the proportion, 0 to 1."""
        n, z2 = self.whole, _Z * _Z
        middle = (self.part + z2 / 2) / (n + z2)
        reach = _Z * sqrt(self.part * (n - self.part) / n + z2 / 4) / (n + z2)
        # Rounding must not put the proportion itself outside.
        return min(max(middle - reach, 0.0), self.value), max(min(middle + reach, 1.0), self.value)


@dataclass(frozen=True, slots=True)
class Difference:
    """One share minus another, -1 to 1, the interval around it, and what that says."""

    value: float
    low: float
    high: float
    verdict: str


def difference(now: Share, before: Share) -> Difference | None:
    """The difference of two independent shares; None where a side has nothing to divide by."""
    if not now.whole or not before.whole:
        return None
    value = now.value - before.value
    (low_now, high_now), (low_before, high_before) = now.interval, before.interval
    low = max(value - hypot(now.value - low_now, high_before - before.value), -1.0)
    high = min(value + hypot(high_now - now.value, before.value - low_before), 1.0)
    return Difference(value, low, high, _verdict(now, before, low, high))


def _verdict(now: Share, before: Share, low: float, high: float) -> str:
    if min(now.whole, before.whole) < MIN_UNITS:
        return FEW
    return MORE if low > 0 or high < 0 else CHANCE
