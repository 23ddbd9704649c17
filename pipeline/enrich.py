"""Drafts to canonical events: everything that can be worked out from what the source said.

Whatever can repeat (user agents, URLs, referrers, ids) is looked at once per distinct value; the rows
themselves stay in Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_access.events import EVENT_SCHEMA, EVENT_TYPES
from pipeline.agents import describe_agent
from pipeline.contracts.fields import Draft
from pipeline.identity import Occurrences, content_ids, row_contents, visitor_hash
from pipeline.rules import Rules, Visit
from pipeline.urls import split_url, utm_of

DRAFT_TYPES: dict[str, Any] = {f.name: f.type for f in EVENT_SCHEMA} | {"user_agent": pa.string()}
# Made here and never taken from a source, so that they always fit together.
DERIVED = frozenset({"identity_source", "visitor_id", "ingest_id"})
_NOT_CONTENT = frozenset({"received_at", "ingest_id"})
_SEPARATOR = "\x1f"

Columns = dict[str, Any]


def to_table(drafts: Sequence[Draft], ingest_id: str) -> pa.Table:
    """Drafts as a table of the canonical columns (and ``user_agent``) that occur in them."""
    names = {name for draft in drafts for name in draft} & set(DRAFT_TYPES) - {"ingest_id"}
    columns = {
        name: pa.array([draft.get(name) for draft in drafts], kind)
        for name, kind in DRAFT_TYPES.items()
        if name in names
    }
    return pa.table(columns | {"ingest_id": pa.array([ingest_id] * len(drafts), pa.string())})


def enrich(table: pa.Table, rules: Rules) -> pa.Table:
    """Canonical events (exactly EVENT_SCHEMA, one row per draft, same order) of a table of drafts.

    Filled in only where the source said nothing: event_type, page_path, utm_*, channel, device,
    browser, os, properties, received_at (= ts), login_state (logged_in when there is a user_id, else
    unknown) and event_id (from the content). identity_source and visitor_id are always worked out;
    is_bot is true when the source or the rules say so. Times are cut to milliseconds. Raises
    pyarrow.ArrowInvalid when site, event_name, ts or ingest_id is missing in a row.
    """
    columns: Columns = {name: _column(table, name, kind) for name, kind in DRAFT_TYPES.items()}
    # First of all, as the id must not depend on what rules and parsers work out.
    columns["event_id"] = _event_ids(table, columns)
    _times(columns)
    _pages(columns)
    _channels(columns, rules)
    _agents(columns, rules)
    _identities(columns)
    columns["event_type"] = pc.coalesce(
        columns["event_type"], per_distinct(columns["event_name"], default_type, pa.string())
    )
    columns["properties"] = pc.fill_null(columns["properties"], "{}")
    result = pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)
    _require(result)
    return result


def default_type(event_name: str) -> str:
    """The event type of a name whose source gives no type."""
    return event_name if event_name in EVENT_TYPES else "custom"


def per_distinct(values: Any, function: Callable[[str], Any], kind: Any) -> Any:
    """``function`` of every value of a text array, called once per distinct value; nulls stay null."""
    encoded = values.dictionary_encode()
    answers = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return answers.take(encoded.indices)


def _column(table: pa.Table, name: str, kind: Any) -> Any:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    column = table[name].combine_chunks()
    return column if column.type == kind else column.cast(kind)


def _require(table: pa.Table) -> None:
    for field in EVENT_SCHEMA:
        if not field.nullable and table[field.name].null_count:
            raise pa.ArrowInvalid(f"{field.name} is missing in {table[field.name].null_count} rows")


def _times(columns: Columns) -> None:
    columns["ts"] = pc.floor_temporal(columns["ts"], unit="millisecond")
    received = pc.coalesce(columns["received_at"], columns["ts"])
    columns["received_at"] = pc.floor_temporal(received, unit="millisecond")


def _pages(columns: Columns) -> None:
    kind = pa.struct([(name, pa.string()) for name in ("path", "source", "medium", "campaign", "host")])
    parts = per_distinct(columns["page_url"], _page_parts, kind)
    targets = {
        "page_path": "path",
        "utm_source": "source",
        "utm_medium": "medium",
        "utm_campaign": "campaign",
    }
    for name, part in targets.items():
        columns[name] = pc.coalesce(columns[name], pc.struct_field(parts, part))
    columns["own_host"] = pc.struct_field(parts, "host")


def _page_parts(url: str) -> dict[str, str | None]:
    parts = split_url(url)
    source, medium, campaign = utm_of(parts.query)
    return {
        "path": parts.path or None,
        "source": source,
        "medium": medium,
        "campaign": campaign,
        "host": parts.host or None,
    }


def _channels(columns: Columns, rules: Rules) -> None:
    host = per_distinct(columns["referrer"], lambda url: split_url(url).host or url, pa.string())
    parts = [columns[name] for name in ("utm_source", "utm_medium", "utm_campaign")]
    parts += [host, columns["own_host"]]
    known = pc.is_valid(columns["page_url"])
    for part in parts:
        known = pc.or_(known, pc.is_valid(part))
    joined = pc.binary_join_element_wise(*(pc.fill_null(part, "") for part in parts), _SEPARATOR)
    found = per_distinct(joined, lambda key: _channel(key, rules), pa.string())
    # A server's or an app's event without any page is not a direct visit: its channel is not known.
    found = pc.if_else(known, found, pa.scalar(None, pa.string()))
    columns["channel"] = pc.coalesce(columns["channel"], found)


def _channel(key: str, rules: Rules) -> str | None:
    parts = key.split(_SEPARATOR)
    # A separator inside a value would shift the parts; such a value is not a campaign anybody made.
    return rules.channel_of(Visit(*parts)) if len(parts) == 5 else None


def _agents(columns: Columns, rules: Rules) -> None:
    kind = pa.struct(
        [("device", pa.string()), ("browser", pa.string()), ("os", pa.string()), ("bot", pa.bool_())]
    )
    found = per_distinct(columns["user_agent"], lambda agent: _agent(agent, rules), kind)
    for name in ("device", "browser", "os"):
        columns[name] = pc.coalesce(columns[name], pc.struct_field(found, name))
    given = pc.fill_null(columns["is_bot"], False)
    columns["is_bot"] = pc.or_(given, pc.fill_null(pc.struct_field(found, "bot"), False))


def _agent(user_agent: str, rules: Rules) -> dict[str, Any]:
    agent = describe_agent(user_agent)
    bot = rules.is_bot(user_agent, agent.spider)
    return {"device": "bot" if bot else agent.device, "browser": agent.browser, "os": agent.os, "bot": bot}


def _identities(columns: Columns) -> None:
    user, client, session = (columns[name] for name in ("user_id", "client_id", "session_id"))
    tagged = (
        pc.binary_join_element_wise(tag, ids, ":")
        for tag, ids in (("u", user), ("c", client), ("s", session))
    )
    columns["visitor_id"] = per_distinct(pc.coalesce(*tagged), visitor_hash, pa.int64())
    source = pc.case_when(
        pc.make_struct(pc.is_valid(user), pc.is_valid(client), pc.is_valid(session)),
        *(pa.scalar(name) for name in ("user", "client", "session")),
    )
    columns["identity_source"] = source
    signed_in = pc.if_else(pc.is_valid(user), "logged_in", pa.scalar(None, pa.string()))
    columns["login_state"] = pc.coalesce(columns["login_state"], signed_in)


def _event_ids(table: pa.Table, columns: Columns) -> Any:
    given = columns["event_id"]
    if not given.null_count:
        return given
    names = [name for name in table.column_names if name in DRAFT_TYPES and name not in _NOT_CONTENT]
    contents = row_contents([(name, columns[name].cast(pa.string())) for name in names])
    sites = columns["site"].to_pylist()
    seen = Occurrences()
    keyed = [f"{site}\x00".encode() + content for site, content in zip(sites, contents, strict=True)]
    return pc.coalesce(given, pa.array(content_ids("", keyed, seen), pa.string()))
