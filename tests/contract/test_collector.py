"""The collector over the real log: every answer of the contracts, and what is kept."""

from __future__ import annotations

import gzip
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_access import sites
from data_access.ports import LogBusy, LogFull
from pipeline.collector import BATCH, CLICKSTREAM, EVENTS, Collector, Incoming
from pipeline.contracts import MAX_BATCH
from pipeline.envelope import MAX_DEPTH, items
from tests.builders import embedded
from tests.door import ORIGIN, Door, header, said, server_event

UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(embedded(tmp_path))


def drafts(door: Door) -> list[dict[str, Any]]:
    return [item.draft() for record in door.backends.log.read(0, 10**6) for item in items(record)]


def test_one_event_is_kept_and_gets_an_id(door: Door) -> None:
    reply = door.server(metadata={"country": "de"})
    assert reply.status == 200
    (made,) = said(reply)["event_ids"]
    assert uuid.UUID(made).version == 4
    assert said(reply) == {"accepted": 1, "rejected": 0, "event_ids": [made], "errors": []}
    (draft,) = drafts(door)
    assert (draft["event_id"], draft["site"], draft["country"]) == (made, "shop", "DE")


def test_the_senders_id_is_kept_in_lower_case(door: Door) -> None:
    assert said(door.server(event_id=UUID.upper()))["event_ids"] == [UUID]
    assert drafts(door)[0]["event_id"] == UUID


def test_a_batch_of_all_good_events(door: Door) -> None:
    events = [server_event(event_id=str(uuid.uuid4())) for _ in range(MAX_BATCH)]
    reply = door.batch(*events)
    assert (reply.status, said(reply)["accepted"]) == (200, 1000)
    assert said(reply)["event_ids"] == [event["event_id"] for event in events]
    assert [draft["event_id"] for draft in drafts(door)] == said(reply)["event_ids"]


def test_good_events_of_a_batch_are_kept_and_bad_ones_named(door: Door) -> None:
    reply = door.batch(server_event(event_id=UUID), {"source": "web"}, 7, server_event(source="fax"))
    answer = said(reply)
    assert (reply.status, answer["accepted"], answer["rejected"]) == (207, 1, 3)
    assert answer["event_ids"] == [UUID]
    assert [(error["index"], error["field"]) for error in answer["errors"]] == [
        (1, "event_type"),
        (2, "event"),
        (3, "source"),
    ]
    assert all(error["message"] for error in answer["errors"])
    assert [draft["event_id"] for draft in drafts(door)] == [UUID]
    assert door.backends.log.refusals() == {"missing": 1, "not_allowed": 1, "not_an_event": 1}


def test_the_log_and_the_answer_agree_where_some_ids_are_made(door: Door) -> None:
    answer = said(door.batch(server_event(), {}, server_event(event_id=UUID)))
    assert [draft["event_id"] for draft in drafts(door)] == answer["event_ids"]
    assert answer["event_ids"][1] == UUID


def test_a_batch_of_bad_events_is_422_and_nothing_is_logged(door: Door) -> None:
    reply = door.batch({}, {})
    assert (reply.status, said(reply)["rejected"]) == (422, 2)
    assert door.server(source="fax").status == 422
    assert door.backends.log.head() == 0
    assert sum(door.backends.log.refusals().values()) == 3


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"a":NaN}', b'{"a":1} x', b"\xff", b"[" * 5000])
@pytest.mark.parametrize("path", [EVENTS, BATCH, CLICKSTREAM])
def test_what_is_no_json_is_400(door: Door, path: str, body: bytes) -> None:
    # Of a batch it is seen first that there are no events.
    assert door.post(path, body).status in ({400, 422} if path == BATCH else {400})
    assert door.backends.log.head() == 0


@pytest.mark.parametrize(
    "body", [[], {}, {"events": []}, {"events": {}}, {"events": [1] * 1001}, {"events": [{}], "sent_at": 1}]
)
def test_what_is_no_batch_is_422_and_says_how_one_looks(door: Door, body: Any) -> None:
    reply = door.post(BATCH, body)
    assert reply.status == 422
    assert "events" in said(reply)["error"]


def test_the_tracker_of_old_is_answered_as_it_expects(door: Door) -> None:
    good = door.send({"eventName": "page_view", "pageUrl": "https://shop.example/a"}, user_agent="UA/1")
    assert (good.status, said(good)) == (200, {"success": True})
    bad = door.send({"pageUrl": "x"})
    assert bad.status == 400
    assert said(bad) == {"success": False, "message": "eventName is missing; send it with every event"}
    assert said(door.post(CLICKSTREAM, b"{"))["success"] is False
    (draft,) = drafts(door)
    assert (draft["event_name"], draft["user_agent"]) == ("page_view", "UA/1")
    assert uuid.UUID(draft["event_id"])


