"""The quick gate says yes only to what the parser takes, and gives the same ids."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_access.live import Record, Sighting
from data_access.records import Head, batch, sealed
from pipeline.contracts import FieldError
from pipeline.contracts.gate import ids_if_good
from pipeline.envelope import draft_of
from pipeline.live import sightings
from tests.depth import examples

AT = 1_773_000_000_000
UUID = "6F9619ff-8b86-d011-b42d-00c04fc964ff"
GOOD = {
    "event_type": "page_view",
    "session_id": "s",
    "source": "web",
    "event_id": UUID,
    "timestamp": "2026-03-09T12:00:00.123Z",
    "properties": {"page": "/a", "n": 1.5, "list": [1, {"a": None}]},
    "metadata": {"country": "DE", "user_agent": "UA"},
}

METADATA = ("ip_address", "user_agent", "country", "region", "referrer")
ODD_TEXT = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["", " ", "\0", "a\0", "x" * 129, "x" * 65, "x" * 513, "web ", "\u00a0", "DE", "d1", "ÄÖ"]
    ),
)
MOMENT = st.one_of(
    ODD_TEXT,
    st.sampled_from(
        [
            "2026-03-09T12:00:00Z",
            "2026-03-09t12:00:00z",
            "2026-03-09 12:00:00Z",
            "2026-03-09T12:00:00.1234567Z",
            "2026-03-09T12:00:00",
            "2026-03-09T12:00:60Z",
            "2026-03-09T24:00:00Z",
            "2026-03-09T12:00:00-00:00",
            "2026-03-09T12:00:00+23:59",
            "1960-01-01T00:00:00Z",
            "2000-01-01T00:00:00+14:00",
            "2099-12-31T23:59:59Z",
            "2999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
        ]
    ),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)
VALUE = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), ODD_TEXT
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def nested(levels: int) -> dict[str, Any]:
    """Properties with objects inside each other."""
    found: dict[str, Any] = {}
    for _ in range(levels - 1):
        found = {"a": found}
    return found


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.one_of(VALUE, st.sampled_from(["custom", "click", "error", "Custom"])),
        "session_id": VALUE,
        "source": st.one_of(VALUE, st.sampled_from(["api", "server"])),
        "event_id": st.one_of(
            VALUE, st.sampled_from([UUID.lower(), UUID.replace("-", ""), UUID + ",", "ſ" + UUID[1:]])
        ),
        "timestamp": st.one_of(VALUE, MOMENT),
        "sent_at": st.one_of(VALUE, MOMENT),
        "user_id": VALUE,
        "properties": st.one_of(
            VALUE,
            st.fixed_dictionaries({"name": VALUE}),
            st.integers(1, 12_000).map(lambda n: {"a": "x" * n}),
            st.integers(1, 2000).map(lambda n: {"a": [1e15] * n}),
            st.integers(1, 80).map(nested),
        ),
        "metadata": st.one_of(
            VALUE,
            st.fixed_dictionaries({}, optional=dict.fromkeys(METADATA, VALUE)),
        ),
        "eventName": VALUE,
    },
)


MILD = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.sampled_from(["click", "error", "api_call"]),
        "session_id": st.sampled_from(["a", " a ", "ä"]),
        "timestamp": st.sampled_from(["2026-03-09T12:00:00.9999Z", "2026-03-07T00:00:00+02:00", None]),
        "sent_at": st.sampled_from(["2026-03-09T12:00:07.0005Z", "2026-03-09T11:00:00Z"]),
        "user_id": st.sampled_from(["u", " u ", " ", "", None]),
        "properties": st.fixed_dictionaries(
            {},
            optional={
                "page": st.sampled_from(["/a?b", " https://x.example/p#f ", 7, "x" * 2040, None, ""]),
                "message": st.sampled_from(["Boom", "", None, 1.5, [1], "x" * 300]),
                "code": st.sampled_from(["E1", 0, 404]),
            },
        ),
        "metadata": st.sampled_from([{"country": "at"}, {}, None]),
    },
)
"""Events that mostly pass the gate."""


def by_the_parser(body: bytes) -> list[str | None]:
    """Each event's id by the parser. Raises FieldError for a bad one."""
    found = batch(body)
    return [draft_of(bytes(event), Head("shop", AT), found.sent_at).get("event_id") for event in found.events]


