"""Small data for tests: canonical events from a few words, and the real back ends over them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_access.backends import Backends, open_backends
from data_access.events import EVENT_SCHEMA
from data_access.model import Scope, Sql
from data_access.settings import load

EVERYONE = Scope("tester")

_ids = count(1)


def moment(text: str) -> datetime:
    """A time in UTC, without a zone as all of them are in the lake: ``2024-03-01 12:00``."""
    return datetime.fromisoformat(text)


NOON = moment("2024-03-01 12:00")


def event(name: str = "page_view", at: str | datetime = NOON, **columns: Any) -> dict[str, Any]:
    """One canonical event of visitor 1 of the site `shop`. ``properties`` may be a mapping."""
    ts = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    properties = columns.pop("properties", {})
    return {
        "event_id": f"e{next(_ids):06d}",
        "site": "shop",
        "event_name": name,
        "event_type": "page_view" if name == "page_view" else "custom",
        "ts": ts,
        "received_at": ts,
        "is_bot": False,
        "properties": json.dumps(properties) if isinstance(properties, Mapping) else properties,
        "ingest_id": "test",
        "visitor_id": 1,
    } | columns


def table(events: Iterable[Mapping[str, Any]], schema: pa.Schema = EVENT_SCHEMA) -> pa.Table:
    """Events as an Arrow table; columns they do not name are null."""
    rows = [{name: row.get(name) for name in schema.names} for row in events]
    return pa.Table.from_pylist(rows, schema=schema)


def after(**duration: float) -> datetime:
    """NOON and a while: ``after(minutes=30)``."""
    return NOON + timedelta(**duration)


def embedded(folder: Path, events: Iterable[Mapping[str, Any]] = (), **settings: Any) -> Backends:
    """The real embedded back ends in ``folder``, with ``events`` curated."""
    backends = open_backends(load({"data_dir": folder / "data"} | settings, {}))
    rows = list(events)
    if rows:
        backends.lake.append(table(rows))
        backends.lake.curate()
    return backends


def read(backends: Backends, name: str) -> pa.Table:
    """A curated table's rows as readers see them now."""
    return backends.warehouse.table(Sql(f"select * from {name}"), backends.lake.snapshot())


def period(day: str = "2024-03-01", to: str = "") -> dict[str, str]:
    """The parameters of a period, bots included."""
    return {"from": day, "to": to or day, "bots": "in"}