def test_the_tracker_of_old_needs_no_key_where_its_origin_names_one_site(door: Door) -> None:
    def from_page(origin: str) -> int:
        headers = {"origin": origin} if origin else {}
        return door.collector.answer(Incoming("POST", CLICKSTREAM, headers, b'{"eventName":"x"}')).status

    assert [from_page(origin) for origin in (ORIGIN, "https://other.example", "")] == [200, 401, 401]
    sites.save(door.backends.documents, "twin", (ORIGIN,))
    fresh = Collector(door.backends.log, door.backends.documents, door.backends.settings)
    door.collector = fresh
    assert from_page(ORIGIN) == 401, "two sites have that origin: whose event is it?"


def test_batches_take_events_of_both_contracts(door: Door) -> None:
    odd = server_event(properties={"eventName": "not the tracker's"})
    tracker = {"eventName": "add_to_cart_click", "clientId": "c1", "eventId": "own"}
    assert said(door.batch(odd, tracker))["event_ids"][1] == "own"
    assert [draft["event_name"] for draft in drafts(door)] == ["page_view", "add_to_cart_click"]


def test_the_batches_sending_time_corrects_the_senders_clock(door: Door) -> None:
    event = server_event(timestamp="2020-01-01T00:00:00Z")
    tracker = {"eventName": "x", "timestamp": "2020-01-01T00:00:30Z"}
    assert door.batch(event, tracker, sent_at="2020-01-01T00:01:00Z").status == 200
    for draft, seconds in zip(drafts(door), (60, 30), strict=True):
        assert (draft["received_at"] - draft["ts"]).total_seconds() == seconds


@pytest.mark.parametrize("how", ["authorization", "x-write-key", "query"])
def test_a_key_may_come_in_three_ways(door: Door, how: str) -> None:
    headers = {"authorization": f"Bearer {door.key}"} if how == "authorization" else {}
    headers |= {"x-write-key": door.key} if how == "x-write-key" else {}
    query = {"key": door.key} if how == "query" else {}
    body = json.dumps(server_event()).encode()
    assert door.collector.answer(Incoming("POST", EVENTS, headers, body, query)).status == 200


def test_without_a_known_key_nothing_is_taken(door: Door) -> None:
    for headers in ({}, {"x-write-key": "wk_wrong"}, {"authorization": "Basic abc"}):
        reply = door.collector.answer(Incoming("POST", EVENTS, headers, b"{}"))
        assert reply.status == 401
        assert "write key" in said(reply)["error"]


def test_a_revoked_key_is_refused(door: Door) -> None:
    (key,) = sites.keys(door.backends.documents, "shop")
    sites.revoke(door.backends.documents, key.id)
    door.collector = Collector(door.backends.log, door.backends.documents, door.backends.settings)
    assert door.server().status == 401


def test_browsers_may_send_from_the_sites_origins_only(door: Door) -> None:
    good = door.post(EVENTS, server_event(), origin=ORIGIN)
    assert (good.status, header(good, "Access-Control-Allow-Origin")) == (200, ORIGIN)
    assert "Retry-After" in (header(good, "Access-Control-Expose-Headers") or "")
    foreign = door.post(EVENTS, server_event(), origin="https://evil.example")
    assert (foreign.status, header(foreign, "Access-Control-Allow-Origin")) == (403, None)
    assert header(door.post(EVENTS, {}, origin=ORIGIN), "Access-Control-Allow-Origin") == ORIGIN
    assert header(good, "Vary") == "Origin"


def test_preflights(door: Door) -> None:
    def ask(origin: str) -> Any:
        return door.collector.answer(Incoming("OPTIONS", BATCH, {"origin": origin}))

    assert (ask(ORIGIN).status, header(ask(ORIGIN), "Access-Control-Allow-Methods")) == (204, "POST")
    assert "content-encoding" in (header(ask(ORIGIN), "Access-Control-Allow-Headers") or "")
    assert ask("https://evil.example").status == 403
    sites.save(door.backends.documents, "open", ("*",))
    door.collector = Collector(door.backends.log, door.backends.documents, door.backends.settings)
    assert ask("https://evil.example").status == 204


