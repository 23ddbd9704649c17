"""How fast a key may send, how large a body may grow, and whose door it is."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from data_access import sites
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import UsageError
from pipeline import limits
from pipeline.limits import RateLimit, TooLargeError, gunzip


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    rate = RateLimit(10, clock)
    assert rate.take("a", 100) == 0
    assert rate.take("a", 5) == pytest.approx(0.5)
    assert rate.take("b", 100) == 0, "each key has its own"
    clock.now += 0.5
    assert rate.take("a", 5) == 0
    clock.now += 1000
    assert rate.take("a", 101) == 0, "more than a full bucket passes when it is full"
    assert rate.take("a", 1) == pytest.approx(0.2)


def test_zero_sets_no_limit() -> None:
    assert RateLimit(0).take("a", 10**9) == 0


def test_endless_keys_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_KEYS", 3)
    rate = RateLimit(1, Clock())
    for number in range(10):
        rate.take(str(number), 1)
    assert len(rate._left) == 3


def test_gunzip_stops_at_the_limit() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert gunzip(packed, 1000) == b"x" * 1000
    with pytest.raises(TooLargeError):
        gunzip(packed, 999)


def test_doors_learn_of_changes_within_seconds(tmp_path: Path) -> None:
    documents, clock = EmbeddedDocuments(tmp_path / "d.db"), Clock()
    doors = sites.Doors(documents, 3, clock)
    sites.save(documents, "shop", ("https://shop.example",))
    key = sites.make_key(documents, "shop")
    assert doors.of_key(key) == sites.Site("shop", ("https://shop.example",))
    assert (doors.of_key("wk_other"), doors.knows("https://x.example")) == (None, False)
    (kept,) = sites.keys(documents)
    sites.revoke(documents, kept.id)
    clock.now += 2.9
    assert doors.of_key(key) is not None
    clock.now += 0.2
    assert doors.of_key(key) is None


def test_origins_are_compared_as_browsers_write_them(tmp_path: Path) -> None:
    documents = EmbeddedDocuments(tmp_path / "d.db")
    site = sites.save(documents, "shop", ("HTTPS://Shop.example:8443/", "*"))
    assert site.origins == ("*", "https://shop.example:8443")
    assert sites.Site("s", ("https://a.example",)).allows("https://A.example")
    assert not sites.Site("s", ("https://a.example",)).allows("https://a.example.evil.example")
    for bad in ("shop.example", "ftp://a.example", "https://a.example/path", "https://"):
        with pytest.raises(UsageError, match="is no origin"):
            sites.save(documents, "shop", (bad,))


def test_a_site_keeps_its_keys_when_its_origins_change(tmp_path: Path) -> None:
    documents = EmbeddedDocuments(tmp_path / "d.db")
    sites.save(documents, "shop", ())
    key = sites.make_key(documents, "shop")
    sites.save(documents, "shop", ("https://new.example",))
    doors = sites.Doors(documents)
    found = doors.of_key(key)
    assert found is not None
    assert found.origins == ("https://new.example",)
    assert doors.of_origin("https://new.example") == [found]
    assert key not in str(documents.list(sites.KEY_KIND))
