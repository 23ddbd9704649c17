from __future__ import annotations

import json
import re
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from app.auth import make_sign_in_link
from app.factory import create_app
from data_access import sites, tokens
from data_access.arrivals import MOST
from data_access.audit_search import Wanted, page
from data_access.backends import Backends
from data_access.embedded.audit import EmbeddedAudit
from data_access.live import Reason, Refused
from data_access.model import Scope
from data_access.realtime import minute_of
from data_access.users import add_user
from pages.parts import connect_checks, numbers
from pages.parts.connect_checks import Span, ago
from pages.parts.live_health import REASONS
from pages.parts.plain import plain
from pages.parts.view import View
from tests.app.callbacks import URL, elements
from tests.app.conftest import PASSWORD, SAME, by_link, sign_in, with_people
from tests.app.live_parts import said
from tests.builders import event, table
from tests.door import ORIGIN, Door, server_event, utc
from tests.forms import Forms, both_forms, door_of

PATH = "/connect"
Given = tuple[Any, str, Any]


@pytest.fixture
def form() -> str:
    """Tests that are not marked run on the embedded form only: they are about what pages look like, ask the
    lake or know the log's places."""
    return "embedded"


@pytest.fixture
def live(form: str, forms: Forms, tmp_path: Path) -> Backends:
    return forms.eager(forms.new(form, tmp_path, port=8123, site_time_zones="shop=Asia/Tokyo"))


@pytest.fixture
def door(live: Backends) -> Door:
    return door_of(live)


@pytest.fixture
def app(live: Backends) -> Any:
    return with_people(live)


@pytest.fixture
def admin(app: Any, live: Backends) -> FlaskClient:
    return by_link(app, live)


@pytest.fixture
def vera(app: Any) -> FlaskClient:
    return sign_in(app, "vera")


def limited(live: Backends, name: str, role: str, *own: str) -> FlaskClient:
    """Someone who may see some sites only."""
    add_user(live.documents, name, PASSWORD, role, own)
    return sign_in(create_app(live), name)


def name_of(part: Any) -> str:
    """An id as Dash writes it in names."""
    return part if isinstance(part, str) else json.dumps(part, sort_keys=True, separators=(",", ":"))


def call(client: FlaskClient, outputs: list[str], inputs: list[Any], state: list[Given], changed: str) -> Any:
    """What a callback answers; inputs and state are (id, property, value), or lists of those."""

    def part(given: Any) -> Any:
        if isinstance(given, list):
            return [part(one) for one in given]
        return {"id": given[0], "property": given[1], "value": given[2]}

    ids = [dict(zip(("id", "property"), output.rsplit(".", 1), strict=True)) for output in outputs]
    body = {
        "output": f"..{'...'.join(outputs)}.." if len(outputs) > 1 else outputs[0],
        "outputs": ids if len(outputs) > 1 else ids[0],
        "inputs": [part(one) for one in inputs],
        "state": [part(one) for one in state],
        "changedPropIds": [changed],
    }
    answer = client.post(URL, json=body, headers=SAME)
    if answer.status_code != 200:
        return answer.status_code
    return json.loads(answer.text)["response"]


def layout(client: FlaskClient, search: str = "") -> str:
    """The words and ids of the page as it is first sent."""
    body = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": PATH}],
        "state": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": ["url.pathname"],
    }
    return client.post(URL, json=body, headers=SAME).text


def add(client: FlaskClient, name: str, origins: str = "") -> Any:
    outputs = [
        "connect-name.error",
        "connect-name-origins.error",
        "connect-name-said.children",
        "connect-next.data",
    ]
    inputs = [("connect-add", "n_clicks", 1), ("connect-name", "n_submit", None)]
    state = [
        ("connect-name", "value", name),
        ("connect-name-origins", "value", origins),
        ("url", "pathname", PATH),
        ("url", "search", ""),
    ]
    return call(client, outputs, inputs, state, "connect-add.n_clicks")


