"""Two scans compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data_access.findings import Comparison, compared

SCANS = st.dictionaries(st.sampled_from("abcdefgh"), st.booleans())


def test_each_kind_by_example() -> None:
    earlier = {"fixed": True, "gone": True, "same": True, "was fine": False, "fine": False, "left": False}
    later = {"fixed": False, "same": True, "was fine": True, "fine": False, "first seen": True, "ok": False}
    assert compared(earlier, later) == Comparison(
        new=frozenset({"was fine", "first seen"}),
        fixed=frozenset({"fixed"}),
        gone=frozenset({"gone"}),
        same=frozenset({"same"}),
    )


@given(earlier=SCANS, later=SCANS)
def test_every_problem_is_in_exactly_one_set(earlier: dict[str, bool], later: dict[str, bool]) -> None:
    found = compared(earlier, later)
    problems = {key for scan in (earlier, later) for key, problem in scan.items() if problem}
    sets = [found.new, found.fixed, found.gone, found.same]
    assert sum(map(len, sets)) == len(problems)
    assert frozenset().union(*sets) == problems
    assert found.new | found.same == {key for key, problem in later.items() if problem}
    assert found.fixed <= later.keys()
    assert found.gone.isdisjoint(later)
