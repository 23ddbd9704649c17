"""Differences of two proportions: published intervals, and what holds for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.significance import CHANCE, FEW, MIN_UNITS, MORE, Share, difference

SHARES = st.integers(1, 5000).flatmap(lambda whole: st.builds(Share, st.integers(0, whole), st.just(whole)))


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    [
        # Newcombe (1998), table II, contrasts (a) to (h), method 10.
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(6, 7), Share(2, 7), 0.0582, 0.8062),
        (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
        (Share(0, 10), Share(0, 20), -0.1611, 0.2775),
        (Share(0, 10), Share(0, 10), -0.2775, 0.2775),
        (Share(10, 10), Share(0, 20), 0.6791, 1.0),
        (Share(10, 10), Share(0, 10), 0.6075, 1.0),
    ],
)
def test_published_intervals(now: Share, before: Share, low: float, high: float) -> None:
    found = difference(now, before)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(SHARES, SHARES)
def test_an_interval_holds_the_difference_and_stays_in_bounds(now: Share, before: Share) -> None:
    found = difference(now, before)
    assert found is not None
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.value == now.value - before.value


@given(SHARES, SHARES)
def test_the_other_way_round_is_the_opposite(now: Share, before: Share) -> None:
    found, other = difference(now, before), difference(before, now)
    assert found is not None
    assert other is not None
    assert (other.value, other.low, other.high) == pytest.approx((-found.value, -found.high, -found.low))
    assert other.verdict == found.verdict


@given(SHARES, st.integers(1, 100))
def test_equal_proportions_are_never_more_than_chance(share: Share, times: int) -> None:
    found = difference(share, Share(share.part * times, share.whole * times))
    assert found is not None
    assert found.low <= 0 <= found.high
    assert found.verdict != MORE


@given(SHARES, SHARES, st.integers(2, 50))
def test_more_units_make_a_narrower_interval(now: Share, before: Share, times: int) -> None:
    found = difference(now, before)
    more = difference(Share(now.part * times, now.whole * times), before)
    assert found is not None
    assert more is not None
    assert more.high - more.low < found.high - found.low


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (Share(56, 70), Share(48, 80), MORE),
        (Share(48, 80), Share(56, 70), MORE),
        (Share(50, 70), Share(48, 80), CHANCE),
        (Share(MIN_UNITS, MIN_UNITS), Share(0, MIN_UNITS), MORE),
        (Share(MIN_UNITS - 1, MIN_UNITS - 1), Share(0, 1000), FEW),
        (Share(900, 1000), Share(0, MIN_UNITS - 1), FEW),
    ],
)
def test_verdicts(now: Share, before: Share, verdict: str) -> None:
    found = difference(now, before)
    assert found is not None
    assert found.verdict == verdict


def test_nothing_to_divide_by_has_no_difference() -> None:
    assert difference(Share(0, 0), Share(1, 2)) is None
    assert difference(Share(1, 2), Share(0, 0)) is None


@pytest.mark.parametrize(("part", "whole"), [(3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        Share(part, whole)