def save_origins(client: FlaskClient, text: str, site: str = "shop") -> Any:
    button = {"type": "connect-origins-save", "site": site}
    outputs = ["connect-origins.error", "connect-origins.value", "connect-origins-said.children"]
    inputs = [[(button, "n_clicks", 1)]]
    state = [("connect-origins", "value", text)]
    return call(client, outputs, inputs, state, f"{name_of(button)}.n_clicks")


def press_key(client: FlaskClient, do: str, about: str, *hours: str) -> Any:
    button = {"type": "connect-key-do", "do": do, "about": about}
    outputs = ["connect-key.data", "connect-key-did.data", "connect-keys-said.children"]
    state: Any = [[({"type": "connect-key-hours", "about": about}, "value", one) for one in hours]]
    return call(client, outputs, [[(button, "n_clicks", 1)]], state, f"{name_of(button)}.n_clicks")


def keys_card(client: FlaskClient, did: Any = None, made: Any = None, search: str = "") -> Any:
    inputs = [("url", "search", search), ("retry", "data", None), ("connect-key-did", "data", did)]
    state = [("connect-key", "data", made), ("url", "pathname", PATH)]
    changed = "connect-key-did.data" if did else "url.search"
    return call(client, ["connect-keys.children"], inputs, state, changed)["connect-keys"]


def snippets(client: FlaskClient, search: str = "", made: Any = None) -> Any:
    inputs = [("url", "search", search), ("retry", "data", None), ("connect-key", "data", made)]
    return call(
        client, ["connect-snippets.children"], inputs, [("url", "pathname", PATH)], "connect-key.data"
    )["connect-snippets"]


def poll(client: FlaskClient, seen: Any = None, search: str = "", paused: bool = False) -> dict[str, Any]:
    """What a poll brings, by part; parts that stay as they are are missing."""
    outputs = ["connect-list.data", "connect-around.children", "connect-checks.children", "connect-seen.data"]
    inputs = [("connect-tick", "data", {"at": 7, "paused": paused}), ("url", "search", search)]
    found = call(client, outputs, inputs, [("connect-seen", "data", seen)], "connect-tick.data")
    return {name: next(iter(props.values())) for name, props in found.items()}


def events(client: FlaskClient, search: str = "") -> list[str]:
    """The words of every row, newest first."""
    sent = poll(client, search=search)["connect-list"]
    return [said({"data-sg-plain": sent["rows"][key]}) for key in sent["order"]]


def checks(client: FlaskClient, search: str = "") -> str:
    return said(poll(client, search=search)["connect-checks"])


# Sites and origins


@both_forms
def test_an_admin_adds_a_site(admin: FlaskClient, live: Backends) -> None:
    assert "Add your first site" in layout(admin)
    answer = add(admin, " blog ", "https://Blog.example:443/\n\n  http://localhost:8000 \n")
    assert answer["connect-next"]["data"] == {"href": "/connect?site=blog"}
    assert sites.every(live.documents) == [
        sites.Site("blog", ("http://localhost:8000", "https://blog.example"))
    ]
    assert "connect-events" in layout(admin, "?site=blog")


