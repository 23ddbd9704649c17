"""Forecasts against numbers worked out by hand, and what must hold for any series."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.forecasts import forecast

COUNTS = st.lists(st.integers(0, 100_000), min_size=3, max_size=60)


def test_it_is_what_the_book_says() -> None:
    # 10, 14, 12, 20: moves 4, -2, 8; drift 10/3; residuals 2/3, -16/3, 14/3; their squares 4/9 + 256/9 +
    # 196/9 = 456/9, by 4 - 2 = 2: s = sqrt(456/18) = 5.0332
    (low, mid, high), (low_2, mid_2, high_2) = forecast([10, 14, 12, 20], 2)
    assert mid == pytest.approx(20 + 10 / 3)
    assert mid_2 == pytest.approx(20 + 20 / 3)
    assert high - mid == pytest.approx(1.2816 * 5.0332 * sqrt(1 + 1 / 3), abs=1e-3)
    assert mid - low == pytest.approx(high - mid)
    assert high_2 - mid_2 == pytest.approx(1.2816 * 5.0332 * sqrt(2 * (1 + 2 / 3)), abs=1e-3)
    assert mid_2 - low_2 == pytest.approx(high_2 - mid_2)


@pytest.mark.parametrize("counts", [[], [1], [1, 2]])
def test_two_counts_say_nothing_of_how_sure_it_is(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="at least 3 counts"):
        forecast(counts, 1)


def test_nothing_goes_below_zero() -> None:
    assert forecast([30, 20, 10], 3) == [(0, 0, 0)] * 3
    ((low, mid, high),) = forecast([9, 1, 5, 2], 1)
    assert low == 0
    assert 0 <= mid < high


@given(counts=COUNTS, steps=st.integers(0, 30))
def test_the_further_the_less_sure(counts: list[int], steps: int) -> None:
    found = forecast([count + 10**9 for count in counts], steps)
    assert len(found) == steps
    widths = [high - low for low, _, high in found]
    assert all(low <= mid <= high for low, mid, high in found)
    assert all(after >= before for before, after in pairwise(widths))
    if len({after - before for before, after in pairwise(counts)}) > 1:
        assert all(after > before > 0 for before, after in pairwise(widths))


@given(first=st.integers(0, 1000), move=st.integers(0, 1000), count=st.integers(3, 50))
def test_a_straight_line_goes_straight_on(first: int, move: int, count: int) -> None:
    counts = [first + move * number for number in range(count)]
    for step, line in enumerate(forecast(counts, 5), 1):
        assert line == (counts[-1] + move * step,) * 3
