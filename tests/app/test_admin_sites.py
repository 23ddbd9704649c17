"""The admin page's tab with sites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.cli import main
from data_access import sites
from data_access.audit_search import Wanted, page
from data_access.backends import Backends
from data_access.sites import Site
from data_access.users import add_user
from tests.app.conftest import PASSWORD, by_link, sign_in, with_people
from tests.app.live_parts import said
from tests.app.test_connect import call, keys_card, name_of, press_key
from tests.builders import EVERYONE, embedded, event, period

PATH = "/admin"
FIELDS = ("admin-site-zone", "admin-site-week", "admin-site-currency")


@pytest.fixture
def live(tmp_path: Path) -> Backends:
    """A site that was added, and one whose events were imported."""
    opened = embedded(
        tmp_path,
        [event(site="Old Shop"), event(site="Old Shop"), event(at="2024-03-01 23:30")],
        time_zone="Europe/Berlin",
        site_week_starts="shop=sunday",
    )
    sites.save(opened.documents, "shop", ("https://shop.example",))
    sites.make_key(opened.documents, "shop")
    return opened


@pytest.fixture
def app(live: Backends) -> Any:
    return with_people(live)


@pytest.fixture
def admin(app: Any, live: Backends) -> FlaskClient:
    return by_link(app, live)


def tab(client: FlaskClient, site: str = "", did: Any = None) -> Any:
    """The tab as it is drawn."""
    search = f"?tab=sites{f'&site={site}' if site else ''}"
    inputs = [("url", "search", search), ("retry", "data", None), ("admin-site-did", "data", did)]
    changed = "admin-site-did.data" if did else "url.search"
    found = call(client, ["admin-sites.children"], inputs, [("url", "pathname", PATH)], changed)
    return found if found == 403 else found["admin-sites"]


def press(
    client: FlaskClient, do: str, site: str, zone: Any = "-", week: Any = "-", currency: Any = ""
) -> Any:
    """Save what a site has of its own, or let it send events."""
    button = {"type": f"admin-site-{do}", "site": site}
    outputs = [*(f"{field}.error" for field in FIELDS), "admin-site-said.children", "admin-site-did.data"]
    pressed = [(button, "n_clicks", 1)]
    inputs: list[Any] = [pressed, []] if do == "save" else [[], pressed]
    state = [(field, "value", value) for field, value in zip(FIELDS, (zone, week, currency), strict=True)]
    return call(client, outputs, inputs, state, f"{name_of(button)}.n_clicks")


def test_added_and_imported_sites_are_listed_with_what_holds_for_them(
    admin: FlaskClient, live: Backends
) -> None:
    text = said(tab(admin))
    assert "Old Shop imported Europe/Berlin Monday EUR – – 2" in text
    assert "shop Europe/Berlin Sunday EUR 1 1 1" in text
    live.site_settings.change("Old Shop", time_zone="Asia/Tokyo", currency="JPY")
    text = said(tab(admin))
    assert "Old Shop Asia/Tokyo Monday JPY None 0 2" in text
    assert "2 sites." in text


def test_what_the_settings_say_is_told_apart(admin: FlaskClient, live: Backends) -> None:
    assert json.dumps(tab(admin)).count("As the settings say") == 6
    live.site_settings.change("shop", time_zone="Asia/Tokyo", currency="JPY")
    assert json.dumps(tab(admin)).count("As the settings say") == 4


def test_a_site_is_added_from_the_list_and_open_then(admin: FlaskClient, live: Backends) -> None:
    outputs = [
        "connect-name.error",
        "connect-name-origins.error",
        "connect-name-said.children",
        "connect-next.data",
    ]
    inputs = [("connect-add", "n_clicks", 1), ("connect-name", "n_submit", None)]
    state = [
        ("connect-name", "value", "blog"),
        ("connect-name-origins", "value", ""),
        ("url", "pathname", PATH),
        ("url", "search", "?tab=sites"),
    ]
    answer = call(admin, outputs, inputs, state, "connect-add.n_clicks")
    assert answer["connect-next"]["data"] == {"search": "?tab=sites&site=blog"}
    assert "blog 0 events in the lake" in said(tab(admin, "blog"))


def test_zone_week_and_currency_are_set_and_hold_at_once(admin: FlaskClient, live: Backends) -> None:
    def first_hour() -> int:
        asked = period("2024-03-01", "2024-03-02") | {"site": "shop"}
        found = live.asking.ask("events.over_time", asked, EVERYONE).rows
        return next(row["time"].hour for row in found if row["events"])

    assert first_hour() == 0
    answer = press(admin, "save", "shop", "America/New_York", "tuesday", " usd ")
    assert answer["admin-site-said"]["children"] == "Saved"
    assert [answer[field]["error"] for field in FIELDS] == ["", "", ""]
    kept = sites.every(live.documents)
    assert kept == [Site("shop", ("https://shop.example",), "America/New_York", "tuesday", "USD")]
    assert first_hour() == 18
    (row,) = page(live.audit.newest, Wanted(kind="change"), 9).rows
    assert (row.begun.user, row.begun.subject, row.last.outcome) == ("local admin", "site shop", "finished")
    own = {"time_zone": "America/New_York", "week_start": "tuesday", "currency": "USD"}
    assert row.begun.parameters == {"did": "changed", **own}
    again = press(admin, "save", "shop", "America/New_York", "tuesday", "USD")
    assert again["admin-site-said"]["children"] == "Nothing to save"
    press(admin, "save", "shop", "America/New_York", "-", "USD")
    row = page(live.audit.newest, Wanted(kind="change"), 9).rows[0]
    assert row.begun.parameters == {"did": "changed", "week_start": ""}, "only what was changed"
    assert live.site_settings.week_start_of(("shop",)) == 6


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        (("Mars/Olympus", "-", ""), "admin-site-zone", "'Mars/Olympus' is no time zone; use a name such as"),
        (("-", "someday", ""), "admin-site-week", "'someday' is no day of the week; it takes monday"),
        (("-", "-", "EURO"), "admin-site-currency", "'EURO' is no currency; use an ISO 4217 code"),
        ((["UTC"], "-", ""), "admin-site-zone", "is no time zone"),
        ((7, "-", ""), "admin-site-zone", "is no time zone"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    admin: FlaskClient, live: Backends, given: tuple[Any, Any, Any], field: str, says: str
) -> None:
    before = sites.every(live.documents)
    answer = press(admin, "save", "shop", *given)
    assert says in answer[field]["error"]
    assert [answer[one]["error"] for one in FIELDS if one != field] == ["", ""]
    assert answer["admin-site-said"]["children"] == "Not saved"
    assert sites.every(live.documents) == before
    assert live.audit.head().number == 1, "signing in"


def test_it_is_said_that_money_is_not_converted(admin: FlaskClient) -> None:
    assert "Money is not converted" in said(tab(admin, "shop"))


def test_an_imported_site_is_given_a_zone_and_may_send_events_then(
    admin: FlaskClient, live: Backends
) -> None:
    text = said(tab(admin, "Old%20Shop"))
    assert "Old Shop 2 events in the lake" in text
    assert "Let it send events" in text
    answer = press(admin, "save", "Old Shop", "Asia/Tokyo")
    did = answer["admin-site-did"]["data"]
    drawn = tab(admin, "Old%20Shop", did)
    assert "Saved" in said(drawn)
    assert "connect-keys" in json.dumps(drawn)
    assert "data-sg-focus" in json.dumps(drawn), "work goes on there"
    assert live.site_settings.zone_of(("Old Shop",)) == "Asia/Tokyo"


def test_an_imported_site_is_let_send_events(admin: FlaskClient, live: Backends) -> None:
    answer = press(admin, "add", "Old Shop")
    assert "Old Shop can send events now" in said(tab(admin, "Old%20Shop", answer["admin-site-did"]["data"]))
    made = press_key(admin, "make", "Old Shop")["connect-key"]["data"]["key"]
    assert sites.Doors(live.documents).of_key(made) == Site("Old Shop")
    subjects = [row.begun.subject for row in page(live.audit.newest, Wanted(kind="change"), 9).rows]
    assert subjects == ["write key of site Old Shop", "site Old Shop"]


def test_a_site_nobody_knows_is_not_made_by_the_way(admin: FlaskClient, live: Backends) -> None:
    before = sites.every(live.documents)
    for do in ("save", "add"):
        answer = press(admin, do, "nowhere", "UTC")
        assert "no site 'nowhere' any more" in answer["admin-site-said"]["children"]
    assert "there is no site 'nowhere'" in said(tab(admin, "nowhere"))
    assert sites.every(live.documents) == before


def test_the_keys_are_those_of_the_connect_page(admin: FlaskClient, live: Backends) -> None:
    (key,) = sites.keys(live.documents)
    assert "connect-keys" in json.dumps(tab(admin, "shop"))
    card = json.dumps(keys_card(admin, search="?tab=sites&site=shop"), ensure_ascii=False)
    assert f"Rotate write key {key.start}…, id {key.id}" in card


def test_only_admins_of_all_sites_see_or_change_it(app: Any, live: Backends) -> None:
    add_user(live.documents, "bob", PASSWORD, "admin", ["shop"])
    before = sites.every(live.documents)
    for name in ("vera", "otto", "bob"):
        client = sign_in(app, name)
        assert tab(client) == 403
        assert press(client, "save", "shop", "Asia/Tokyo") == 403
        assert press(client, "add", "Old Shop") == 403
    assert sites.every(live.documents) == before


def test_what_is_known_is_listed_while_the_lake_cannot_be_asked(admin: FlaskClient, tmp_path: Path) -> None:
    for file in (tmp_path / "data" / "lake").rglob("*.parquet"):
        file.unlink()
    text = said(tab(admin))
    assert "The sites of the lake could not be counted" in text
    assert "shop Europe/Berlin Sunday EUR 1 1 –" in text


def test_there_are_no_sites_yet(tmp_path: Path) -> None:
    opened = embedded(tmp_path)
    client = by_link(with_people(opened), opened)
    drawn = tab(client)
    assert "Add your first site" in said(drawn)
    assert "connect-name" in json.dumps(drawn)


# The command line


def run(live: Backends, *words: str) -> int:
    return main([*words, "--data-dir", str(live.settings.data_dir)])


def test_the_command_line_sets_rotates_and_notes(live: Backends, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sites", "set", "shop", "--time-zone", "Asia/Tokyo", "--currency", "JPY")
    assert run(live, *words) == 0
    assert capsys.readouterr().out.splitlines() == ["shop: time zone Asia/Tokyo", "shop: currency JPY"]
    assert run(live, "sites", "set", "Old Shop", "--week-start", "friday") == 0
    assert run(live, "sites", "set", "shop", "--currency", "") == 0
    assert "shop: currency EUR, as the settings say" in capsys.readouterr().out
    (key,) = sites.keys(live.documents)
    assert run(live, "sites", "rotate", key.id, "--hours", "2") == 0
    made, ends = capsys.readouterr().out.splitlines()
    assert ends == f"{key.id}: works until {sites.find_key(live.documents, key.id).expires_at}"
    assert run(live, "sites", "list") == 0
    listed = capsys.readouterr().out
    assert "shop  https://shop.example  time_zone=Asia/Tokyo\n" in listed
    assert "Old Shop  no origins: browsers are refused  week_start=friday\n" in listed
    assert ends.partition(": ")[2] in listed
    assert run(live, "sites", "key", "shop") == 0
    assert run(live, "sites", "revoke", key.id) == 0
    assert run(live, "sites", "add", "shop", "--origin", "*") == 0
    rows = page(live.audit.newest, Wanted(kind="change"), 20).rows
    assert {(row.begun.user, row.begun.role, row.last.outcome) for row in rows} == {
        ("command line", "admin", "finished")
    }
    assert [f"{row.begun.parameters['did']} {row.begun.subject}" for row in reversed(rows)] == [
        "changed site shop",
        "changed site Old Shop",
        "changed site shop",
        f"rotated write key {key.id} of site shop",
        "made write key of site shop",
        f"revoked write key {key.id} of site shop",
        "changed site shop",
    ]
    secret = made.rpartition(" ")[2]
    assert not [kept for kept in live.audit.newest() if secret in kept.text]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "shop"), "sites set needs --time-zone, --week-start or --currency"),
        (("set", "shop", "--currency", "eur"), "'eur' is no currency"),
        (("set", "shop", "--time-zone", "Berlin"), "'Berlin' is no time zone"),
        (("set", "shpo", "--currency", "EUR"), "there is no site 'shpo', nor events of one"),
        (("set",), "sites set needs a site"),
        (("rotate",), "sites rotate needs the id of a write key"),
        (("rotate", "abc"), "there is no write key 'abc'"),
    ],
)
def test_the_command_line_says_what_to_do(
    live: Backends, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run(live, "sites", *words) == 2
    assert says in capsys.readouterr().err
    assert [site.name for site in sites.every(live.documents)] == ["shop"]
    assert live.audit.head().number == 0