@settings(max_examples=examples(800, 4000), deadline=None)
@given(
    changes=st.lists(st.one_of(CHANGES, MILD), min_size=1, max_size=3),
    sent_at=st.one_of(st.none(), MOMENT),
    ascii_only=st.booleans(),
)
@example(changes=[{"timestamp": "2026-03-09t12:00:00z"}], sent_at=None, ascii_only=True)
@example(changes=[{"properties": nested(80)}], sent_at=None, ascii_only=True)
@example(
    changes=[{"sent_at": "2099-12-31T23:59:59Z", "timestamp": "2000-01-01T00:00:00Z"}],
    sent_at=None,
    ascii_only=True,
)
def test_what_the_gate_takes_the_parser_takes(
    changes: list[dict[str, Any]], sent_at: str | None, ascii_only: bool
) -> None:
    body: dict[str, Any] = {"events": [GOOD | change for change in changes]}
    if sent_at is not None:
        body["sent_at"] = sent_at
    try:
        said = json.dumps(body, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        said = json.dumps(body).encode()
    quick = ids_if_good(said)
    if quick is not None:
        assert quick == by_the_parser(said)
        assert counted(said, good=True) == counted(said, good=False)


def counted(body: bytes, *, good: bool) -> list[Sighting]:
    """What the live layer counts of a batch, with and without the gate's word that it is good."""
    events = len(batch(body).events)
    return sightings([Record(1, events, datetime(2026, 3, 9), sealed(Head("shop", AT, good=good), body))], 0)  # noqa: DTZ001


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_ordinary_batches_take_the_quick_way(count: int) -> None:
    body = json.dumps({"events": [GOOD] * count, "sent_at": "2026-03-09T12:00:01Z"}).encode()
    assert ids_if_good(body) == [UUID.lower()] * count == by_the_parser(body)


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": None},
        {"event_id": "no uuid"},
        {"session_id": " "},
        {"metadata": {"country": "D1"}},
        {"event_type": "custom", "properties": {"name": 7}},
        {"timestamp": datetime(1999, 1, 1).isoformat() + "Z"},  # noqa: DTZ001
        {"timestamp": "2026-03-09T12:00:00"},
        {"properties": {"a": "\0"}},
        {"properties": {"a": "x" * 3000}},
    ],
)
def test_the_gate_does_not_know_what_it_cannot_be_sure_of(change: dict[str, Any]) -> None:
    assert ids_if_good(json.dumps({"events": [GOOD, GOOD | change]}).encode()) is None


def test_a_lone_surrogate_and_bad_numbers_are_not_let_through() -> None:
    for text in (rb'"\ud800"', b"1e999", b"NaN", b'"\xff"'):
        body = json.dumps({"events": [GOOD | {"properties": {"a": 0}}]}).encode()
        assert ids_if_good(body.replace(b'"a": 0', b'"a": ' + text)) is None


def test_an_event_cannot_call_its_batch_good() -> None:
    event = {"session_id": " ", "event_type": 7, "good": True}
    assert counted(json.dumps({"events": [event]}, separators=(",", ":")).encode(), good=False) == []


def test_the_parser_reads_lower_case_times() -> None:
    draft = draft_of(json.dumps(GOOD | {"timestamp": "2026-03-09t12:00:00z"}).encode(), Head("s", AT), None)
    assert draft["ts"] == datetime(2026, 3, 9, 12)  # noqa: DTZ001
    with pytest.raises(FieldError, match="offset"):
        draft_of(json.dumps(GOOD | {"timestamp": "2026-03-09T12:00:00"}).encode(), Head("s", AT), None)
