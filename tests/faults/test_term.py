"""TERM under load, as a deployment sends it: what was begun is answered, what was acknowledged is kept."""

from __future__ import annotations

import http.client
import json
import os
import signal
import uuid
from collections import Counter
from pathlib import Path
from threading import Barrier, Thread

from data_access import sites
from data_access.backends import open_backends
from data_access.ports import Log
from data_access.records import opened
from data_access.settings import load
from tests.app.test_hostile_http import free_port
from tests.faults.gunicorn_server import running

CLIENTS = 8
BEFORE = 40
"""Requests of each client before the signal is sent."""
MOST = 100_000


class Client(Thread):
    """Sends an event a request, each over a connection of its own, until nobody listens any more."""

    def __init__(self, address: tuple[str, int], key: str, ready: Barrier) -> None:
        super().__init__(daemon=True)
        self.address, self.key, self.ready = address, key, ready
        self.acknowledged: list[str] = []
        self.ends: Counter[str] = Counter()

    def run(self) -> None:
        for number in range(MOST):
            if number == BEFORE:
                self.ready.wait()
            connection = http.client.HTTPConnection(*self.address, timeout=20)
            try:
                connection.connect()
            except OSError:
                self.ends["refused"] += 1
                return
            try:
                self.ends[self._sent(connection)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.ends[f"dropped: {type(error).__name__}"] += 1
            finally:
                connection.close()

    def _sent(self, connection: http.client.HTTPConnection) -> str:
        event_id = str(uuid.uuid4())
        event = {"event_type": "custom", "session_id": "term", "source": "server", "event_id": event_id}
        connection.request("POST", "/v1/events", json.dumps(event), {"X-Write-Key": self.key})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status == 200:
            self.acknowledged += said["event_ids"]
        return str(answer.status)


def under_load(address: tuple[str, int], key: str, pid: int) -> tuple[set[str], Counter[str]]:
    """Load, TERM in the middle of it, and load until nobody listens: what was acknowledged, and how requests
    ended."""
    ready = Barrier(CLIENTS + 1)
    clients = [Client(address, key, ready) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    ready.wait(timeout=60)
    os.kill(pid, signal.SIGTERM)
    for client in clients:
        client.join(timeout=60)
    ends: Counter[str] = sum((client.ends for client in clients), Counter())
    return {one for client in clients for one in client.acknowledged}, ends


def logged(log: Log) -> Counter[str]:
    """How often the log has each event, by id."""
    envelopes = (opened(record.body) for record in log.read(0, MOST))
    events = (json.loads(event) for envelope in envelopes for event, _ in envelope.kept())
    return Counter(event["event_id"] for event in events)


def arbiter_of(worker: int) -> int:
    """The process that gets the signals, of the one that answers."""
    status = Path(f"/proc/{worker}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def test_a_server_that_is_told_to_end_answers_what_has_begun(tmp_path: Path) -> None:
    more = {"port": free_port(), "demo": False, "demo_live": False, "intake_per_second": 0}
    settings = load({"data_dir": tmp_path / "data", **more}, {})
    backends = open_backends(settings)
    sites.save(backends.documents, "shop", ())
    key = sites.make_key(backends.documents, "shop")
    with running(settings) as worker:
        acknowledged, ends = under_load((settings.host, settings.port), key, arbiter_of(worker))
    assert backends.log is not None
    kept = logged(backends.log)
    print(f"\n{len(acknowledged):,} events acknowledged, {len(kept):,} kept; requests ended: {dict(ends)}")
    assert acknowledged == set(kept), "acknowledged and kept are the same"
    assert set(kept.values()) == {1}
    assert ends["refused"] == CLIENTS, "all went on until nobody listened"
    dropped = ends.total() - ends["200"] - ends["refused"]
    # Between the last look for who has connected and the door's closing there is an instant.
    assert dropped <= 1, "who is let in is answered"