@pytest.mark.parametrize(
    ("name", "origins", "name_error", "origins_error"),
    [
        ("", "", "no site name; it takes 1 to 64 of a-z", ""),
        ("My Shop", "", "'My Shop' is no site name", ""),
        ("shop", "", "there is a site 'shop' already; choose it", ""),
        ("blog", "blog.example", "", "'blog.example' is no origin; write it as https://shop.example"),
        ("blog", "https://blog.example/path", "", "is no origin"),
        ("blog", "https://[", "", "is no origin"),
        ("-", "https://*.example", "is no site name", "is no origin"),
        ("blog", "\n".join(f"https://{n}.example" for n in range(101)), "", "a site takes 100"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    admin: FlaskClient,
    live: Backends,
    door: Door,
    name: str,
    origins: str,
    name_error: str,
    origins_error: str,
) -> None:
    before = sites.every(live.documents)
    answer = add(admin, name, origins)
    found = [answer[field]["error"] for field in ("connect-name", "connect-name-origins")]
    for text, expected in zip(found, (name_error, origins_error), strict=True):
        assert expected.lower() in text.lower()
        assert bool(text) == bool(expected)
    assert all(text in answer["connect-name-said"]["children"] for text in found)
    assert "connect-next" not in answer
    assert sites.every(live.documents) == before


@both_forms
def test_origins_are_changed(admin: FlaskClient, live: Backends, door: Door) -> None:
    answer = save_origins(admin, "https://b.example\nHTTPS://A.example/\nhttps://b.example")
    assert answer["connect-origins"] == {"error": "", "value": "https://a.example\nhttps://b.example"}
    assert answer["connect-origins-said"]["children"] == "Saved"
    assert sites.every(live.documents)[0].origins == ("https://a.example", "https://b.example")
    wrong = save_origins(admin, "a.example")
    assert "'a.example' is no origin" in wrong["connect-origins"]["error"]
    assert "value" not in wrong["connect-origins"], "what was typed stays"
    assert "'gone'" in save_origins(admin, "", "gone")["connect-origins"]["error"]
    assert len(sites.every(live.documents)) == 1


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_others_may_look_only(app: Any, door: Door, live: Backends, name: str) -> None:
    client = sign_in(app, name)
    (key,) = sites.keys(live.documents)
    assert add(client, "blog") == 403
    assert save_origins(client, "*") == 403
    assert press_key(client, "make", "shop") == 403
    assert press_key(client, "revoke", key.id) == 403
    assert [site.name for site in sites.every(live.documents)] == ["shop"]
    assert sites.every(live.documents)[0].origins == (ORIGIN,)
    assert sites.keys(live.documents) == [key]


def test_who_may_not_change_sees_the_state_and_no_buttons(vera: FlaskClient, door: Door) -> None:
    page = layout(vera)
    assert "An admin can add sites" in page
    assert "Add a site" not in page
    card = keys_card(vera)
    assert door.key[:7] in said(card)
    assert "Revoke" not in json.dumps(card)
    assert "Make" not in json.dumps(card)
    assert door.key not in json.dumps(card)
    origins = call(
        vera,
        ["connect-origins-card.children"],
        [("url", "search", ""), ("retry", "data", None)],
        [("url", "pathname", PATH)],
        "url.search",
    )
    assert ORIGIN in said(origins["connect-origins-card"])
    assert "textarea" not in json.dumps(origins).lower()


def test_nothing_is_set_up(vera: FlaskClient, admin: FlaskClient) -> None:
    assert "An admin can add one here." in layout(vera)
    assert "connect-name" in layout(admin)


def test_a_site_that_is_not_set_up(admin: FlaskClient, door: Door) -> None:
    assert "imported is not set up to send events" in layout(admin, "?site=imported")
    assert "connect-events" in layout(admin, "?site=imported,shop")
    assert "there is no site" in said(poll(admin, search="?site=imported")["connect-around"])


# Keys


@both_forms
def test_a_key_is_shown_once_and_filled_in(admin: FlaskClient, live: Backends, door: Door) -> None:
    answer = press_key(admin, "make", "shop")
    made, did = answer["connect-key"]["data"], answer["connect-key-did"]["data"]
    assert len(sites.keys(live.documents, "shop")) == 2
    card = keys_card(admin, did, made)
    assert made["key"] in said(card)
    assert "shown this once" in said(card)
    assert made["key"] in said(snippets(admin, made=made))
    # Without what the browser keeps until the page is left there is no way back to it.
    assert made["key"] not in json.dumps([keys_card(admin), snippets(admin), poll(admin)])
    assert "YOUR_WRITE_KEY" in said(snippets(admin))
    sites.save(live.documents, "blog", ())
    assert made["key"] not in json.dumps([keys_card(admin, None, made, "?site=blog")])
    assert made["key"] not in json.dumps(snippets(admin, "?site=blog", made))


@both_forms
def test_a_key_works_until_it_is_revoked(admin: FlaskClient, live: Backends, door: Door) -> None:
    door.key = press_key(admin, "make", "shop")["connect-key"]["data"]["key"]
    assert Door.server(door).status == 200
    kept = sites.keys(live.documents, "shop")
    (key,) = (one for one in kept if one.start == door.key[:7])
    (old,) = (one for one in kept if one != key)
    asked = press_key(admin, "ask", key.id)
    assert len(sites.keys(live.documents)) == 2, "nothing happens without a confirmation"
    confirm = keys_card(admin, asked["connect-key-did"]["data"])
    labels = [part["aria-label"] for part in elements(json.dumps(confirm)) if "aria-label" in part]
    assert sorted(labels) == [
        f"Keep write key {key.start}…",
        *sorted([f"Revoke write key {old.start}…, id {old.id}", f"Revoke write key {key.start}… for good"]),
        f"Rotate write key {old.start}…, id {old.id}",
    ]
    gone = press_key(admin, "revoke", key.id)
    assert gone["connect-keys-said"]["children"] == f"Write key {key.start}… revoked."
    assert sites.keys(live.documents) == [old]
    again = press_key(admin, "revoke", key.id)
    assert again["connect-keys-said"]["children"] == "That key is revoked already."


@both_forms
def test_a_key_is_rotated_and_the_old_one_works_on_for_a_while(
    admin: FlaskClient, live: Backends, door: Door
) -> None:
    (old,) = sites.keys(live.documents)
    asked = press_key(admin, "ask-rotate", old.id)
    confirm = json.dumps(keys_card(admin, asked["connect-key-did"]["data"]), ensure_ascii=False)
    assert f"Rotate write key {old.start}… now" in confirm
    assert "How long the old key works" in confirm
    assert len(sites.keys(live.documents)) == 1, "nothing happens without a confirmation"
    answer = press_key(admin, "rotate", old.id, "72")
    said_then = answer["connect-keys-said"]["children"]
    assert said_then == f"Write key {old.start}… rotated. It works for 3 days more."
    made = answer["connect-key"]["data"]["key"]
    assert Door.server(door).status == 200
    door.key = made
    assert Door.server(door).status == 200
    ends = sites.find_key(live.documents, old.id).expires_at
    assert 71.9 < (datetime.fromisoformat(ends) - datetime.now(UTC)).total_seconds() / 3600 <= 72
    card = keys_card(admin, answer["connect-key-did"]["data"], answer["connect-key"]["data"])
    assert made in said(card)
    in_tokyo = (datetime.fromisoformat(ends).astimezone(ZoneInfo("Asia/Tokyo"))).strftime("%H:%M")
    assert re.search(rf"works until \d+ \w+ \d{{4}} {in_tokyo}", said(card))
    kept = json.dumps(card, ensure_ascii=False)
    assert f"Revoke write key {old.start}…" in kept
    assert f"Rotate write key {old.start}…" not in kept, "it ends already"
    press_key(admin, "revoke", old.id)
    assert [key.start for key in sites.keys(live.documents)] == [made[:7]]


def test_a_key_whose_time_is_over_is_refused(live: Backends, door: Door) -> None:
    (key,) = sites.keys(live.documents)
    made = sites.rotate(live.documents, key.id, 1)
    kept = tokens.find(live.documents, sites.KEY_KIND, door.key)
    assert kept is not None
    over = {**kept.value, tokens.EXPIRES: "2026-01-01T00:00:00+00:00"}
    assert live.documents.put(sites.KEY_KIND, tokens.hashed(door.key), over, kept.version)
    later = Door(live)
    later.key = door.key
    assert later.server().status == 401
    later.key = made
    assert later.server().status == 200


@pytest.mark.parametrize("hours", [(), ("5",), ("24", "24"), ("",)])
def test_a_key_is_rotated_for_the_hours_on_offer_only(
    admin: FlaskClient, live: Backends, door: Door, hours: tuple[str, ...]
) -> None:
    (old,) = sites.keys(live.documents)
    answer = press_key(admin, "rotate", old.id, *hours)
    assert answer["connect-keys-said"]["children"] == "Choose how long the old key is to work."
    assert sites.keys(live.documents) == [old]


def changes_of(live: Backends) -> list[tuple[Any, ...]]:
    """What was changed, oldest first: by whom, what, and how it ended."""
    rows = reversed(page(live.audit.newest, Wanted(kind="change"), 100).rows)
    return [
        (row.begun.user, row.begun.parameters["did"], row.begun.subject, row.last.outcome) for row in rows
    ]


@both_forms
def test_every_change_is_noted_and_no_key_with_it(admin: FlaskClient, live: Backends) -> None:
    add(admin, "shop", ORIGIN)
    save_origins(admin, "https://new.example")
    made = press_key(admin, "make", "shop")["connect-key"]["data"]["key"]
    (key,) = sites.keys(live.documents)
    press_key(admin, "ask", key.id)
    rotated = press_key(admin, "rotate", key.id, "24")["connect-key"]["data"]["key"]
    press_key(admin, "revoke", key.id)
    add(admin, "shop")
    save_origins(admin, "nothing")
    assert changes_of(live) == [
        ("local admin", "added", "site shop", "finished"),
        ("local admin", "changed", "site shop", "finished"),
        ("local admin", "made", "write key of site shop", "finished"),
        ("local admin", "rotated", f"write key {key.id} of site shop", "finished"),
        ("local admin", "revoked", f"write key {key.id} of site shop", "finished"),
        ("local admin", "added", "site shop", "failed"),
    ]
    texts = [kept.text for kept in live.audit.newest()]
    assert [text for text in texts if "https://new.example" in text]
    assert not [text for text in texts if made in text or rotated in text]


def test_what_cannot_be_noted_is_not_changed(live: Backends, door: Door, tmp_path: Path) -> None:
    broken = replace(live, audit=EmbeddedAudit(tmp_path / "away.db"))
    client = by_link(with_people(broken), broken)
    (key,) = sites.keys(live.documents)
    with sqlite3.connect(tmp_path / "away.db") as db:
        db.execute("drop table records")
    db.close()
    assert "Nothing was changed" in add(client, "blog")["connect-name"]["error"]
    assert "Nothing was changed" in save_origins(client, "*")["connect-origins"]["error"]
    for do, about in (("make", "shop"), ("rotate", key.id), ("revoke", key.id)):
        answer = press_key(client, do, about, "24")
        assert "Nothing was changed" in answer["connect-keys-said"]["children"]
        assert "connect-key" not in answer
    assert sites.every(live.documents) == [sites.Site("shop", (ORIGIN,))]
    assert sites.keys(live.documents) == [key]


def test_an_admin_of_some_sites_stays_with_them(live: Backends, door: Door) -> None:
    sites.save(live.documents, "blog", ())
    sites.make_key(live.documents, "blog")
    client = limited(live, "bob", "admin", "blog", "news")
    (key,) = sites.keys(live.documents, "shop")
    assert "may not look after 'shop'" in press_key(client, "make", "shop")["connect-keys-said"]["children"]
    assert "may not look after" in press_key(client, "revoke", key.id)["connect-keys-said"]["children"]
    assert "may not look after" in press_key(client, "rotate", key.id, "24")["connect-keys-said"]["children"]
    assert "may not look after" in save_origins(client, "*")["connect-origins"]["error"].lower()
    assert "may not look after" in add(client, "other")["connect-name"]["error"].lower()
    assert add(client, "news")["connect-next"]["data"] == {"href": "/connect?site=news"}
    assert "connect-key" in press_key(client, "make", "blog")
    assert sites.keys(live.documents, "shop") == [key]
    assert sites.every(live.documents)[-1] == sites.Site("shop", (ORIGIN,))


# Snippets


@pytest.mark.parametrize(
    ("way", "holds"),
    [
        ("website", '<script async src="http://127.0.0.1:8123/assets/tracker.js" data-key="wk_x"></script>'),
        ("curl", "http://127.0.0.1:8123/v1/events"),
        ("python", 'headers={"Authorization": "Bearer wk_x"}'),
    ],
)
def test_snippets_name_this_server_and_the_key(admin: FlaskClient, door: Door, way: str, holds: str) -> None:
    text = said(snippets(admin, f"?via={way}", {"site": "shop", "key": "wk_x"}))
    assert holds in text
    assert "YOUR_WRITE_KEY" not in text


def code(card: Any) -> list[str]:
    """The code blocks of a card, with their line ends."""
    nodes = json.loads(json.dumps(card))
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list) and len(node) > 2 and node[0] == "pre":
            found.append(node[2][2])
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(json.loads(nodes["children"]["props"]["data-sg-plain"]))
    return found


def test_the_snippets_events_are_taken(admin: FlaskClient, door: Door) -> None:
    (curl,) = code(snippets(admin, "?via=curl"))
    found = re.search(r"-d '(.*)'", curl)
    assert found is not None
    assert door.post("/v1/events", found[1].encode()).status == 200
    (program,) = code(snippets(admin, "?via=python", {"site": "shop", "key": door.key}))
    sent: dict[str, Any] = {}
    answer = type("Answer", (), {"status_code": 200, "json": lambda self: {}})()

    def post(url: str, **more: Any) -> Any:
        sent.update(more, url=url)
        return answer

    requests = type("requests", (), {"post": staticmethod(post)})
    exec(program.replace("import requests", ""), {"requests": requests, "print": lambda *_: None})
    assert sent["url"] == "http://127.0.0.1:8123/v1/events"
    assert sent["headers"] == {"Authorization": f"Bearer {door.key}"}
    assert door.post("/v1/events", sent["json"]).status == 200


def test_another_way_is_a_wrong_parameter(admin: FlaskClient, door: Door) -> None:
    assert "via='fax'" in said(snippets(admin, "?via=fax"))


# Checks and events


@both_forms
def test_the_checks_turn_by_themselves(admin: FlaskClient, live: Backends) -> None:
    sites.save(live.documents, "shop", ())
    assert checks(admin) == (
        "To do: Write key None yet Without one nobody can send "
        "To do: Origins None yet Browsers are refused, servers are not "
        "To do: First event Waiting… Turns green by itself To do: Last event None yet Turns green by itself"
    )
    door = door_of(live)
    assert "Done: Write key 1 write key" in checks(admin)
    assert f"Done: Origins 1 origin {ORIGIN}" in checks(admin)
    door.server(event_type="nothing")
    assert "To do: First event" in checks(admin), "a rejected event is none"
    door.server()
    now = checks(admin)
    assert re.search(r"Done: First event \d+ \w+ \d{4} \d\d:\d\d Asia/Tokyo", now)
    assert re.search(r"Done: Last event (Just now|\d s ago)", now)


def test_the_first_event_is_known_from_the_live_counts_and_from_the_lake(
    admin: FlaskClient, live: Backends, door: Door
) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    door.server(timestamp=utc(now - timedelta(hours=5)))
    door.settle()
    for _ in range(MOST):
        door.server()
    first = numbers.moment(now - timedelta(hours=5), "Asia/Tokyo")
    assert f"Done: First event {first}" in checks(admin), "by the live counts"
    live.counters.expire(minute_of(now) + 1)
    assert live.counters.items(0) == {}
    again = FlaskClient(create_app(live).server)
    link = make_sign_in_link(live)
    again.get(link[link.index("/sign-in") :])
    assert f"Done: First event {first}" in checks(again), "by the lake"


def test_imported_events_are_not_received_ones(admin: FlaskClient, live: Backends, door: Door) -> None:
    live.lake.append(table([event(at="2024-03-01 12:00")]))
    live.lake.curate()
    assert live.asking.ask("data.extent", {"site": "shop"}, Scope("tester")).rows[0]["events"] == 1
    assert "To do: First event" in checks(admin)


@both_forms
def test_valid_and_rejected_events_with_the_reason(admin: FlaskClient, door: Door) -> None:
    door.send(
        {"eventName": "add_to_cart_click", "pageUrl": "https://x.example/cart?a=b", "sessionId": "session-11"}
    )
    door.server(event_type="nonsense")
    rejected, valid = events(admin)
    assert "Valid" in valid
    assert "add_to_cart_click custom /cart …ssion-11 · –" in valid
    assert '"pageUrl": "https://x.example/cart?a=b"' in valid
    assert "Rejected" in rejected
    assert "A value is not one of those allowed: event_type is 'nonsense'; use one of" in rejected
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3} Asia/Tokyo", rejected)
    assert events(admin, "?show=valid") == [valid]
    assert events(admin, "?show=rejected") == [rejected]


