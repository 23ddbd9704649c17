"""Different things counted: exactly, and roughly where there are too many."""

from __future__ import annotations

from random import Random

import pytest

from data_access.distinct import Count, Sketch, count


def test_a_set_is_counted_exactly() -> None:
    assert count(frozenset({1, 2, 3}), []) == Count(3)


@pytest.mark.parametrize("n", [100, 30_000, 300_000])
def test_a_sketch_is_within_three_standard_errors(n: int) -> None:
    draw = Random(n)
    members = [draw.getrandbits(63) for _ in range(n)]
    found = count(frozenset(), [Sketch().plus(members[: n // 2]), Sketch().plus(members[n // 3 :])])
    assert not found.exact
    assert abs(found.n - n) <= 3 * 0.016 * n


def test_what_is_in_both_counts_once() -> None:
    sketch = Sketch().plus(range(1000))
    assert sketch.plus(range(500)) == sketch
    assert abs(count(frozenset(range(900, 1100)), [sketch]).n - 1100) <= 55


def test_a_sketch_stays_small() -> None:
    assert len(Sketch().plus(range(1_000_000)).data) < 3_000
