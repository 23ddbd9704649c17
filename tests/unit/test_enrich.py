"""Enrichment, rules and identities."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.events import EVENT_SCHEMA
from data_access.model import UsageError
from pipeline.agents import describe_agent
from pipeline.enrich import enrich, to_table
from pipeline.identity import Occurrences, content_ids, visitor_hash
from pipeline.rules import load_rules
from pipeline.urls import split_url, utm_of

# Stored in every lake there is: this number may never change.
HASH = 5651634851759429639
TS = datetime(2026, 3, 9, 12, 0, 0, 123456)  # noqa: DTZ001 - naive UTC
_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Chrome/120.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")
PIXEL = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_KIT} Chrome/120.0.0.0 Mobile Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# ua-parser knows it as a spider, the pattern of the built-in rules does not.
SPIDER_BY_PARSER_ONLY = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"


def events(*drafts: dict[str, Any], rules: Any = None) -> list[dict[str, Any]]:
    full = [{"site": "shop", "event_name": "page_view", "ts": TS, **draft} for draft in drafts]
    table = enrich(to_table(full, "i-1"), rules or load_rules())
    assert table.schema.equals(EVENT_SCHEMA)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def event(**draft: Any) -> dict[str, Any]:
    return events(draft)[0]


def test_no_drafts_are_no_events() -> None:
    assert enrich(to_table([], "i-1"), load_rules()).schema.equals(EVENT_SCHEMA)


def test_defaults_and_milliseconds() -> None:
    row = event()
    assert row["ts"] == row["received_at"] == datetime(2026, 3, 9, 12, 0, 0, 123000)  # noqa: DTZ001
    assert (row["properties"], row["is_bot"], row["ingest_id"]) == ("{}", False, "i-1")
    assert row["visitor_id"] is None
    assert row["identity_source"] is None
    assert row["login_state"] is None


def test_a_row_without_what_every_event_needs_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid, match="event_name is missing in 1 rows"):
        events({"event_name": None})


@pytest.mark.parametrize(("name", "kind"), [("click", "click"), ("add_to_cart_click", "custom")])
def test_event_type_is_by_name_where_there_is_none(name: str, kind: str) -> None:
    assert event(event_name=name)["event_type"] == kind
    assert event(event_name=name, event_type="error")["event_type"] == "error"


def test_page_path_and_campaign_come_from_the_url() -> None:
    row = event(
        page_url="https://User@Shop.example:8080/a/b?utm_source=x%20y&utm_medium=cpc&utm_campaign=c#f"
    )
    assert (row["page_path"], row["utm_source"], row["utm_medium"], row["utm_campaign"]) == (
        "/a/b",
        "x y",
        "cpc",
        "c",
    )
    assert event(page_url="/a?b", page_path="/given")["page_path"] == "/given"
    assert event(page_url="/a?utm_source=x", utm_source="given")["utm_source"] == "given"


@given(st.text())
def test_no_url_is_too_odd(url: str) -> None:
    utm_of(split_url(url).query)


@pytest.mark.parametrize(
    ("draft", "channel"),
    [
        ({"page_url": "https://shop.example/"}, "direct"),
        ({"page_url": "https://shop.example/", "referrer": "https://www.shop.example/x"}, "internal"),
        ({"referrer": "https://www.google.co.uk/"}, "organic_search"),
        ({"referrer": "https://duckduckgo.com/"}, "organic_search"),
        ({"referrer": "https://t.co/abc"}, "social"),
        ({"referrer": "https://mail.google.com/"}, "email"),
        ({"referrer": "https://blog.example/"}, "referral"),
        ({"referrer": "https://notgoogle.com/"}, "referral"),
        (
            {"page_url": "/?utm_source=google&utm_medium=CPC", "referrer": "https://www.google.com/"},
            "paid_search",
        ),
        ({"page_url": "/?utm_source=news&utm_medium=email"}, "email"),
        ({"page_url": "/?utm_source=poster"}, "campaign"),
        ({"referrer": "https://blog.example/", "channel": "partners"}, "partners"),
        ({}, None),
    ],
)
def test_channels_by_the_built_in_rules(draft: dict[str, Any], channel: str | None) -> None:
    assert event(**draft)["channel"] == channel


def test_channels_are_the_rows_own() -> None:
    rows = events({"referrer": "https://t.co/"}, {}, {"referrer": "https://www.bing.com/"}, {"page_url": "/"})
    assert [row["channel"] for row in rows] == ["social", None, "organic_search", "direct"]


@pytest.mark.parametrize(
    ("agent", "device", "browser", "system", "bot"),
    [
        (CHROME, "desktop", "Chrome", "Windows", False),
        (IPHONE, "mobile", "Mobile Safari", "iOS", False),
        (IPAD, "tablet", "Mobile Safari", "iOS", False),
        (PIXEL, "mobile", "Chrome Mobile", "Android", False),
        (PIXEL.replace(" Mobile", ""), "tablet", "Chrome", "Android", False),
        (GOOGLEBOT, "bot", "Googlebot", None, True),
        ("curl/8.0", "other", "curl", None, False),
    ],
)
def test_user_agents(agent: str, device: str, browser: str, system: str | None, bot: bool) -> None:
    row = event(user_agent=agent)
    assert (row["device"], row["browser"], row["os"], row["is_bot"]) == (device, browser, system, bot)


def test_what_the_source_says_of_the_device_stays() -> None:
    row = event(user_agent=CHROME, device="tablet", browser="Mine", os="Own", is_bot=True)
    assert (row["device"], row["browser"], row["os"], row["is_bot"]) == ("tablet", "Mine", "Own", True)


def test_ua_parser_spiders_count_when_the_rules_say_so(tmp_path: Path) -> None:
    assert describe_agent(SPIDER_BY_PARSER_ONLY).spider
    draft = {"user_agent": SPIDER_BY_PARSER_ONLY}
    assert events(draft)[0]["is_bot"] is False
    assert events(draft)[0]["device"] != "bot"
    path = tmp_path / "rules.toml"
    path.write_text("[bots]\nua_parser_spiders = true\n")
    row = events(draft, rules=load_rules(path))[0]
    assert (row["is_bot"], row["device"]) == (True, "bot")


def test_visitor_is_the_user_else_the_client_else_the_session() -> None:
    ids = {"user_id": "1", "client_id": "1", "session_id": "1"}
    rows = events(ids, {**ids, "user_id": None}, {"session_id": "1"}, {})
    assert [row["identity_source"] for row in rows] == ["user", "client", "session", None]
    assert [row["visitor_id"] for row in rows] == [*map(visitor_hash, ("u:1", "c:1", "s:1")), None]
    assert [row["login_state"] for row in rows] == ["logged_in", None, None, None]
    assert event(user_id="1", login_state="guest")["login_state"] == "guest"


def test_visitor_hash_never_changes() -> None:
    assert visitor_hash("u:42") == HASH
    assert visitor_hash("c:42") != visitor_hash("u:42")


def test_event_ids_come_from_the_content_where_there_are_none() -> None:
    first, again, other, given_id = events({}, {}, {"site": "blog"}, {"event_id": "mine"})
    assert given_id["event_id"] == "mine"
    assert len({first["event_id"], again["event_id"], other["event_id"]}) == 3
    assert events({}, {})[1]["event_id"] == again["event_id"]


@given(st.lists(st.lists(st.integers(0, 5), max_size=30), max_size=8))
def test_occurrences_count_like_a_dictionary(batches: list[list[int]]) -> None:
    seen, counted = Occurrences(), Counter[int]()
    for batch in batches:
        expected = []
        for key in batch:
            expected.append(counted[key])
            counted[key] += 1
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected


def test_occurrences_take_about_eight_bytes_a_row() -> None:
    seen, rng = Occurrences(), np.random.default_rng(1)
    for _ in range(20):
        seen.add(rng.integers(0, 2**63, 10_000).astype(np.uint64))
    assert sum(run.nbytes for run in seen._runs) == 8 * 200_000
    assert len(seen._runs) < 12


def test_content_ids_keep_repeats_apart_and_are_stable_over_batches() -> None:
    contents = [b"a", b"b", b"a", b"a"]
    whole = content_ids("x", contents, Occurrences())
    assert len(set(whole)) == 4
    seen = Occurrences()
    assert content_ids("x", contents[:3], seen) + content_ids("x", contents[3:], seen) == whole
    assert not set(content_ids("y", contents, Occurrences())) & set(whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("own_host = []", "unknown key 'own_host'; known are own_hosts, bots, channel"),
        ("[bots]\nua_parser_spiders = 1", "bots.ua_parser_spiders takes true or false"),
        ("[bots]\nuser_agent_pattern = '('", "bots.user_agent_pattern takes a regular expression"),
        ("[[channel]]\nreferrer = 'none'", r"\[\[channel\]\] 1 needs a name"),
        ("[[channel]]\nname = 'a'\nreferrer = 'x'", "referrer takes none, own, other"),
        ("[[channel]]\nname = 'a'\nhost = 'x'", "unknown key 'host'; known are name, utm_source"),
        ("channel = 1", "channel takes"),
        ("a = ", "not valid TOML"),
    ],
)
def test_rules_errors_name_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_rules(path)


def test_a_rules_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the rules file"):
        load_rules(tmp_path / "none.toml")


def test_own_hosts_make_a_referrer_internal(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        "own_hosts = ['(^|\\.)shop\\.example$']\n[[channel]]\nname = 'inside'\nreferrer = 'own'\n"
    )
    rows = events(
        {"referrer": "https://cdn.shop.example/"},
        {"referrer": "https://x.example/"},
        rules=load_rules(str(path)),
    )
    assert [row["channel"] for row in rows] == ["inside", None]
