"""The two wire contracts: what they take, and that nothing but a FieldError ever comes of the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contracts import FieldError, parse_batch, parse_cloudpulse, parse_sbw

NOW = datetime(2026, 3, 9, 12, 0, 0, 123456, tzinfo=UTC)
GOOD = {"event_type": "page_view", "session_id": "s1", "source": "web"}
SBW = {"eventName": "page_view"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CLOUDPULSE_KEYS = [*GOOD, "event_id", "timestamp", "sent_at", "user_id", "properties", "metadata"]
_TEXTS = ["eventId", "pageUrl", "pageTitle", "referrer", "userId", "userLoginState", "clientId", "sessionId"]
SBW_KEYS = [*_TEXTS, "isFirstVisit", "product", "element", "timestamp", "sentAt"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def cloudpulse(**fields: Any) -> dict[str, Any]:
    return parse_cloudpulse(GOOD | fields, NOW, "shop")


def sbw(**fields: Any) -> dict[str, Any]:
    return parse_sbw(SBW | fields, NOW, "shop", "Agent/1")


def fault(parse: Any, **fields: Any) -> FieldError:
    with pytest.raises(FieldError) as caught:
        parse(**fields)
    return caught.value


def test_cloudpulse_maps_every_field() -> None:
    draft = cloudpulse(
        event_id="0F0E0D0C-0B0A-4900-8807-060504030201",
        timestamp="2026-03-09T10:00:00.5+02:00",
        user_id="u1",
        properties={"page": "/a?b=1", "referrer": "https://x.example/", "duration_ms": 5},
        metadata={"user_agent": "UA", "country": "de", "region": "BE", "ip_address": "10.0.0.1"},
    )
    assert draft == {
        "event_id": "0f0e0d0c-0b0a-4900-8807-060504030201",
        "site": "shop",
        "event_name": "page_view",
        "event_type": "page_view",
        "ts": at("2026-03-09T08:00:00.500"),
        "received_at": at("2026-03-09T12:00:00.123"),
        "session_id": "s1",
        "user_id": "u1",
        "source": "web",
        "page_url": "/a?b=1",
        "referrer": "https://x.example/",
        "user_agent": "UA",
        "country": "DE",
        "region": "BE",
        "properties": '{"page":"/a?b=1","referrer":"https://x.example/","duration_ms":5}',
    }
    assert "10.0.0.1" not in json.dumps(draft, default=str)


def test_cloudpulse_uses_the_servers_time_and_leaves_the_id_to_the_server() -> None:
    draft = cloudpulse()
    assert draft["ts"] == at("2026-03-09T12:00:00.123")
    assert draft["event_id"] is None


@pytest.mark.parametrize(("properties", "name"), [({"name": "quiz_done"}, "quiz_done"), ({}, "custom")])
def test_cloudpulse_custom_events_are_called_by_their_name(properties: dict[str, Any], name: str) -> None:
    assert cloudpulse(event_type="custom", properties=properties)["event_name"] == name


def test_cloudpulse_prefers_the_referrer_of_the_metadata() -> None:
    draft = cloudpulse(properties={"referrer": "https://b/"}, metadata={"referrer": "https://a/"})
    assert draft["referrer"] == "https://a/"


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("event_type", "view", "event_type"),
        ("event_type", None, "event_type"),
        ("session_id", "", "session_id"),
        ("session_id", 5, "session_id"),
        ("session_id", "x" * 129, "session_id"),
        ("source", "tv", "source"),
        ("event_id", "1", "event_id"),
        ("user_id", "a\0b", "user_id"),
        ("user_id", "\ud800", "user_id"),
        ("timestamp", "yesterday", "timestamp"),
        ("timestamp", "2026-03-09T10:00:00", "timestamp"),
        ("timestamp", 1700000000, "timestamp"),
        ("timestamp", "1969-12-31T23:59:59Z", "timestamp"),
        ("timestamp", "3000-01-01T00:00:00Z", "timestamp"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "timestamp"),
        ("timestamp", "9999-12-31T23:59:59-14:00", "timestamp"),
        ("properties", [], "properties"),
        ("properties", {"a": float("nan")}, "properties"),
        ("properties", {"a": float("inf")}, "properties"),
        ("properties", {"a": "\ud800"}, "properties"),
        ("properties", {"a": "\0"}, "properties"),
        ("properties", {"a": "é" * 5200}, "properties"),
        ("metadata", {"country": "DEU"}, "metadata.country"),
        ("metadata", {"ip_address": "1" * 46}, "metadata.ip_address"),
        ("metadata", {"user_agent": "a" * 513}, "metadata.user_agent"),
        ("metadata", {"region": 5}, "metadata.region"),
        ("metadata", "x", "metadata"),
    ],
)
def test_cloudpulse_names_the_field_that_is_wrong(field: str, value: Any, named: str) -> None:
    error = fault(cloudpulse, **{field: value})
    assert error.field == named
    assert error.message


def test_a_literal_backslash_u0000_is_no_nul() -> None:
    assert cloudpulse(properties={"a": "\\u0000"})["properties"] == '{"a":"\\\\u0000"}'


def test_properties_of_exactly_ten_kilobytes_are_taken() -> None:
    fits = 10 * 1024 - len('{"a":""}')
    assert cloudpulse(properties={"a": "x" * fits})
    assert fault(cloudpulse, properties={"a": "x" * (fits + 1)}).field == "properties"


def test_nesting_too_deep_for_json_is_a_field_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert fault(cloudpulse, properties={"a": deep}).field == "properties"


def test_a_client_clock_that_is_wrong_cancels_out() -> None:
    draft = cloudpulse(timestamp="2001-01-01T00:00:00Z", sent_at="2001-01-01T00:00:10Z")
    assert draft["ts"] == at("2026-03-09T11:59:50.123")
    assert sbw(timestamp="2001-01-01T00:00:00Z", sentAt="2001-01-01T00:00:10Z")["ts"] == draft["ts"]


def test_an_event_sent_before_it_was_made_happened_when_received() -> None:
    draft = cloudpulse(timestamp="2026-03-09T13:00:00Z", sent_at="2026-03-09T12:00:00Z")
    assert draft["ts"] == draft["received_at"]


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2999, 12, 30)),  # noqa: DTZ001
    minutes=st.lists(st.integers(-14 * 60, 14 * 60), min_size=2, max_size=2),
)
def test_the_same_instant_gives_the_same_time_whatever_its_offset(
    moment: datetime, minutes: list[int]
) -> None:
    instants = [moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=m))) for m in minutes]
    first, second = (cloudpulse(timestamp=instant.isoformat())["ts"] for instant in instants)
    assert first == second == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@settings(max_examples=300)
@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(CLOUDPULSE_KEYS, JSON)))
def test_any_value_is_an_event_or_a_field_error_for_cloudpulse(value: Any) -> None:
    for payload in (value, GOOD | value if isinstance(value, dict) else value):
        try:
            draft = parse_cloudpulse(payload, NOW, "shop")
        except FieldError:
            continue
        assert draft["ts"].tzinfo is None
        json.loads(draft["properties"])


@settings(max_examples=300)
@given(JSON | st.fixed_dictionaries({"eventName": st.text()}, optional=dict.fromkeys(SBW_KEYS, JSON)))
def test_any_value_is_an_event_or_a_field_error_for_sbw(value: Any) -> None:
    for payload in (value, {"eventName": "search"} | value if isinstance(value, dict) else value):
        try:
            draft = parse_sbw(payload, NOW, "shop")
        except FieldError:
            continue
        json.loads(draft["properties"])


@given(st.lists(st.sampled_from([GOOD, {"event_type": "x"}, None, 5, GOOD | {"user_id": 7}]), min_size=1))
def test_a_batch_keeps_exactly_its_good_events(events: list[Any]) -> None:
    drafts, errors = parse_batch({"events": events}, NOW, "shop")
    good = [index for index, event in enumerate(events) if event == GOOD]
    assert [index for index, _ in drafts] == good
    assert sorted(good + [error.index for error in errors]) == list(range(len(events)))


@pytest.mark.parametrize("payload", [None, [], {}, {"events": {}}, {"events": []}, {"events": [GOOD] * 1001}])
def test_what_is_no_batch_is_a_field_error(payload: Any) -> None:
    with pytest.raises(FieldError) as caught:
        parse_batch(payload, NOW, "shop")
    assert caught.value.field == "events"


def test_a_batch_takes_a_thousand_events_and_its_sent_at_counts_for_all() -> None:
    event = GOOD | {"timestamp": "2001-01-01T00:00:00Z"}
    drafts, errors = parse_batch({"events": [event] * 1000, "sent_at": "2001-01-01T00:00:05Z"}, NOW, "shop")
    assert (len(drafts), errors) == (1000, [])
    assert drafts[-1][1]["ts"] == at("2026-03-09T11:59:55.123")


def test_sbw_maps_product_and_context() -> None:
    draft = sbw(
        eventName="wishlist_toggle",
        eventId="e1",
        pageUrl="https://shop.example/p/1",
        userId=42,
        userLoginState="logged_in",
        clientId="c1",
        sessionId="s1",
        isFirstVisit=True,
        product={
            "id": 7,
            "name": "N",
            "category": "C",
            "brand": "B",
            "price": "12.5",
            "discountPrice": 10,
            "urlPath": "/p/1",
        },
        element={"tag": "BUTTON", "dataset": {"toggledOn": "true"}},
    )
    assert (draft["event_id"], draft["user_id"], draft["client_id"]) == ("e1", "42", "c1")
    assert (draft["product_id"], draft["product_price"], draft["product_discount_price"]) == ("7", 12.5, 10.0)
    assert (draft["login_state"], draft["is_first_visit"], draft["user_agent"]) == (
        "logged_in",
        True,
        "Agent/1",
    )
    assert json.loads(draft["properties"]) == {
        "toggledOn": "true",
        "element": {"tag": "BUTTON"},
        "product_url_path": "/p/1",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page_view", "page_view"), ("click", "click"), ("home_view", "custom"), ("logout", "custom")],
)
def test_sbw_event_types(name: str, kind: str) -> None:
    assert sbw(eventName=name)["event_type"] == kind


def test_sbw_checkout_gives_order_and_revenue() -> None:
    dataset = {"orderId": "o1", "total": "99.90", "currency": "eur"}
    draft = sbw(eventName="checkout_complete", element={"dataset": dataset})
    assert (draft["order_id"], draft["revenue"], draft["currency"]) == ("o1", 99.9, "EUR")
    assert sbw(eventName="checkout_complete", element={"dataset": {"orderNumber": 5}})["order_id"] == "5"
    assert "revenue" not in sbw(eventName="checkout_start", element={"dataset": dataset})


@pytest.mark.parametrize(
    "fields",
    [
        {"searchTerm": "tent"},
        {"element": {"dataset": {"query": "tent"}}},
        {"pageUrl": "https://shop.example/s?q=tent#top"},
    ],
)
def test_sbw_search_term(fields: dict[str, Any]) -> None:
    assert sbw(eventName="search", **fields)["search_term"] == "tent"
    assert sbw(eventName="click", **fields)["search_term"] is None


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("eventName", None, "eventName"),
        ("userLoginState", "maybe", "userLoginState"),
        ("isFirstVisit", "yes", "isFirstVisit"),
        ("userId", True, "userId"),
        ("product", {"price": "1.299,00"}, "product.price"),
        ("product", {"price": float("nan")}, "product.price"),
        ("product", {"price": True}, "product.price"),
        ("product", {"price": 10**400}, "product.price"),
        ("element", "x", "element"),
        ("element", {"dataset": 5}, "element.dataset"),
        ("extra", "x" * 11_000, "properties"),
    ],
)
def test_sbw_names_the_field_that_is_wrong(field: str, value: Any, named: str) -> None:
    assert fault(sbw, **{field: value}).field == named


def test_sbw_bad_total_names_the_dataset() -> None:
    error = fault(sbw, eventName="checkout_complete", element={"dataset": {"total": "many"}})
    assert error.field == "element.dataset.total"
