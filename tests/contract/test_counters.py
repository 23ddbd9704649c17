"""The Counters port on SQLite: exact under redelivery, slices and several writers."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.embedded import counters as embedded_counters
from data_access.embedded.counters import EmbeddedCounters
from data_access.live import MinuteCount, Sighting
from data_access.ports import GapError

EPOCH = "e"


@pytest.fixture
def counters(tmp_path: Path) -> EmbeddedCounters:
    return EmbeddedCounters(tmp_path / "live.db")


def seen(sequence: int, minute: int = 10, kind: str = "page_view", **more: object) -> Sighting:
    return Sighting(sequence, str(more.pop("site", "shop")), minute, kind, **more)  # type: ignore[arg-type]


def only(counters: EmbeddedCounters, minute: int = 10) -> MinuteCount:
    (found,) = counters.minutes([("shop", minute)])
    return found


def test_counts_by_site_minute_and_type(counters: EmbeddedCounters) -> None:
    given = [seen(1), seen(2, kind="error", error="Boom"), seen(3, 11), seen(4, site="blog")]
    assert counters.fold(EPOCH, 0, 5, given) == 5
    assert counters.offset(EPOCH) == 5
    assert counters.items(0) == {("blog", 10): 4, ("shop", 10): 2, ("shop", 11): 3}
    assert {kind: n for kind, n in only(counters).counts.items() if n} == {"page_view": 1, "error": 1}
    assert only(counters).errors == {"Boom": 1}
    assert counters.items(11) == {("shop", 11): 3}


def test_who_and_what_was_there(counters: EmbeddedCounters) -> None:
    given = [
        seen(1, session=1, visitor=7, page="/a", country="DE"),
        seen(2, session=1, visitor=7, page="/b", country="DE"),
        seen(3, session=2, visitor=7, page="/a"),
    ]
    counters.fold(EPOCH, 0, 3, given)
    item = only(counters)
    assert (item.sessions, item.visitors) == ({1, 2}, {7})
    assert (item.pages, item.countries) == ({"/a": 2, "/b": 1}, {"DE": 2})


def test_a_record_counts_once_however_often_and_sliced_it_comes(counters: EmbeddedCounters) -> None:
    given = [seen(n, 10 + n % 2, page="/a") for n in range(1, 9)]
    counters.fold(EPOCH, 0, 5, given[:5])
    counters.fold(EPOCH, 0, 5, given[:5])
    counters.fold(EPOCH, 3, 8, given[3:])
    counters.fold(EPOCH, 1, 4, given[1:4])
    assert counters.offset(EPOCH) == 8
    assert [only(counters, minute).counts["page_view"] for minute in (10, 11)] == [4, 4]
    assert only(counters).pages == {"/a": 4}


def test_a_gap_is_refused_and_nothing_of_it_counts(counters: EmbeddedCounters) -> None:
    counters.fold(EPOCH, 0, 2, [seen(1), seen(2)])
    with pytest.raises(GapError, match="3 to 4"):
        counters.fold(EPOCH, 4, 5, [seen(5)])
    assert (counters.offset(EPOCH), only(counters).counts["page_view"]) == (2, 2)


def test_counts_and_offset_change_together(
    counters: EmbeddedCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_counters, "_ADD", embedded_counters._ADD.replace("minutes", "no_such_table"))
    with pytest.raises(Exception, match="no_such_table"):
        counters.fold(EPOCH, 0, 1, [seen(1)])
    monkeypatch.undo()
    assert (counters.offset(EPOCH), counters.items(0)) == (0, {})
    assert counters.fold(EPOCH, 0, 1, [seen(1)]) == 1


def test_another_log_has_sequences_of_its_own(counters: EmbeddedCounters) -> None:
    counters.fold(EPOCH, 0, 9, [seen(9)])
    counters.fold("another", 0, 1, [seen(1)])
    assert only(counters).counts["page_view"] == 2
    assert (counters.offset(EPOCH), counters.offset("another"), counters.offset("none")) == (9, 1, 0)


def test_different_values_are_bounded_and_the_rest_put_together(
    counters: EmbeddedCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_counters, "MOST_VALUES", 2)
    counters.fold(EPOCH, 0, 4, [seen(n, page=f"/{n}") for n in range(1, 5)])
    counters.fold(EPOCH, 4, 6, [seen(5, page="/1"), seen(6, page="/9")])
    assert only(counters).pages == {"/1": 2, "/2": 1, embedded_counters.OTHER: 3}


def test_old_minutes_expire_with_all_they_hold(counters: EmbeddedCounters) -> None:
    counters.fold(EPOCH, 0, 2, [seen(1, 10, session=1, page="/a"), seen(2, 11)])
    assert counters.expire(11) == 1
    assert counters.items(0) == {("shop", 11): 2}
    assert counters.minutes([("shop", 10)]) == []
    counters.fold(EPOCH, 2, 3, [seen(3, 10)])
    assert (only(counters).pages, only(counters).sessions) == ({}, frozenset())


def test_two_openings_of_one_file_count_together(tmp_path: Path) -> None:
    one, two = EmbeddedCounters(tmp_path / "x.db"), EmbeddedCounters(tmp_path / "x.db")
    given = [seen(n) for n in range(1, 5)]
    one.fold(EPOCH, 0, 2, given[:2])
    two.fold(EPOCH, 0, 4, given)
    one.fold(EPOCH, 2, 4, given[2:])
    assert only(one).counts == only(two).counts
    assert only(one).counts["page_view"] == 4
