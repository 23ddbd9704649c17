"""Snowplow's expected web tables and the same rows made of our lake, with the columns that both have.

Keys are shortened ids. Of a session we have the sessions with its id: a session of ours also ends after 30
minutes without an event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from data_access.backends import Backends
from tests.builders import read
from tests.contract.differences import Table
from tests.snowplow import expected, moment

Event = dict[str, Any]


def text(value: str | None) -> str | None:
    """A text, or None for an empty one."""
    return value or None


def short(session: str | None) -> str:
    """A session id that can be read: two of the vendor's differ in their last letter only."""
    return f"{session[:6]}…{session[-3:]}" if session else "none"


def events_of(backends: Backends) -> list[Event]:
    """All curated events, in order."""
    return sorted(read(backends, "events").to_pylist(), key=lambda row: (row["ts"], row["event_id"]))


def grouped(rows: Iterable[Event], key: Callable[[Event], str]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def web_sessions(backends: Backends) -> Table:
    """Our sessions by the source's session id."""
    key = {row["session_key"]: short(row["session_id"]) for row in events_of(backends)}
    rows = sorted(read(backends, "sessions").to_pylist(), key=lambda row: row["session_start"])
    return {name: _session(found) for name, found in grouped(rows, lambda r: key[r["session_key"]]).items()}


def _session(rows: list[Event]) -> Event:
    first, last = rows[0], rows[-1]
    names = ("entry_page", "entry_referrer", "entry_channel", "country", "device")
    utm = ("entry_utm_source", "entry_utm_medium", "entry_utm_campaign")
    return {name: first[name] for name in (*names, *utm)} | {
        "sessions": len(rows),
        "page_views": sum(row["page_views"] for row in rows),
        "events": sum(row["events"] for row in rows),
        "start": first["session_start"],
        "end": max(row["session_end"] for row in rows),
        "exit_page": last["exit_page"],
    }


def their_web_sessions() -> Table:
    return {
        short(row["domain_sessionid"]): {
            "entry_page": row["first_page_urlpath"],
            "entry_referrer": text(row["referrer"]),
            "entry_channel": row["default_channel_group"],
            "country": row["geo_country"],
            "device": row["device_category"].lower(),
            "entry_utm_source": text(row["mkt_source"]),
            "entry_utm_medium": text(row["mkt_medium"]),
            "entry_utm_campaign": text(row["mkt_campaign"]),
            "sessions": 1,
            "page_views": int(row["page_views"]),
            "events": int(row["total_events"]),
            "start": moment(row["start_tstamp"]),
            "end": moment(row["end_tstamp"]),
            "exit_page": row["last_page_urlpath"],
        }
        for row in expected("snowplow_web", "sessions")
    }


_PAGE = {
    "ts": "derived_tstamp",
    "received_at": "collector_tstamp",
    "page_url": "page_url",
    "page_path": "page_urlpath",
    "page_title": "page_title",
    "referrer": "page_referrer",
    "utm_source": "mkt_source",
    "utm_medium": "mkt_medium",
    "utm_campaign": "mkt_campaign",
    "country": "geo_country",
    "region": "geo_region_name",
    "session_id": "domain_sessionid",
    "client_id": "domain_userid",
    "user_id": "user_id",
    "source": "platform",
}


def web_page_views(backends: Backends) -> Table:
    return {
        row["event_id"][:8]: {name: row[name] for name in (*_PAGE, "device")}
        | {"client_id": (row["client_id"] or "")[:6]}
        for row in events_of(backends)
        if row["event_type"] == "page_view"
    }


def their_web_page_views() -> Table:
    return {
        row["event_id"][:8]: {ours: text(row[theirs]) for ours, theirs in _PAGE.items()}
        | {"ts": moment(row["derived_tstamp"]), "received_at": moment(row["collector_tstamp"])}
        | {"device": row["device_category"].lower(), "client_id": row["domain_userid"][:6]}
        for row in expected("snowplow_web", "page_views")
    }


def web_users(backends: Backends) -> Table:
    """Our clients; their sessions are those of the source, as ours are compared elsewhere."""
    found = grouped(events_of(backends), lambda row: (row["client_id"] or "none")[:6])
    return {
        client: {
            "sessions": len({row["session_id"] for row in rows}),
            "page_views": sum(row["event_type"] == "page_view" for row in rows),
            "start": min(row["ts"] for row in rows),
            "end": max(row["ts"] for row in rows),
        }
        for client, rows in found.items()
    }


def their_web_users() -> Table:
    return {
        row["domain_userid"][:6]: {
            "sessions": int(row["sessions"]),
            "page_views": int(row["page_views"]),
            "start": moment(row["start_tstamp"]),
            "end": moment(row["end_tstamp"]),
        }
        for row in expected("snowplow_web", "users")
    }
