"""What holds for a site: set on the admin page, by its own setting, or by the general one."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_access import sites, tokens
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Answer, Scope, UsageError
from data_access.settings import PER_SITE, SettingsError, load
from data_access.site_settings import SiteSettings
from tests.builders import EVERYONE, embedded, event, period

GENERAL = {"time_zone": "Asia/Tokyo", "week_start": "sunday", "currency": "GBP"}
PER_SITE_SETTINGS = {
    "site_time_zones": "shop=Europe/Berlin",
    "site_week_starts": "shop=saturday",
    "site_currencies": "shop=EUR,us=USD",
}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def documents(tmp_path: Path) -> EmbeddedDocuments:
    return EmbeddedDocuments(tmp_path / "d.db")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(documents: EmbeddedDocuments, clock: Clock) -> SiteSettings:
    return SiteSettings(documents, load(GENERAL | PER_SITE_SETTINGS, {}), 3, clock)


def of(own: SiteSettings, *chosen: str) -> tuple[str, int, str]:
    return own.zone_of(chosen), own.week_start_of(chosen), own.currency_of(chosen)


def test_what_was_set_wins_over_the_site_s_setting_and_that_over_the_general_one(own: SiteSettings) -> None:
    assert of(own, "blog") == of(own) == of(own, "shop", "blog") == ("Asia/Tokyo", 6, "GBP")
    assert of(own, "shop") == ("Europe/Berlin", 5, "EUR")
    own.change("shop", time_zone="America/New_York", week_start="Tuesday", currency="CHF")
    own.change("blog", currency="SEK")
    assert of(own, "shop") == ("America/New_York", 1, "CHF")
    assert of(own, "blog") == ("Asia/Tokyo", 6, "SEK")
    assert of(own) == of(own, "shop", "blog") == ("Asia/Tokyo", 6, "GBP")
    assert own.without_own("shop") == {
        "time_zone": "Europe/Berlin",
        "week_start": "saturday",
        "currency": "EUR",
    }
    own.change("shop", time_zone="", week_start="", currency="")
    assert of(own, "shop") == ("Europe/Berlin", 5, "EUR")


def test_currencies_of_other_sites_are_known_from_both_places(own: SiteSettings) -> None:
    own.change("se-shop", currency="SEK")
    own.change("us", currency="CAD")
    own.change("uk", currency="GBP")
    assert own.other_currencies_of(()) == (("se-shop", "SEK"), ("shop", "EUR"), ("us", "CAD"))
    assert own.other_currencies_of(("shop", "uk")) == (("shop", "EUR"),)
    assert own.other_currencies_of(("shop",)) == ()


def test_nobody_is_told_of_other_sites_currencies(own: SiteSettings, tmp_path: Path) -> None:
    own.change("secret", currency="SEK")
    assert own.other_currencies_of((), frozenset({"us", "blog"})) == (("us", "USD"),)
    backends = embedded(tmp_path, [event()], site_currencies="us=USD")
    backends.site_settings.change("secret", currency="SEK")
    found = backends.asking.filters({}, Scope("bob", frozenset({"us"})))
    assert found.site_currencies == (("us", "USD"),)
    assert backends.asking.filters({}, EVERYONE).site_currencies == (("secret", "SEK"), ("us", "USD"))


def test_a_change_holds_at_once_here_and_within_seconds_elsewhere(
    documents: EmbeddedDocuments, own: SiteSettings, clock: Clock
) -> None:
    elsewhere = SiteSettings(documents, load({}, {}), 3, clock)
    assert (own.zone_of(("shop",)), elsewhere.zone_of(("shop",))) == ("Europe/Berlin", "UTC")
    own.change("shop", time_zone="Asia/Kolkata")
    assert (own.zone_of(("shop",)), elsewhere.zone_of(("shop",))) == ("Asia/Kolkata", "UTC")
    clock.now += 2.9
    assert elsewhere.zone_of(("shop",)) == "UTC"
    clock.now += 0.2
    assert elsewhere.zone_of(("shop",)) == "Asia/Kolkata"


def test_what_is_known_goes_on_to_hold_while_the_documents_are_away(
    documents: EmbeddedDocuments,
    own: SiteSettings,
    clock: Clock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own.change("shop", time_zone="Asia/Kolkata")
    assert own.zone_of(("shop",)) == "Asia/Kolkata"
    with sqlite3.connect(tmp_path / "d.db") as db:
        db.execute("alter table documents rename to elsewhere")
    db.close()
    clock.now += 10
    with caplog.at_level(logging.WARNING):
        assert own.zone_of(("shop",)) == "Asia/Kolkata"
    assert "could not be read anew" in caplog.text
    with pytest.raises(sqlite3.OperationalError):
        SiteSettings(documents, load({}, {})).zone_of(("shop",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_zone", "Europe/Nowhere"),
        ("time_zone", "../etc/passwd"),
        ("time_zone", "right/UTC"),
        ("time_zone", "localtime"),
        ("week_start", "someday"),
        ("currency", "eur"),
        ("currency", "EURO"),
        ("currency", "€"),
    ],
)
def test_a_wrong_value_is_refused_in_the_words_of_the_setting(
    documents: EmbeddedDocuments, own: SiteSettings, name: str, value: str
) -> None:
    with pytest.raises(UsageError) as refused:
        own.change("shop", **{name: value})
    for given in ({name: value}, {PER_SITE[name]: f"shop={value}"}):
        with pytest.raises(SettingsError) as of_settings:
            load(given, {})
        assert str(of_settings.value) == str(refused.value)
    assert sites.every(documents) == []


def test_what_others_change_in_between_is_kept(tmp_path: Path, own: SiteSettings) -> None:
    class Interrupted(EmbeddedDocuments):
        """Somebody else changes the site between every look at it and the first attempt to write."""

        others = iter([{"currency": "INR"}, {"week_start": "friday"}])

        def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
            if other := next(self.others, None):
                own.change(key, **other)
            return super().put(kind, key, value, expected)

    documents = Interrupted(tmp_path / "d.db")
    sites.save(documents, "shop", ("https://shop.example",))
    assert sites.every(documents) == [
        sites.Site("shop", ("https://shop.example",), "", "friday", "INR"),
    ]


def test_documents_from_before_have_nothing_of_their_own(documents: EmbeddedDocuments) -> None:
    documents.put(sites.KIND, "old", {"origins": ["*"]}, None)
    assert sites.every(documents) == [sites.Site("old", ("*",))]


def test_a_cached_answer_is_never_of_another_zone_or_currency(tmp_path: Path) -> None:
    bought = {"order_id": "o1", "revenue": 10.0, "currency": "USD"}
    rows = [event("checkout_complete", "2024-03-01 23:30", **bought), event(at="2024-03-01 12:00")]
    backends = embedded(tmp_path, rows)

    def asked(name: str) -> Answer:
        return backends.asking.ask(name, period("2024-03-01", "2024-03-02") | {"site": "shop"}, EVERYONE)

    def both() -> tuple[list[int], float, bool]:
        events, money = asked("events.over_time"), asked("products.kpis")
        by_day = [sum(row["events"] for row in events.rows if row["time"].day == day) for day in (1, 2)]
        return by_day, money.rows[0]["revenue"], events.stamp.cached and money.stamp.cached

    assert both() == ([2, 0], 0.0, False)
    assert both() == ([2, 0], 0.0, True)
    backends.site_settings.change("shop", time_zone="Europe/Berlin", currency="USD")
    assert both() == ([1, 1], 10.0, False)
    assert both() == ([1, 1], 10.0, True)
    backends.site_settings.change("shop", time_zone="", currency="")
    assert both() == ([2, 0], 0.0, True), "what was answered before is right again"


# Rotating write keys


@pytest.fixture
def key(documents: EmbeddedDocuments) -> str:
    sites.save(documents, "shop", ())
    return sites.make_key(documents, "shop")


def id_of(documents: EmbeddedDocuments, key: str) -> str:
    return tokens.hashed(key)[:12]


def test_a_rotated_key_works_until_its_time_is_over(
    documents: EmbeddedDocuments, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = datetime.now(UTC)
    made = sites.rotate(documents, id_of(documents, key), 2)
    doors = sites.Doors(documents, 3, Clock())
    shop = sites.Site("shop")
    assert doors.of_key(key) == doors.of_key(made) == shop
    old = sites.find_key(documents, id_of(documents, key))
    ends = datetime.fromisoformat(old.expires_at)
    assert before + timedelta(hours=2, seconds=-1) <= ends <= datetime.now(UTC) + timedelta(hours=2)
    assert sites.find_key(documents, id_of(documents, made)).expires_at == ""

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return ends

    monkeypatch.setattr(tokens, "datetime", Later)
    assert doors.of_key(key) is None, "although nothing was looked up anew"
    assert doors.of_key(made) == shop
    assert [one.start for one in sites.keys(documents)] == [made[:7]]
    sites.make_key(documents, "shop")
    assert documents.get(sites.KEY_KIND, tokens.hashed(key)) is None, "it is kept no longer"


def test_a_rotated_key_can_be_revoked_at_once(documents: EmbeddedDocuments, key: str) -> None:
    made = sites.rotate(documents, id_of(documents, key))
    sites.revoke(documents, id_of(documents, key))
    doors = sites.Doors(documents)
    assert doors.of_key(key) is None
    assert doors.of_key(made) is not None


def test_what_cannot_be_rotated_changes_nothing(documents: EmbeddedDocuments, key: str) -> None:
    for hours in (0, -1, 721):
        with pytest.raises(UsageError, match="1 to 720 hours"):
            sites.rotate(documents, id_of(documents, key), hours)
    with pytest.raises(UsageError, match="no write key 'abc'"):
        sites.rotate(documents, "abc")
    assert len(sites.keys(documents)) == 1
    sites.rotate(documents, id_of(documents, key))
    with pytest.raises(UsageError, match="rotated already"):
        sites.rotate(documents, id_of(documents, key))
    assert len(sites.keys(documents)) == 2


def test_of_those_who_rotate_at_once_one_makes_a_key(documents: EmbeddedDocuments, key: str) -> None:
    def attempt(_: int) -> str:
        try:
            return sites.rotate(documents, id_of(documents, key))
        except UsageError:
            return ""

    with ThreadPoolExecutor(8) as pool:
        made = [one for one in pool.map(attempt, range(8)) if one]
    doors = sites.Doors(documents)
    assert len(made) == 1
    assert all(doors.of_key(one) for one in [key, *made])
    assert len(sites.keys(documents)) == 2