def test_other_methods_are_405(door: Door) -> None:
    for method in ("GET", "PUT", "DELETE"):
        reply = door.collector.answer(Incoming(method, EVENTS, {"x-write-key": door.key}))
        assert (reply.status, header(reply, "Allow")) == (405, "POST, OPTIONS")


def test_gzip_bodies_and_bombs(door: Door) -> None:
    packed = gzip.compress(json.dumps(server_event()).encode())
    assert door.post(EVENTS, packed, content_encoding="gzip").status == 200
    bomb = gzip.compress(b" " * 13_000_000)
    assert len(bomb) < 20_000
    assert door.post(EVENTS, bomb, content_encoding="gzip").status == 413
    for broken in (b"no gzip", packed[:-5], packed + b"x", b""):
        assert door.post(EVENTS, broken, content_encoding="gzip").status == 400
    assert door.post(EVENTS, packed, content_encoding="br").status == 415


def test_sizes_and_depths_are_limited(door: Door) -> None:
    assert door.post(BATCH, b" " * 12_000_001).status == 413
    large = door.batch(server_event(properties={"a": "x" * 11_000}), server_event(junk="x" * 70_000))
    assert [error["message"].split(";")[1].split()[0] for error in said(large)["errors"]] == ["cut", "cut"]
    deep: Any = {}
    for _ in range(MAX_DEPTH):
        deep = {"a": deep}
    assert said(door.server(properties=deep))["errors"][0]["message"].startswith("is nested more than")
    assert door.server(properties={"text": "[" * 100}).status == 200, "brackets in texts are no depth"


def test_a_key_that_sends_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    door = Door(embedded(tmp_path, intake_per_second=2))
    assert door.batch(*[server_event()] * 20).status == 200
    reply = door.batch(*[server_event()] * 5)
    assert (reply.status, header(reply, "Retry-After")) == (429, "3")
    assert door.backends.log.head() == 20


@pytest.mark.parametrize(
    ("error", "status", "seconds"), [(LogBusy("too much waits"), 503, "1"), (LogFull("no room"), 507, "30")]
)
def test_what_the_log_cannot_take_is_not_acknowledged(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, seconds: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(door.backends.log, "append", fail)
    reply = door.server()
    assert (reply.status, header(reply, "Retry-After")) == (status, seconds)
    assert said(reply)["success"] is False


def test_an_idempotency_key_makes_a_request_count_once(door: Door) -> None:
    first = door.post(BATCH, {"events": [server_event(), {}]}, idempotency_key="k")
    again = door.post(BATCH, {"events": [server_event(), {}]}, idempotency_key="k")
    assert (again.status, again.body) == (first.status, first.body) == (207, first.body)
    assert header(again, "Idempotency-Replayed") == "true"
    assert door.backends.log.head() == 1
    assert door.post(BATCH, {"events": [server_event()]}, idempotency_key="k").status == 409
    assert door.post(EVENTS, server_event(), idempotency_key="k" * 256).status == 400


def test_two_sites_may_use_the_same_idempotency_key(door: Door) -> None:
    sites.save(door.backends.documents, "blog", ())
    other = sites.make_key(door.backends.documents, "blog")
    door.collector = Collector(door.backends.log, door.backends.documents, door.backends.settings)
    assert door.post(EVENTS, server_event(), idempotency_key="k").status == 200
    assert door.post(EVENTS, server_event(user_id="u"), idempotency_key="k", x_write_key=other).status == 200
    assert [draft["site"] for draft in drafts(door)] == ["shop", "blog"]


def test_the_country_a_content_network_saw_is_the_trackers(door: Door) -> None:
    door.send({"eventName": "a"}, cloudfront_viewer_country="AT")
    door.send({"eventName": "b"}, cf_ipcountry="XX")
    assert [draft.get("country") for draft in drafts(door)] == ["AT", None]


def test_an_error_of_the_tracker_is_an_error(door: Door) -> None:
    door.send({"eventName": "error", "message": "Boom"})
    assert drafts(door)[0]["event_type"] == "error"


def test_nothing_a_sender_says_comes_back_in_a_header(door: Door) -> None:
    reply = door.post(EVENTS, server_event(), origin="https://evil.example\r\nX: y")
    assert reply.status == 403
    assert all("\n" not in value for _, value in reply.headers)


def test_limits_hold_for_a_settings_change(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    small = replace(backends, settings=replace(backends.settings, intake_megabytes=1))
    assert Door(small).post(EVENTS, b" " * 1_000_001).status == 413