def test_every_reason_has_words(admin: FlaskClient, door: Door) -> None:
    assert REASONS.keys() == set(Reason)
    door.backends.log.append(b"", 0, [Refused("shop", reason, "field", "message", b"") for reason in Reason])
    found = " ".join(events(admin))
    assert all(words in found for words in REASONS.values())


@both_forms
def test_an_event_that_was_too_long_to_be_kept(admin: FlaskClient, door: Door) -> None:
    door.send({"eventName": "page_view", "words": "x" * 70_000})
    (row,) = events(admin)
    assert "It was too long to be kept." in row


def test_values_are_text_whatever_they_look_like(admin: FlaskClient, door: Door) -> None:
    bad = "<img src=x onerror=alert(1)>"
    door.send({"eventName": bad, "pageUrl": f"https://x.example/{bad}"})
    sent = poll(admin)["connect-list"]["rows"]
    (row,) = sent.values()
    tags = re.findall(r'\["([a-z]+)",\{', row)
    assert "img" not in tags
    assert bad in said({"data-sg-plain": row})


@both_forms
def test_only_new_rows_are_sent(admin: FlaskClient, door: Door) -> None:
    door.server(session_id="a")
    first = poll(admin)
    assert first["connect-list"]["live"] is False
    second = poll(admin, first["connect-seen"])
    assert second.keys() <= {"connect-seen", "connect-checks"}
    door.server(session_id="b")
    third = poll(admin, second["connect-seen"])["connect-list"]
    assert third["order"] == ["s2", "s1"]
    assert third["rows"].keys() == {"s2"}
    assert third["live"] is True


