"""What counts may come to: forecasts of a series, with how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

MIN_COUNTS = 3
"""With fewer there is a drift, but nothing to say how far off it is."""
_EIGHTY = 1.2816
"""Standard deviations to either side of the mean that hold 80 % of a normal distribution."""


def forecast(counts: Sequence[int], steps: int) -> list[tuple[float, float, float]]:
    """The next values of a series at equal steps, oldest first: for each of ``steps`` the low end, the
    middle and the high end of an 80 % interval, none below 0. Raises ValueError under 3 counts.

    The drift method (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, sections
    5.2 and 5.5): the series is a random walk that goes on as it went on average from its first value to its
    last. With T counts, the value h steps on is y_T + h (y_T - y_1) / (T - 1), with a standard deviation of
    s sqrt(h (1 + h / (T - 1))). s comes from the residuals of the one-step forecasts, e_t = y_t - y_(t-1) -
    (y_T - y_1) / (T - 1) for t = 2 ... T: s squared is their sum of squares by T - 2, the T - 1 residuals
    less one parameter, the drift.
    """
    if len(counts) < MIN_COUNTS:
        raise ValueError(f"a forecast takes at least {MIN_COUNTS} counts, not {len(counts)}")
    moves = [after - before for before, after in pairwise(counts)]
    drift = (counts[-1] - counts[0]) / len(moves)
    deviation = sqrt(sum((move - drift) ** 2 for move in moves) / (len(moves) - 1))
    found = []
    for step in range(1, steps + 1):
        middle = counts[-1] + step * drift
        reach = _EIGHTY * deviation * sqrt(step * (1 + step / len(moves)))
        found.append((max(middle - reach, 0.0), max(middle, 0.0), max(middle + reach, 0.0)))
    return found
