"""Demo data: a believable outdoor shop, the same for the same seed and end.

One incident is planted: about 20 days before the end, for three days, most mobile checkouts fail with the
error PAY-504, so that a funnel by device shows something to be found. Some events are as incomplete as in
real life: checkouts of three products name none of them, two products have no brand, and orders from
abroad are paid in another currency.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from data_access.events import EVENT_SCHEMA, TIMESTAMP
from pipeline import demo_shop as shop
from pipeline.contracts.fields import to_utc
from pipeline.demo_events import NAME, NAMES, PAGES, PRODUCTS, SEARCH, Rows, make_rows
from pipeline.demo_sessions import Ints, Sessions, make_sessions, period_of, take
from pipeline.enrich import enrich
from pipeline.rules import Rules, load_rules

BATCH_ROWS = 100_000
SITE = "shop"
_INCIDENT_ERROR = {"message": "Payment provider timed out on mobile", "code": "PAY-504", "page": "/checkout"}
_ERRORS = (
    {"message": "Card was declined", "code": "PAY-402", "page": "/checkout"},
    {"message": "Image could not be loaded", "code": "IMG-404", "page": "/"},
)


def make_demo(days: int = 60, seed: int = 7, end: datetime | None = None) -> Iterator[pa.Table]:
    """Canonical events (EVENT_SCHEMA) of the ``days`` before ``end``, by time, about 5,000 a day.

    ``end`` is UTC, by default now. Ingest ids are ``demo-<seed>-<n>``. Raises ValueError for less
    than one day.
    """
    if days < 1:
        raise ValueError(f"days is {days}; it takes 1 or more")
    # Events are random, not secret.
    rng = np.random.default_rng([seed, days])
    period = period_of(days, to_utc(end or datetime.now(UTC)))
    sessions = make_sessions(rng, period)
    rows = make_rows(rng, sessions, period)
    order = np.argsort(rows.time, kind="stable")
    ids = _event_ids(rng, len(order))
    previous = np.where(rows.landing, -1, np.r_[-1, rows.page[:-1]])
    rules = load_rules()
    for number, first in enumerate(range(0, len(order), BATCH_ROWS)):
        chosen = order[first : first + BATCH_ROWS]
        batch = Rows(*(getattr(rows, name)[chosen] for name in Rows.__slots__))
        events = _events(batch, sessions, previous[chosen], seed)
        events |= {"event_id": ids[first : first + BATCH_ROWS], "ingest_id": f"demo-{seed}-{number:06d}"}
        yield _table(events, len(chosen), rules)


def _table(events: dict[str, Any], rows: int, rules: Rules) -> pa.Table:
    arrays = {}
    for name, values in events.items():
        kind = EVENT_SCHEMA.field(name).type
        arrays[name] = pa.array(
            [values] * rows if isinstance(values, str) else values, kind, from_pandas=True
        )
    return enrich(pa.table(arrays), rules)


def _event_ids(rng: np.random.Generator, count: int) -> list[str]:
    digits = rng.bytes(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]


def _events(rows: Rows, sessions: Sessions, previous: Ints, seed: int) -> dict[str, Any]:
    return (
        _what(rows, seed)
        | _who(rows, sessions, seed)
        | _where(rows, sessions, previous)
        | _product(rows)
        | _order(rows, sessions, seed)
        | {"site": SITE, "source": "web", "properties": _properties(rows)}
    )


def _is(rows: Rows, name: str) -> Any:
    return rows.name == NAME[name]


def _what(rows: Rows, seed: int) -> dict[str, Any]:
    types = ["page_view" if n == "page_view" else "error" if n == "error" else "custom" for n in NAMES]
    lag = 40 + rows.time * (seed + 31) % 700
    return {
        "event_name": take(NAMES, rows.name),
        "event_type": take(types, rows.name),
        "ts": pa.array(rows.time * 1000).cast(TIMESTAMP),
        "received_at": pa.array((rows.time + lag) * 1000).cast(TIMESTAMP),
        "search_term": np.where(
            _is(rows, "search"),
            take((*shop.SEARCHES, None), np.clip(rows.page - SEARCH, 0, len(shop.SEARCHES))),
            None,
        ),
    }


def _who(rows: Rows, sessions: Sessions, seed: int) -> dict[str, Any]:
    session = rows.session
    visitor, bot, signed = (
        column[session] for column in (sessions.visitor, sessions.bot, sessions.signed_in)
    )
    # Only buyers without an account are guests.
    guest = np.isin(rows.name, [NAME["checkout_start"], NAME["checkout_complete"]])
    client = [
        f"b{s:06d}" if b else f"c{v:06d}"
        for v, s, b in zip(visitor.tolist(), session.tolist(), bot, strict=True)
    ]
    user = [f"u{v:06d}" if s else None for v, s in zip(visitor.tolist(), signed, strict=True)]
    device, browser, system = (
        take([*(d[k] for d in shop.DEVICES), shop.BOT[k]], _device(rows, sessions)) for k in range(3)
    )
    return {
        "session_id": [f"s{seed}-{s:06d}" for s in session.tolist()],
        "client_id": client,
        "user_id": user,
        "login_state": np.where(signed, "logged_in", np.where(guest, "guest", "anonymous")).astype(object),
        "is_first_visit": sessions.first[session] & ~bot,
        "is_bot": bot,
        "device": device,
        "browser": browser,
        "os": system,
    }


def _device(rows: Rows, sessions: Sessions) -> Ints:
    return np.where(sessions.bot, len(shop.DEVICES), sessions.device)[rows.session]


def _where(rows: Rows, sessions: Sessions, previous: Ints) -> dict[str, Any]:
    origin, bot = sessions.origin[rows.session], sessions.bot[rows.session]
    origin = np.where(bot, 0, origin)
    channel, referrer, source, medium, campaign = (
        take([o[k] for o in shop.ORIGINS], origin) for k in range(5)
    )
    own = take([*(shop.HOST + path for path, _ in PAGES), None], previous)
    country = sessions.country[rows.session]
    return {
        "page_url": _urls(rows, origin),
        "page_path": take([path.partition("?")[0] for path, _ in PAGES], rows.page),
        "page_title": take([title for _, title in PAGES], rows.page),
        "referrer": np.where(rows.landing, referrer, own),
        "channel": channel,
        "utm_source": source,
        "utm_medium": medium,
        "utm_campaign": campaign,
        "country": take([c[0] for c in shop.COUNTRIES], country),
        "region": take([c[1] for c in shop.COUNTRIES], country),
    }


def _urls(rows: Rows, origin: Ints) -> Any:
    """Page URLs; the first one of a visit carries its campaign."""
    campaigns = [
        f"?utm_source={o[2]}&utm_medium={o[3]}&utm_campaign={o[4]}" if o[2] else "" for o in shop.ORIGINS
    ]
    query = np.where(rows.landing, take(campaigns, origin), "")
    return take([shop.HOST + path for path, _ in PAGES], rows.page) + query


def _product(rows: Rows) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {
        "product_id": [p.id for p in PRODUCTS],
        "product_name": [p.name for p in PRODUCTS],
        "product_category": [p.category for p in PRODUCTS],
        "product_brand": [p.brand for p in PRODUCTS],
        "product_price": [p.price for p in PRODUCTS],
        "product_discount_price": [p.discount for p in PRODUCTS],
    }
    mixed = np.isin(rows.name, [NAME["checkout_start"], NAME["checkout_complete"]]) & (rows.quantity > 2)
    # The last entry stands for no product: index -1.
    named = np.where(mixed, -1, rows.product)
    return {name: take([*values, None], named) for name, values in columns.items()}


def _totals(rows: Rows) -> Any:
    prices = [p.discount or p.price for p in PRODUCTS]
    return np.round(take([*prices, 0.0], rows.product, float) * rows.quantity, 2)


def _order(rows: Rows, sessions: Sessions, seed: int) -> dict[str, Any]:
    bought = _is(rows, "checkout_complete")
    orders = [f"o{seed}-{s:06d}" if b else None for s, b in zip(rows.session.tolist(), bought, strict=True)]
    return {
        "order_id": orders,
        "revenue": np.where(bought, _totals(rows), np.nan),
        "currency": np.where(rows.product < 0, None, _currencies(rows, sessions)),
    }


def _currencies(rows: Rows, sessions: Sessions) -> Any:
    paid_in = [shop.FOREIGN.get(country[0], shop.CURRENCY) for country in shop.COUNTRIES]
    return take(paid_in, sessions.country[rows.session])


def _properties(rows: Rows) -> Any:
    """Details of single kinds of events, as JSON."""
    details = np.full(len(rows.name), "{}", dtype=object)
    details[_is(rows, "wishlist_toggle")] = '{"toggledOn":true}'
    details[_is(rows, "login_success")] = '{"method":"password"}'
    totals, quantity = _totals(rows), rows.quantity
    for name in ("add_to_cart_click", "checkout_start", "checkout_complete"):
        for row in np.flatnonzero(_is(rows, name)).tolist():
            details[row] = f'{{"itemCount":{quantity[row]},"total":{totals[row]:.2f}}}'
    for row in np.flatnonzero(_is(rows, "error")).tolist():
        other = _ERRORS[0] if rows.product[row] >= 0 else _ERRORS[1]
        details[row] = json.dumps(_INCIDENT_ERROR if rows.incident[row] else other)
    return details
