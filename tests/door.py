"""The live path for tests: a site with a write key, the collector in front, the consumers behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from data_access import sites
from data_access.backends import Backends
from data_access.ports import CurateResult
from pipeline.collector import BATCH, CLICKSTREAM, EVENTS, Collector, Incoming, Reply
from pipeline.lake_writer import LakeConsumer
from pipeline.live import LiveConsumer
from pipeline.rules import load_rules

ORIGIN = "https://shop.example"


class Door:
    """Sends events of a site as its pages and servers do."""

    site = "shop"

    def __init__(self, backends: Backends, clock: Callable[[], float] | None = None) -> None:
        self.backends = backends
        more = self._open(clock)
        self.live = LiveConsumer(backends.log, backends.counters, **more)
        self.lake = LakeConsumer(backends.log, backends.lake, load_rules())

    def _open(self, clock: Callable[[], float] | None) -> dict[str, Any]:
        """The site, its key and the collector."""
        backends = self.backends
        sites.save(backends.documents, self.site, (ORIGIN,))
        self.key = sites.make_key(backends.documents, self.site)
        more = {} if clock is None else {"clock": clock}
        self.collector = Collector(backends.intake, backends.documents, backends.settings, **more)
        return more

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Post to the collector; header names with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.collector.answer(Incoming("POST", path, {"x-write-key": self.key} | named, content))

    def send(self, event: dict[str, Any], **headers: str) -> Reply:
        """One event of the tracker."""
        return self.post(CLICKSTREAM, event, **headers)

    def server(self, **fields: Any) -> Reply:
        """One event of a server."""
        return self.post(EVENTS, server_event(**fields))

    def batch(self, *events: dict[str, Any], **more: Any) -> Reply:
        """Several events."""
        return self.post(BATCH, {"events": list(events)} | more)

    def settle(self) -> CurateResult:
        """Bring counters and curated lake up to date."""
        while self.live.step():
            pass
        self.lake.drain()
        return self.backends.lake.curate()


def server_event(**fields: Any) -> dict[str, Any]:
    """An event of the CloudPulse contract."""
    return {"event_type": "page_view", "session_id": "s1", "source": "web"} | fields


def said(reply: Reply) -> Any:
    """A reply's JSON."""
    return json.loads(reply.body)


def header(reply: Reply, name: str) -> str | None:
    """A reply's header."""
    return dict(reply.headers).get(name)


def utc(moment: datetime) -> str:
    """A naive UTC time as senders write it."""
    return f"{moment.isoformat(timespec='milliseconds')}Z"
