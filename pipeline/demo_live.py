"""Visitors of the demo shop while the app runs: a gentle stream of events through the collector.

The same day always has the same visitors, so a stopped app goes on where it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from typing import Any

from data_access import sites
from data_access.backends import Backends
from data_access.ports import Documents
from pipeline.collector import CLICKSTREAM, Collector, Incoming
from pipeline.demo import SITE, make_demo

log = logging.getLogger(__name__)

TIMES_THE_DEMO = 3
"""How much more is going on than on a day of the demo data: enough to see something happen."""
_OPENS, _HALF = timedelta(hours=10), timedelta(hours=12)
CATCH_UP = timedelta(minutes=30)
TICK_SECONDS = 1.0
_FLAG, _SECRET = "demo_live", "demo_write_key"
_MACHINES = {
    ("Chrome", "Windows"): "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
    (
        "Firefox",
        "Windows",
    ): "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    ("Safari", "Mac OS X"): "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    ("Firefox", "Linux"): "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    ("Chrome Mobile", "Android"): "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36",
    ("Mobile Safari", "iOS"): "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    ("Chrome", "Android"): "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
}
_BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

Row = dict[str, Any]


class Visitors:
    """Sends the demo shop's events when they are due."""

    def __init__(self, backends: Backends, clock: Callable[[], datetime] | None = None) -> None:
        self._documents = backends.documents
        self._clock = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
        self._collector = Collector(backends.intake, backends.documents, backends.settings)
        self._headers = {"x-write-key": write_key(backends.documents)}
        self._sent_to = max(self._clock() - CATCH_UP, _kept(self._documents))
        self._coming = _events(self._sent_to)
        self._next = next(self._coming)

    def step(self) -> int:
        """Send what is due; how many events."""
        now, sent = self._clock(), 0
        while self._next["ts"] <= now:
            self._send(self._next)
            self._next, sent = next(self._coming), sent + 1
        if sent:
            found = self._documents.get("flags", _FLAG)
            value = {"sent_to": now.isoformat()}
            self._documents.put("flags", _FLAG, value, found.version if found else None)
        return sent

    def _send(self, row: Row) -> None:
        agent = _BOT if row["is_bot"] else _MACHINES.get((row["browser"], row["os"]), "")
        headers = self._headers | {"user-agent": agent, "cloudfront-viewer-country": row["country"]}
        reply = self._collector.answer(Incoming("POST", CLICKSTREAM, headers, json.dumps(wire(row)).encode()))
        if reply.status != 200:
            log.warning("a demo event was not taken: %s", reply.body.decode())


def visit_demo_shop(backends: Backends) -> None:
    """Let visitors come, in a daemon thread, if there is demo data and the settings do not say no."""
    if not backends.settings.demo_live or backends.documents.get("flags", "demo") is None:
        return

    def visit() -> None:
        visitors, stop = Visitors(backends), Event()
        while not stop.wait(TICK_SECONDS):
            try:
                visitors.step()
            except Exception:
                log.exception("the demo shop's visitors stumbled; going on")

    Thread(target=visit, name="demo-visitors", daemon=True).start()


def write_key(documents: Documents) -> str:
    """The demo shop's write key, its site made if need be."""
    kept = documents.get("secrets", _SECRET)
    if kept is not None:
        return str(kept.value["key"])
    if documents.get(sites.KIND, SITE) is None:
        sites.save(documents, SITE, ("https://shop.example",))
    documents.put("secrets", _SECRET, {"key": sites.make_key(documents, SITE)}, None)
    return write_key(documents)


def wire(row: Row) -> Row:
    """A canonical event as the shop's tracker sends it."""
    properties = json.loads(row["properties"])
    order = {"orderId": row["order_id"], "currency": row["currency"]} if row["order_id"] else {}
    product = {
        "id": row["product_id"],
        "name": row["product_name"],
        "category": row["product_category"],
        "brand": row["product_brand"],
        "price": row["product_price"],
        "discountPrice": row["product_discount_price"],
    }
    event: Row = {
        "eventName": row["event_name"],
        "eventId": row["event_id"],
        "timestamp": f"{row['ts'].isoformat(timespec='milliseconds')}Z",
        "pageUrl": row["page_url"],
        "pageTitle": row["page_title"],
        "referrer": row["referrer"],
        "userId": row["user_id"],
        "userLoginState": row["login_state"],
        "clientId": row["client_id"],
        "sessionId": row["session_id"],
        "isFirstVisit": row["is_first_visit"],
        "product": {name: value for name, value in product.items() if value is not None} or None,
    }
    if row["event_type"] == "error":
        event |= properties
        return event
    return event | {"element": {"dataset": properties | order}}


def _kept(documents: Documents) -> datetime:
    found = documents.get("flags", _FLAG)
    return datetime.fromisoformat(found.value["sent_to"]) if found else datetime(1970, 1, 1)  # noqa: DTZ001


def _events(after: datetime) -> Iterator[Row]:
    """Events after a time (naive UTC), in order, without end."""
    day = after.date()
    while True:
        yield from (row for row in _of_day(day) if row["ts"] > after)
        day += timedelta(days=1)


def _of_day(day: date) -> list[Row]:
    """A day's events: twice the busy hours of a demo day, so that something happens at any hour."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - naive UTC
    rows = [
        row | {"ts": row["ts"] + shift}
        for half in range(2)
        for row in _busy_hours(midnight, half)
        for shift in [half * _HALF - _OPENS]
    ]
    return sorted(rows, key=lambda row: (row["ts"], row["event_id"]))


def _busy_hours(midnight: datetime, half: int) -> Iterator[Row]:
    """The events of twelve hours from _OPENS on, made anew for each half of a day."""
    first = (midnight.toordinal() * 2 + half) * TIMES_THE_DEMO
    opens = midnight + _OPENS
    for seed in range(first, first + TIMES_THE_DEMO):
        for batch in make_demo(1, seed, midnight + timedelta(days=1)):
            yield from (row for row in batch.to_pylist() if opens <= row["ts"] < opens + _HALF)