def test_a_poll_without_news_is_small(admin: FlaskClient, door: Door) -> None:
    for number in range(20):
        door.batch(*(server_event(session_id=f"s{number}-{n}") for n in range(6)))
    first = poll(admin)
    assert len(first["connect-list"]["order"]) == 100
    rest = poll(admin, first["connect-seen"])
    assert "connect-list" not in rest
    assert len(json.dumps(rest)) < 4000


def test_a_poll_is_quick(admin: FlaskClient, door: Door) -> None:
    door.batch(*(server_event(session_id=f"s{number}") for number in range(500)))
    seen = poll(admin)["connect-seen"]
    took = []
    for number in range(20):
        door.server(session_id=f"new{number}")
        start = time.perf_counter()
        seen = poll(admin, seen)["connect-seen"]
        took.append(time.perf_counter() - start)
    print(f"a poll with news takes {1000 * median(took):.1f} ms")
    assert min(took) < 0.1


@both_forms
def test_a_paused_debugger_stays_but_its_checks_go_on(admin: FlaskClient, door: Door) -> None:
    first = poll(admin)
    door.server()
    paused = poll(admin, first["connect-seen"], paused=True)
    assert not paused.keys() & {"connect-list", "connect-around"}
    assert "Done: First event" in said(paused["connect-checks"])
    assert poll(admin, paused["connect-seen"], "?show=valid", paused=True)["connect-list"]["order"] == ["s1"]
    assert poll(admin, paused["connect-seen"])["connect-list"]["order"] == ["s1"]


