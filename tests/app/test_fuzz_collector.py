"""Thousands of broken requests: no answer is a fault of ours, and what is taken can be read."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.collect import Collecting
from pipeline.collector import BATCH, CLICKSTREAM, EVENTS
from tests.builders import embedded, read
from tests.door import Door

BODIES = int(os.environ.get("FUZZ_BODIES", "4000"))
Random = random.Random

ODD: tuple[Callable[[Random], Any], ...] = (
    lambda r: None,
    lambda r: r.choice([True, False]),
    lambda r: r.choice([0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 10**4000]),
    lambda r: r.choice([0.1, 1e308, -1e-320, float("nan"), float("inf"), float("-inf")]),
    lambda r: r.choice(
        ["", " ", "\0", "a\0b", "\x01", "\ud800", "\udc00x", "\U0001f600", "'; drop table", "=1+1"]
    ),
    lambda r: "x" * r.choice([1, 64, 65, 128, 129, 512, 513, 2048, 2049, 10_240, 70_000]),
    lambda r: r.choice(
        ["0001-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]
    ),
    lambda r: r.choice(
        ["2026-03-09", "2026-13-09T00:00:00Z", "2026-03-09T12:00:00", "now", "-1", "NaN", "1e999"]
    ),
    lambda r: r.choice(["DE", "de", "D", "DEU", "Ä!", "ſK"]),
    lambda r: str(uuid.UUID(int=r.getrandbits(128))),
    lambda r: [ODD[r.randrange(4)](r) for _ in range(r.randrange(4))],
    lambda r: {ODD[4](r): ODD[r.randrange(6)](r) for _ in range(r.randrange(4))},
    lambda r: nested(r.choice([3, 60, 70, 300])),
)
SERVER = (
    "event_type",
    "session_id",
    "source",
    "event_id",
    "timestamp",
    "sent_at",
    "user_id",
    "properties",
    "metadata",
)
METADATA = ("ip_address", "user_agent", "country", "region", "referrer")
TEXTS = (
    *("eventName", "eventId", "pageUrl", "pageTitle", "referrer"),
    *("userId", "userLoginState", "clientId", "sessionId"),
)
TRACKER = (*TEXTS, "timestamp", "sentAt", "isFirstVisit", "product", "element", "extra")

PARTS = ("id", "name", "price", "discountPrice", "urlPath", "tag", "dataset", "orderId", "total", "currency")


def nested(depth: int) -> Any:
    found: Any = 1
    for level in range(depth):
        found = [found] if level % 2 else {"a": found}
    return found


def odd(r: Random) -> Any:
    return r.choice(ODD)(r)


def server_event(r: Random) -> Any:
    event: dict[str, Any] = {
        "event_type": r.choice(["page_view", "custom", "error"]),
        "session_id": "s",
        "source": "web",
    }
    for name in r.sample(SERVER, r.randrange(4)):
        event[name] = odd(r)
    if r.random() < 0.3:
        event["metadata"] = {name: odd(r) for name in r.sample(METADATA, 2)}
    if r.random() < 0.3:
        event["properties"] = {r.choice(["name", "page", "referrer", "message"]): odd(r)}
    return event


def tracker_event(r: Random) -> Any:
    event: dict[str, Any] = {"eventName": r.choice(["page_view", "checkout_complete", "search"])}
    for name in r.sample(TRACKER, r.randrange(5)):
        event[name] = odd(r)
    for name in ("product", "element"):
        if r.random() < 0.3:
            event[name] = {part: odd(r) for part in r.sample(PARTS, 3)}
    return event


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def damaged(r: Random, body: bytes) -> bytes:
    """A body with some bytes changed, cut or doubled."""
    at = r.randrange(len(body) + 1)
    return r.choice(
        [
            body[:at],
            body[:at] + bytes([r.randrange(256)]) + body[at:],
            body[:at] + b"\xff\xfe" + body[at + 1 :],
            body.replace(b'"', b"'", 1),
            body + body,
            b"\xef\xbb\xbf" + body,
            body.replace(b":", b"", 1),
        ]
    )


def body_of(r: Random) -> tuple[str, bytes]:
    """A path and a body."""
    kind = r.randrange(10)
    if kind < 3:
        path, value = EVENTS, server_event(r)
    elif kind < 6:
        path, value = CLICKSTREAM, tracker_event(r)
    elif kind < 9:
        events = [r.choice([server_event, tracker_event, odd])(r) for _ in range(r.randrange(6))]
        path, value = BATCH, {"events": events} | ({"sent_at": odd(r)} if r.random() < 0.2 else {})
    else:
        path, value = r.choice([EVENTS, BATCH, CLICKSTREAM]), odd(r)
    body = dumped(value)
    return path, damaged(r, body) if r.random() < 0.25 else body


def monsters() -> list[tuple[str, bytes]]:
    """The largest and deepest there are."""
    found = []
    for path in (EVENTS, BATCH, CLICKSTREAM):
        found += [(path, b"[" * 1000 + b"]" * 1000), (path, b'{"a":' * 1000 + b"1" + b"}" * 1000)]
        found += [
            (path, b"[" * 1_000_000),
            (path, b" " * 13_000_000),
            (path, b'"' + b"x" * 10_000_000 + b'"'),
        ]
        found += [(path, b"1" * 1_000_000), (path, b'{"events":[' + b"{}," * 999_999 + b"{}]}")]
    return found


def headers_of(r: Random, body: bytes, key: str) -> tuple[dict[str, str], bytes]:
    """Odd headers, and the body as they say."""
    headers = {"HTTP_X_WRITE_KEY": key, "CONTENT_TYPE": r.choice(["application/json", "text/plain", "x", ""])}
    if r.random() < 0.1:
        body = gzip.compress(body, 1)
        headers["HTTP_CONTENT_ENCODING"] = "gzip"
        body = damaged(r, body) if r.random() < 0.5 else body
    if r.random() < 0.1:
        headers |= {
            "HTTP_ORIGIN": r.choice(["null", "https://shop.example", "\xff", "x" * 9000]),
            "HTTP_IDEMPOTENCY_KEY": r.choice(["k", "\xe9", "x" * 300, str(r.random())]),
            "HTTP_USER_AGENT": r.choice(["", "\xff\xfe", "x" * 9000, "curl"]),
            "HTTP_CF_IPCOUNTRY": r.choice(["DE", "de", "XX", "\xc4"]),
            "HTTP_AUTHORIZATION": r.choice([f"Bearer {key}", "Bearer", "Basic \xff", f"bearer {key}"]),
        }
    return headers, body


class Caller:
    """Calls the WSGI application as a server does."""

    def __init__(self, door: Door) -> None:
        self._app = Collecting(door.collector, lambda *_: [])
        self._key = door.key

    def post(self, r: Random, path: str, body: bytes) -> int:
        headers, sent = headers_of(r, body, self._key)
        status: list[str] = []
        query = r.choice(["", "", "", "key=%ff", "a=1&a=2", "&" * 100])
        environ = headers | {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(sent)),
            "wsgi.input": io.BytesIO(sent),
        }
        answer = b"".join(self._app(environ, lambda line, _headers: status.append(line)))
        if answer:
            json.loads(answer)
        return int(status[0][:3])


def test_no_body_is_a_fault_of_ours_and_what_is_taken_can_be_read(tmp_path: Path) -> None:
    door = Door(embedded(tmp_path, intake_per_second=0))
    caller, r = Caller(door), Random(20_000)
    statuses: Counter[int] = Counter()
    for path, body in monsters():
        statuses[caller.post(r, path, body)] += 1
    for _ in range(BODIES):
        statuses[caller.post(r, *body_of(r))] += 1
    assert {status for status in statuses if status >= 500} == set(), statuses
    assert {200, 207, 400, 413, 422} <= statuses.keys()
    while door.live.step():
        pass
    door.lake.drain()
    door.backends.lake.curate()
    accepted = [letter for letter in door.backends.log.letters(10**6) if letter.refused.sequence is not None]
    assert accepted == [], "accepted, but nobody can read it"
    assert sum(door.backends.lake.ingested("log-").values()) == door.backends.log.head() > BODIES / 10
    assert read(door.backends, "events").num_rows > 0
    print(f"\n{BODIES + len(monsters()):,} bodies: {dict(sorted(statuses.items()))}")
