"""A small seeded shop: events that look like real ones, for tests of pages and exports."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from tests.builders import event

STEPS = (
    ("product_view", 0.85),
    ("add_to_cart_click", 0.42),
    ("checkout_start", 0.6),
    ("checkout_complete", 0.7),
)
COUNTRIES = ("DE", "FR", "US", "GB", "ES", "IT", "PL", "NL", "SE", "AT", "BR", "JP")
PRODUCTS = (
    ("p-101", "Trail Runner 2", "Shoes", "Acme", 119.0),
    ("p-102", "Road Racer", "Shoes", "Nimbus", 149.0),
    ("p-203", "Rain Shell", "Jackets", "Acme", 189.0),
    ("p-204", "Down Vest, light", "Jackets", "Polar", 139.0),
    ("p-305", "Wool Socks", "Accessories", "Polar", 19.0),
    ("p-306", "Head Lamp", "Accessories", "Lumen", 49.0),
)


def shop(
    days: int = 60, sessions_a_day: int = 60, seed: int = 7, end: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Events of ``days`` whole days up to ``end`` (now, UTC)."""
    dice = random.Random(seed)
    last = (end or datetime.now(UTC)).replace(tzinfo=None, microsecond=0)
    for back in range(days, 0, -1):
        weekend = (last - timedelta(days=back)).weekday() >= 5
        for _ in range(round(sessions_a_day * (0.7 if weekend else 1) * dice.uniform(0.85, 1.15))):
            start = last - timedelta(days=back - 1, seconds=dice.randrange(86400))
            yield from _session(dice, start)


def _session(dice: random.Random, start: datetime) -> Iterator[dict[str, Any]]:
    number = int(dice.paretovariate(1.1) * 40) % 900
    client = f"c{number:04d}"
    user = f"u{number:04d}" if number % 3 == 0 else None
    bot = dice.random() < 0.05
    base = {
        "session_id": f"s{dice.randrange(10**9)}",
        "client_id": client,
        "user_id": user,
        "login_state": "logged_in" if user else dice.choice(["anonymous", "anonymous", None]),
        "visitor_id": crc32((user or client).encode()),
        "site": dice.choices(["shop", "blog"], [9, 1])[0],
        "source": dice.choices(["web", "mobile"], [3, 1])[0],
        "country": dice.choices(COUNTRIES, range(len(COUNTRIES), 0, -1))[0],
        "device": "bot" if bot else dice.choices(["desktop", "mobile", "tablet"], [5, 4, 1])[0],
        "browser": dice.choice(["Chrome", "Safari", "Firefox", "Edge"]),
        "os": dice.choice(["Windows", "macOS", "Android", "iOS"]),
        "channel": dice.choice(["Direct", "Organic search", "Paid search", "Email", "Social"]),
        "is_bot": bot,
    }
    clock = start
    for name in _names(dice):
        yield event(name, clock, **base, **_details(dice, name))
        clock += timedelta(milliseconds=int(dice.expovariate(1 / 45_000)))


def _names(dice: random.Random) -> Iterator[str]:
    yield "home_view"
    yield from dice.choices(
        ["category_view", "search", "product_view", "error"], [4, 3, 5, 0.3], k=dice.randrange(5)
    )
    for name, chance in STEPS:
        if dice.random() > chance:
            return
        yield name


def _details(dice: random.Random, name: str) -> dict[str, Any]:
    product = dice.choice(PRODUCTS)
    price = product[4]
    shown = {
        "product_id": product[0],
        "product_name": product[1],
        "product_category": product[2],
        "product_brand": product[3],
        "product_price": price,
    }
    match name:
        case "product_view" | "add_to_cart_click":
            path = f"/products/{product[0]}"
            return shown | {
                "event_type": "page_view" if name == "product_view" else "custom",
                "page_path": path,
                "page_title": product[1],
                "properties": {"size": dice.choice("SML"), "stock": {"left": dice.randrange(40)}},
            }
        case "search":
            return {
                "page_path": "/search",
                "search_term": dice.choice(["shoes", "=1+1", "rain jacket", "socks, wool"]),
            }
        case "checkout_complete":
            return {
                "page_path": "/done",
                "order_id": f"o{dice.randrange(10**8)}",
                "revenue": price,
                "currency": "EUR",
            }
        case "error":
            return {
                "event_type": "error",
                "page_path": "/",
                "properties": {"message": "Timeout", "code": 504},
            }
    return {
        "event_type": "page_view" if name.endswith("_view") else "custom",
        "page_path": "/" if name == "home_view" else f"/{name.split('_')[0]}",
        "page_title": name.replace("_", " ").title(),
    }