@both_forms
def test_other_sites_events_are_never_shown(live: Backends, door: Door, admin: FlaskClient) -> None:
    sites.save(live.documents, "blog", ())
    door.server(session_id="secret")
    door.server(event_type="secret")
    bob = limited(live, "bob", "viewer", "blog")
    for search in ("", "?site=shop", "?site=shop,blog", "?site=blog", "?show=rejected&site=shop"):
        assert "secret" not in json.dumps(poll(bob, search=search))
        assert door.key[:7] not in json.dumps([keys_card(bob, search=search), poll(bob, search=search)])
    assert '"shop"' not in layout(bob)
    assert len(events(admin, "?site=shop")) == 2
    assert events(limited(live, "ann", "analyst", "shop"))


@both_forms
def test_what_to_check_while_nothing_comes(admin: FlaskClient, live: Backends, door: Door) -> None:
    text = said(poll(admin)["connect-around"])
    assert "Waiting for the first event from shop…" in text
    assert f"The pages come from exactly {ORIGIN}." in text
    sites.save(live.documents, "shop", ())
    assert "No origins are set" in said(poll(admin)["connect-around"])
    sites.save(live.documents, "shop", ("*",))
    assert "Any page may send." in said(poll(admin)["connect-around"])
    assert "Nothing was rejected" in said(poll(admin, search="?show=rejected")["connect-around"])
    door.server()
    assert "1 event, newest first" in said(poll(admin)["connect-around"])


