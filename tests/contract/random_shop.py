"""A shop of random events for tests that add things up: every kind of value in every column they ask about.

Money comes in quarters and prices in halves, so that sums of floats are exact in any order.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from data_access.backends import Backends
from tests.builders import EVERYONE, embedded, event, moment

FROM, TO = "2024-03-28", "2024-04-03"
"""A week of Berlin in which the clock changes; the lake has half of the week before too."""

START, HOURS = moment("2024-03-24 12:00"), 11 * 24
EVENTS = 900
NAMES = {
    "page_view": 8,
    "product_view": 8,
    "search": 3,
    "add_to_cart_click": 5,
    "checkout_start": 3,
    "checkout_complete": 4,
    "ping": 1,
}
PRODUCTS = [
    ("p1", "Pen", "Desk", "Acme"),
    ("p2", "Lamp", "Desk", ""),
    ("p3", "", None, "Bolt"),
    ("", "Cup", "", None),
]
Row = dict[str, Any]

ALL_ROWS = {"limit": "1000"}
ASKED: list[tuple[str, dict[str, str]]] = [
    ("overview.kpis", {}),
    ("traffic.kpis", {}),
    ("products.kpis", {}),
    ("products.missing", {"by": "product_brand"}),
    ("products.by", {"by": "product_category", **ALL_ROWS}),
    ("products.by", {"by": "product_name", **ALL_ROWS}),
    ("products.top", {"by": "product_brand", **ALL_ROWS}),
    ("products.searches", ALL_ROWS),
    ("products.over_time", {"interval": "day"}),
    ("traffic.by", {"by": "entry_page", **ALL_ROWS}),
    ("traffic.by", {"by": "country", **ALL_ROWS}),
    ("traffic.over_time", {"interval": "hour"}),
    ("traffic.new_and_returning", {}),
    ("traffic.by_weekday_and_hour", {}),
    ("events.over_time", {"interval": "week"}),
    ("events.mix", {"by": "exit_page", **ALL_ROWS}),
    ("events.mix", {"by": "properties.plan", **ALL_ROWS}),
    ("events.by_login_state", {}),
]
"""Every question with metrics that add up, as it is asked."""


def rows() -> list[Row]:
    """The events; the same ones every time."""
    chance = random.Random(20240401)
    return [_event(chance, number) for number in range(EVENTS)]


def _event(chance: random.Random, number: int) -> Row:
    name = chance.choices([*NAMES], [*NAMES.values()])[0]
    # Bursts of a few visitors: sessions of several events, some of them over midnight.
    burst = chance.randrange(HOURS // 2) * 2
    at = START + timedelta(hours=burst, minutes=chance.randrange(45), milliseconds=number)
    made = event(name, at, visitor_id=chance.choice([None, *[burst % 7 + n for n in range(5)]]))
    return made | _who_and_where(chance) | _what(chance, name)


def _who_and_where(chance: random.Random) -> Row:
    return {
        "site": chance.choice(["shop", "shop", "blog"]),
        "is_bot": chance.random() < 0.1,
        "client_id": chance.choice([None, "c1", "c2", "c3"]),
        "login_state": chance.choice(["guest", "anonymous", "logged_in", "", None]),
        "country": chance.choice(["DE", "de", "FR", "", None]),
        "device": chance.choice(["mobile", "desktop", None]),
        "channel": chance.choice(["Search", "Email", "", None, None]),
        "referrer": chance.choice(["https://a.example/", "https://b.example/x", None]),
        "utm_campaign": chance.choice(["spring", None, None]),
        "page_path": chance.choice(["/", "/sale", "/sale/new", "/help", None]),
        "properties": chance.choice(
            [
                "{}",
                '{"plan": "free"}',
                '{"plan": ""}',
                '{"cart": {"total": 12.5}}',
                '{"cart": {"total": "x"}}',
            ]
        ),
    }


def _what(chance: random.Random, name: str) -> Row:
    row: Row = {"search_term": chance.choice(["pen", "lamp", "Cup", ""]) if name == "search" else None}
    if (
        name in ("product_view", "add_to_cart_click", "checkout_start", "checkout_complete")
        and chance.random() < 0.8
    ):
        names = ("product_id", "product_name", "product_category", "product_brand")
        row |= dict(zip(names, chance.choice(PRODUCTS), strict=True))
        row |= {
            "product_price": chance.choice([8.0, 20.5]),
            "product_discount_price": chance.choice([None, 6.5]),
        }
    if name == "checkout_complete":
        row |= {
            "order_id": chance.choice([None, "", *[f"o{n}" for n in range(30)]]),
            "revenue": chance.choice([None, 0.0, 9.75, 20.5, 120.25]),
            "currency": chance.choice(["EUR", "EUR", "USD", "", None]),
        }
    return row


class Shop:
    """The curated lake of these events, with Berlin days, and short ways to ask it."""

    def __init__(self, folder: Path) -> None:
        self.rows = rows()
        self.backends: Backends = embedded(folder, self.rows, time_zone="Europe/Berlin")

    def ask(self, name: str, **raw: str) -> list[Row]:
        """The rows of an answer over the week, bots included, compared with nothing unless asked for."""
        given = {"from": FROM, "to": TO, "bots": "in", "compare": "none"} | raw
        return self.backends.asking.ask(name, given, EVERYONE).rows

    def kpis(self, name: str, **raw: str) -> Row:
        """The single row of an answer."""
        (row,) = self.ask(name, **raw)
        return row


def local_day(at: datetime) -> str:
    """The Berlin day of a UTC time around the change of 31 March 2024, 01:00 UTC."""
    return (at + timedelta(hours=2 if at >= moment("2024-03-31 01:00") else 1)).date().isoformat()
