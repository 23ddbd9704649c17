"""A big lake to measure on: a funnel-shaped shop, optionally with one bot of 120,000 events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_access.backends import Backends, open_backends
from data_access.events import EVENT_SCHEMA
from data_access.settings import load

NAMES = ("page_view", "product_view", "search", "add_to_cart_click", "checkout_start", "checkout_complete")
SHARES = (0.40, 0.33, 0.12, 0.09, 0.04, 0.02)
DAYS = 60
PER_SESSION = 8
START = datetime(2026, 1, 1)
BOT = 99


def backends_of(folder: Path) -> Backends:
    """Back ends over a benchmark folder, past the environment."""
    return open_backends(load({"data_dir": folder}, {}))


def big_lake(folder: Path, events: int, *, bot: int = 0) -> Backends:
    """Open the lake in ``folder``, generating ``events`` events (and a bot's) if it is not there yet."""
    backends = backends_of(folder)
    if not backends.lake.ingested("bench-"):
        for batch in batches(events, bot):
            backends.lake.append(batch)
    backends.lake.curate()
    return backends


def batches(events: int, bot: int) -> Iterator[pa.Table]:
    """One canonical table a day; visitors grow with the number of events (about 25 events each)."""
    random = np.random.default_rng(11)
    for day in range(DAYS):
        yield _day(random, day, events // DAYS, max(100, events // 25), bot // DAYS)


def _day(random: np.random.Generator, day: int, rows: int, visitors: int, bot: int) -> pa.Table:
    total = rows + bot
    sessions = np.arange(rows) // PER_SESSION
    owner = random.integers(1000, 1000 + visitors, rows // PER_SESSION + 1)
    begin = random.integers(0, 85_000_000, rows // PER_SESSION + 1)
    visitor = np.concatenate([owner[sessions], np.full(bot, BOT)])
    moment = begin[sessions] + (np.arange(rows) % PER_SESSION) * 60_000 + random.integers(0, 60_000, rows)
    ts = np.concatenate([moment, random.integers(0, 86_400_000, bot)]) * 1000
    start = int((START + timedelta(days=day) - datetime(1970, 1, 1)).total_seconds() * 1_000_000)
    numbers = np.arange(total) + day * 10_000_000
    clients = pa.array(np.char.add("client-", visitor.astype("U12")))
    columns = {
        "event_id": pa.array(np.char.add("e", numbers.astype("U12"))),
        "site": _pick(random, ("shop",), total),
        "event_name": _pick(random, NAMES, total, SHARES),
        "event_type": _pick(random, ("page_view", "custom"), total),
        "ts": pa.array(ts + start, pa.timestamp("us")),
        "received_at": pa.array(ts + start, pa.timestamp("us")),
        "client_id": clients,
        "login_state": _pick(random, ("logged_in", "anonymous", "guest"), total),
        "source": _pick(random, ("web", "mobile"), total),
        "page_path": _pick(random, tuple(f"/product/{i}" for i in range(200)), total),
        "channel": _pick(random, ("direct", "organic_search", "email", "social"), total),
        "country": _pick(random, ("DE", "FR", "US", "GB", "NL", "PL"), total),
        "device": _pick(random, ("desktop", "mobile", "tablet"), total),
        "browser": _pick(random, ("Chrome", "Safari", "Firefox", "Edge"), total),
        "is_bot": pa.array(np.zeros(total, bool)),
        "product_name": _pick(random, tuple(f"Product {i}" for i in range(200)), total),
        "properties": _pick(random, ('{"step":1}', '{"step":2}'), total),
        "ingest_id": _pick(random, (f"bench-{day:03d}",), total),
        "visitor_id": pa.array(visitor * 7919),
    }
    filled = [columns.get(f.name, pa.nulls(total, f.type)) for f in EVENT_SCHEMA]
    return pa.table(filled, schema=EVENT_SCHEMA)


def _pick(
    random: np.random.Generator, values: tuple[str, ...], rows: int, shares: tuple[float, ...] | None = None
) -> pa.Array:
    return pa.array(values).take(pa.array(random.choice(len(values), rows, p=shares)))
