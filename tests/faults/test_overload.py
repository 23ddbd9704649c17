"""Twice as much as is allowed, for a while: only 2xx, 429 and 503, bounded memory, nothing acknowledged lost.

``make faults-overload`` does so for 60 seconds, an ordinary test run for a few.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from data_access import sites
from data_access.backends import Backends, open_backends
from data_access.settings import load
from pipeline.limits import BURST_SECONDS
from tests.faults.gunicorn_server import running

SECONDS = float(os.environ.get("OVERLOAD_SECONDS", "4"))
ALLOWED = 2_000
"""Events a second."""
EVENTS_A_BATCH, CONNECTIONS = 50, 8
MEGABYTES = 400


class Crowd(Thread):
    """One connection that sends batches at its times, whatever the answers."""

    def __init__(self, address: tuple[str, int], key: str, rate: float, until: float) -> None:
        super().__init__(daemon=True)
        self.address, self.key, self.pause, self.until = address, key, EVENTS_A_BATCH / rate, until
        self.statuses: Counter[int] = Counter()
        self.acknowledged = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        due = time.monotonic()
        while due < self.until:
            time.sleep(max(0.0, due - time.monotonic()))  # an open loop: its own times, not the server's
            due += self.pause
            events = [event() for _ in range(EVENTS_A_BATCH)]
            connection.request(
                "POST", "/v1/events/batch", json.dumps({"events": events}), {"X-Write-Key": self.key}
            )
            answer = connection.getresponse()
            body = json.loads(answer.read())
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.acknowledged += body["accepted"]
            else:
                assert answer.headers["Retry-After"].isdigit(), body


def event() -> dict[str, Any]:
    return {"event_type": "click", "session_id": "s", "source": "web", "event_id": str(uuid.uuid4())}


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[Backends]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"data_dir": tmp_path / "data", "port": port, "intake_per_second": ALLOWED, "demo": False}
    opened = open_backends(load(settings, {}))
    sites.save(opened.documents, "shop", ())
    yield opened
    opened.log.close()


def memory(pid: int) -> float:
    """Resident megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.faults
def test_twice_what_is_allowed(backends: Backends) -> None:
    key = sites.make_key(backends.documents, "shop")
    settings = backends.settings
    with running(settings) as worker:
        before = memory(worker)
        until = time.monotonic() + BURST_SECONDS + SECONDS
        address = (settings.host, settings.port)
        crowd = [Crowd(address, key, 2 * ALLOWED / CONNECTIONS, until) for _ in range(CONNECTIONS)]
        for one in crowd:
            one.start()
        peak = before
        while any(one.is_alive() for one in crowd):
            peak = max(peak, memory(worker))
            crowd[0].join(0.1)
            next((one.join(0.1) for one in crowd if one.is_alive()), None)
    statuses = sum((one.statuses for one in crowd), Counter())
    assert statuses.keys() <= {200, 429, 503}, statuses
    assert statuses[200] > 0
    assert statuses[429] > 0
    acknowledged = sum(one.acknowledged for one in crowd)
    assert backends.log.head() == acknowledged, "acknowledged is logged, and nothing else"
    assert acknowledged <= ALLOWED * (SECONDS + 2 * BURST_SECONDS) * 1.1, "the limit holds"
    assert peak < MEGABYTES, f"{peak:.0f} MB, {before:.0f} before"
    print(
        f"\n{dict(statuses)}; {acknowledged:,} events acknowledged and logged; {before:.0f} to {peak:.0f} MB"
    )
