"""The Counters port: exact under redelivery, slices and several writers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from data_access.aws import minute_items
from data_access.aws.counters import TABLE, AwsCounters
from data_access.distinct import Count, count
from data_access.embedded import counters as embedded_counters
from data_access.embedded.counters import EmbeddedCounters
from data_access.live import OTHER, MinuteCount, Sighting
from data_access.ports import Counters, GapError
from tests.aws_parts import SERVERS, Aws, aws_of

EPOCH = "e"


class Bench:
    """Makes counters over one store; further ones see what the first count."""

    def __init__(self, path: Path, aws: Aws | None) -> None:
        self._path, self._aws = path, aws
        if aws:
            aws.create(TABLE)

    def open(self, **more: int) -> Counters:
        if self._aws is None:
            return EmbeddedCounters(self._path, **more)
        return AwsCounters(self._aws.clients, self._aws.begin, lambda: 0.0, **more)


@pytest.fixture(params=["sqlite", *SERVERS])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "sqlite":
        yield Bench(tmp_path / "live.db", None)
        return
    with aws_of(request.param) as aws:
        yield Bench(tmp_path, aws)


@pytest.fixture
def counters(bench: Bench) -> Counters:
    return bench.open()


def seen(sequence: int, minute: int = 10, kind: str = "page_view", **more: object) -> Sighting:
    return Sighting(sequence, str(more.pop("site", "shop")), minute, kind, **more)  # type: ignore[arg-type]


def only(counters: Counters, minute: int = 10) -> MinuteCount:
    (found,) = counters.minutes([("shop", minute)])
    return found


def test_counts_by_site_minute_and_type(counters: Counters) -> None:
    given = [seen(1), seen(2, kind="error", error="Boom"), seen(3, 11), seen(4, site="blog")]
    assert counters.fold(EPOCH, 0, 5, given) == 5
    assert counters.offset(EPOCH) == 5
    assert counters.items(0) == {("blog", 10): 4, ("shop", 10): 2, ("shop", 11): 3}
    assert {kind: n for kind, n in only(counters).counts.items() if n} == {"page_view": 1, "error": 1}
    assert only(counters).errors == {"Boom": 1}
    assert counters.items(11) == {("shop", 11): 3}


def test_who_and_what_was_there(counters: Counters) -> None:
    given = [
        seen(1, session=1, visitor=7, page="/a", country="DE"),
        seen(2, session=1, visitor=7, page="/b", country="DE"),
        seen(3, session=2, visitor=7, page="/a"),
    ]
    counters.fold(EPOCH, 0, 3, given)
    item = only(counters)
    assert (item.sessions, item.visitors) == ({1, 2}, {7})
    assert (item.pages, item.countries) == ({"/a": 2, "/b": 1}, {"DE": 2})


def test_a_record_counts_once_however_often_and_sliced_it_comes(counters: Counters) -> None:
    given = [seen(n, 10 + n % 2, page="/a") for n in range(1, 9)]
    counters.fold(EPOCH, 0, 5, given[:5])
    counters.fold(EPOCH, 0, 5, given[:5])
    counters.fold(EPOCH, 3, 8, given[3:])
    counters.fold(EPOCH, 1, 4, given[1:4])
    assert counters.offset(EPOCH) == 8
    assert [only(counters, minute).counts["page_view"] for minute in (10, 11)] == [4, 4]
    assert only(counters).pages == {"/a": 4}


def test_a_gap_is_refused_and_nothing_of_it_counts(counters: Counters) -> None:
    counters.fold(EPOCH, 0, 2, [seen(1), seen(2)])
    with pytest.raises(GapError, match="3 to 4"):
        counters.fold(EPOCH, 4, 5, [seen(5)])
    assert (counters.offset(EPOCH), only(counters).counts["page_view"]) == (2, 2)


def test_counts_and_offset_change_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = EmbeddedCounters(tmp_path / "live.db")
    monkeypatch.setattr(embedded_counters, "_ADD", embedded_counters._ADD.replace("minutes", "no_such_table"))
    with pytest.raises(Exception, match="no_such_table"):
        counters.fold(EPOCH, 0, 1, [seen(1)])
    monkeypatch.undo()
    assert (counters.offset(EPOCH), counters.items(0)) == (0, {})
    assert counters.fold(EPOCH, 0, 1, [seen(1)]) == 1


def test_another_log_has_sequences_of_its_own(counters: Counters) -> None:
    counters.fold(EPOCH, 0, 9, [seen(9)])
    counters.fold("another", 0, 1, [seen(1)])
    assert only(counters).counts["page_view"] == 2
    assert (counters.offset(EPOCH), counters.offset("another"), counters.offset("none")) == (9, 1, 0)


def test_different_values_are_bounded_and_the_rest_put_together(bench: Bench) -> None:
    counters = bench.open(most_values=2)
    counters.fold(EPOCH, 0, 4, [seen(n, page=f"/{n}") for n in range(1, 5)])
    counters.fold(EPOCH, 4, 6, [seen(5, page="/1"), seen(6, page="/9")])
    assert only(counters).pages == {"/1": 2, "/2": 1, OTHER: 3}


def test_values_have_room_whatever_is_sent(bench: Bench) -> None:
    """Texts that hardly compress, of every kind: what does not fit into an item must not stop counting."""
    draw, counters = Random(1), bench.open()
    texts = ["".join(map(chr, draw.choices(range(0x4E00, 0x9FFF), k=1500))) for _ in range(500)]
    given = [
        seen(n, kind="error", page=text, error=text[:200], country=text[:2])
        for n, text in enumerate(texts, 1)
    ]
    for begin in range(0, 500, 100):
        counters.fold(EPOCH, begin, begin + 100, given[begin : begin + 100])
    found = only(counters)
    assert found.counts["error"] == sum(found.pages.values()) == sum(found.errors.values()) == 500
    assert len(found.countries) == 500
    for values in (found.pages, found.errors):
        assert 90_000 < sum(len(value.encode()) for value in values) <= 100_000 + len(OTHER)
        assert values[OTHER] == 501 - len(values)


def test_old_minutes_expire_with_all_they_hold(counters: Counters) -> None:
    counters.fold(EPOCH, 0, 2, [seen(1, 10, session=1, page="/a"), seen(2, 11)])
    assert counters.expire(11) == 1
    assert counters.items(0) == {("shop", 11): 2}
    assert counters.minutes([("shop", 10)]) == []
    counters.fold(EPOCH, 2, 3, [seen(3, 10)])
    assert (only(counters).pages, only(counters).sessions) == ({}, frozenset())


def test_two_openings_of_one_store_count_together(bench: Bench) -> None:
    one, two = bench.open(), bench.open()
    given = [seen(n) for n in range(1, 5)]
    one.fold(EPOCH, 0, 2, given[:2])
    two.fold(EPOCH, 0, 4, given)
    one.fold(EPOCH, 2, 4, given[2:])
    assert only(one).counts == only(two).counts
    assert only(one).counts["page_view"] == 4


def test_more_members_than_are_kept_are_estimated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minute_items, "MOST_MEMBERS", 50)
    counters = bench.open()
    given = [seen(n, session=n // 2, visitor=n % 20) for n in range(1, 401)]
    for start in range(0, 400, 40):
        counters.fold(EPOCH, start, start + 40, given[start : start + 40])
    item = only(counters)
    sessions = count(item.sessions, item.session_sketches)
    assert (item.counts["page_view"], count(item.visitors, item.visitor_sketches)) == (400, Count(20))
    assert abs(sessions.n - 201) <= 10
    assert sessions.exact == isinstance(counters, EmbeddedCounters)
