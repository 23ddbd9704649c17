"""What says who somebody is, and what stands in its place."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from data_access import privacy
from data_access.events import CURATED_TABLES, DIRECT, FREE, PSEUDONYM, personal_columns
from data_access.model import NotAllowed, Scope, Sql
from data_access.privacy import MASK
from data_access.settings import load
from data_access.sql import column

NAMES = privacy.names_of(load({}, {}).personal_properties)
ROW = {
    "site": "shop",
    "user_id": "ana",
    "client_id": "c1",
    "session_id": "s1",
    "order_id": "o1",
    "visitor_id": "17",
    "search_term": "shoes for ana@mail.example",
    "referrer": "https://x.example/a?token=t1#top",
    "page_path": "/welcome/ana%40mail.example",
    "properties": '{"size": 3, "email": "ana", "customer": {"phone": 7, "name": "x"}}',
    "event_id": "ana@mail.example",
    "revenue": 7.5,
}


def rows(**other: Any) -> pa.Table:
    return pa.Table.from_pylist([ROW, ROW | {"site": "blog"} | other])


def test_what_is_masked_of_a_row_and_what_is_not() -> None:
    kept, masked = privacy.masked(rows(), frozenset({"shop"}), NAMES).to_pylist()
    assert kept == ROW
    assert masked == ROW | {
        "site": "blog",
        "user_id": MASK,
        "client_id": MASK,
        "session_id": MASK,
        "order_id": MASK,
        "search_term": f"shoes for {MASK}",
        "referrer": f"https://x.example/a?{MASK}",
        "page_path": f"/welcome/{MASK}",
        "properties": json.dumps(
            {"size": 3, "email": MASK, "customer": {"phone": MASK, "name": "x"}}, ensure_ascii=False
        ),
    }


def test_who_may_see_all_gets_the_same_table() -> None:
    table = rows()
    assert privacy.masked(table, None, NAMES) is table
    assert privacy.masked(table, frozenset({"shop", "blog"}), NAMES).equals(table)


@pytest.mark.parametrize("missing", [None, ""])
def test_what_is_missing_stays_missing(missing: str | None) -> None:
    own = dict.fromkeys(
        ("user_id", "client_id", "session_id", "order_id", "search_term", "referrer"), missing
    )
    own["properties"] = json.dumps({"email": missing})
    masked = privacy.masked(rows(**own), frozenset(), NAMES).to_pylist()[1]
    assert {name: masked[name] for name in own} == own


def test_columns_keep_their_types_also_in_batches_without_rows() -> None:
    schema = pa.schema(
        [("site", pa.large_string()), ("user_id", pa.large_string()), ("revenue", pa.float64())]
    )
    batch = pa.RecordBatch.from_pylist([{"site": "blog", "user_id": "ana", "revenue": 1.0}], schema=schema)
    for one in (batch, batch.slice(0, 0)):
        masked = privacy.masked(one, frozenset(), NAMES)
        assert masked.schema == schema
        assert masked.column("user_id").to_pylist() == [MASK] * one.num_rows


@pytest.mark.parametrize(
    "text",
    [
        '{"E-Mail": "ana"}',
        '{"user": {"firstName": "ana"}}',
        '{"list": [{"ip_address": "ana"}]}',
        '{"userId": "ana", "more": {"order_id": "ana"}}',
        '{"note": "write to ana@mail.example now"}',
        '{"note": "ana\\u0040mail.example"}',
        '{"ana@mail.example": 1}',
        '{"url": "https://x.example/?who=ana"}',
        "ana, which is no JSON",
    ],
)
def test_nothing_personal_is_left_in_json(text: str) -> None:
    masked = privacy.masked_json(text, NAMES)
    assert "ana" not in masked
    assert MASK in masked


@pytest.mark.parametrize("text", ['{"a": 1, "name": "Shoe"}', "{}", '{"email": null}', "[1, 2]", '"word"'])
def test_json_with_nothing_personal_stays_as_it_was(text: str) -> None:
    assert privacy.masked_json(text, NAMES) == text


def test_numbers_about_many_name_nobody() -> None:
    table = pa.table({"search_term": ["shoes", "ana@mail.example", None], "searches": [3, 1, 1]})
    assert privacy.without_mail(table).column("search_term").to_pylist() == ["shoes", MASK, None]


@pytest.mark.parametrize(
    ("raw", "sites", "is_open"),
    [
        (None, (), True),
        (frozenset({"shop"}), ("shop",), True),
        (frozenset({"shop"}), ("shop", "blog"), False),
        (frozenset({"shop"}), (), False),
        (frozenset(), ("shop",), False),
    ],
)
def test_asking_by_what_is_personal_takes_the_permission_everywhere(
    raw: frozenset[str] | None, sites: tuple[str, ...], is_open: bool
) -> None:
    scope = Scope("ana", raw=raw)
    for path in ("properties.email", "properties.customer.Phone", "properties.user_id"):
        sql = Sql(f"select count(*) from events where {column(path)} = :p0", {"p0": "x"})
        if is_open:
            privacy.check_read(sql, scope, sites, NAMES)
        else:
            with pytest.raises(NotAllowed, match=f"{path} is personal data"):
                privacy.check_read(sql, scope, sites, NAMES)
    privacy.check_read(Sql(f"select {column('properties.size')} from events"), scope, sites, NAMES)


def test_names_that_are_personal_are_a_setting() -> None:
    names = privacy.names_of("Badge No, mail")
    assert privacy.is_personal("staff.badge_no", names)
    assert privacy.is_personal("session_id", names), "ids always are"
    assert not privacy.is_personal("email", names)


def test_the_event_contract_marks_what_is_personal() -> None:
    assert personal_columns(DIRECT) == {"user_id"}
    assert personal_columns(PSEUDONYM) == {"client_id", "session_id", "order_id"}
    assert personal_columns(FREE) == {"page_url", "referrer", "entry_referrer", "search_term", "properties"}
    marked = {mark for schema in CURATED_TABLES.values() for f in schema if (mark := f.metadata.get(b"pii"))}
    assert {mark.decode() for mark in marked} == {DIRECT, PSEUDONYM, FREE}


def test_single_events_may_be_shown_where_both_are_allowed() -> None:
    assert Scope("ana").of_rows.sites is None
    assert Scope("ana", rows=frozenset({"shop"})).of_rows.sites == {"shop"}
    both = Scope("ana", frozenset({"shop", "blog"}), rows=frozenset({"shop", "news"}))
    assert both.of_rows.sites == {"shop"}
    with pytest.raises(NotAllowed, match=r"explore\.events shows single events"):
        privacy.of_rows(Scope("ana", frozenset({"blog"}), rows=frozenset()), "explore.events")