def test_a_quiet_site_says_when_its_last_event_came(
    admin: FlaskClient, live: Backends, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.server()
    door.settle()
    monkeypatch.setattr("data_access.arrivals.LOOKED_AT", 5)
    sites.save(live.documents, "blog", ())
    blog = Door(live)
    blog.key = sites.make_key(live.documents, "blog")
    for _ in range(10):
        blog.server()
    sites.save(live.documents, "shop", (ORIGIN,))
    text = said(poll(admin, search="?site=shop")["connect-around"])
    assert "No recent event from shop" in text
    assert re.search(r"The last one came (\d+ (s|min)|just now)", text)


def test_a_wrong_parameter_and_a_failure_are_told(
    admin: FlaskClient, live: Backends, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "show='odd'" in said(poll(admin, search="?show=odd")["connect-around"])
    seen = poll(admin)["connect-seen"]

    def broken(*_args: Any) -> Any:
        raise OSError("disk")

    monkeypatch.setattr(type(live.log), "head", broken)
    failed = poll(admin, seen)
    assert "could not be read" in said(failed["connect-around"])
    assert "disk" not in json.dumps(failed)
    monkeypatch.undo()
    door.server()
    assert poll(admin, failed["connect-seen"])["connect-list"]["order"] == ["s1"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "Just now"), (5.9, "5 s ago"), (59, "59 s ago"), (125, "2 min ago"), (90_000, "1 d ago")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(seconds).replace("\u202f", " ") == text


def test_an_old_last_event_is_not_done(live: Backends) -> None:
    now = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - naive UTC
    site = sites.save(live.documents, "shop", ())
    span = Span(now - timedelta(days=9), now - timedelta(hours=25))
    drawn = connect_checks.draw(View(live, PATH, {}, Scope("tester")), site, span, now)
    assert "Long ago: Last event 1 d ago 8 Mar 20:00:00" in said(plain(drawn).to_plotly_json())
