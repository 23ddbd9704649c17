"""kill -9 at random instants while events are sent: nothing acknowledged is lost, nothing counts twice.

``make faults`` kills 200 times over 100,000 events, an ordinary test run a few times.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import uuid
from collections import Counter
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from data_access import sites
from data_access.backends import Backends, open_backends
from data_access.model import Scope
from pipeline.lake_writer import LakeConsumer
from pipeline.live import LiveConsumer, sightings
from pipeline.rules import load_rules
from tests.builders import read
from tests.faults.live_processes import Living, consume, forking, serve, settings_of

KILLS = int(os.environ.get("LIVE_KILLS", "12"))
BATCHES_A_KILL, EVENTS_A_BATCH = 5, 100
SENDERS = 4
TYPES = ("page_view", "click", "error", "custom")
BAD = {"event_type": "page_view", "session_id": "s", "source": "fax"}


class Sender(Thread):
    """Sends batches as their turn comes, each until it is acknowledged, some once more after that."""

    def __init__(self, number: int, address: tuple[str, int], key: str, turns: SimpleQueue[Any]) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(number)
        self.address, self.key, self.turns = address, key, turns
        self.acknowledged: set[str] = set()
        self.rejected = self.sent_again = 0

    def run(self) -> None:
        while self.turns.get() is not None:
            events = [self._event() for _ in range(EVENTS_A_BATCH)]
            body = json.dumps({"events": [*events, BAD] if self.random.random() < 0.1 else events}).encode()
            answer = self._send(body)
            self.rejected += answer["rejected"]
            if self.random.random() < 0.1:
                self.rejected += self._send(body)["rejected"]
            self.acknowledged |= set(answer["event_ids"])

    def _event(self) -> dict[str, Any]:
        return {
            "event_type": self.random.choice(TYPES),
            "session_id": f"s{self.random.randrange(500)}",
            "source": "web",
            "event_id": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "properties": {"page": f"https://shop.example/{self.random.randrange(40)}"},
        }

    def _send(self, body: bytes) -> Any:
        """Send until there is an answer: what became of a request without one is not known."""
        while True:
            connection = http.client.HTTPConnection(*self.address, timeout=20)
            try:
                connection.request("POST", "/v1/events/batch", body, {"X-Write-Key": self.key})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status in (200, 207):
                    return json.loads(said)
                assert answer.status in (503, 507), said
            except (OSError, http.client.HTTPException):
                self.sent_again += 1
            finally:
                connection.close()


def run(folder: Path, kills: int, mutant: str = "") -> tuple[Backends, list[Sender]]:
    """Send while processes are killed, and until a kill interrupted a request. Returns what was sent."""
    backends = open_backends(settings_of(folder))
    sites.save(backends.documents, "shop", ())
    key = sites.make_key(backends.documents, "shop")
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    context = forking()
    server = Living(context, serve, (str(folder), listening, mutant))
    beside = Living(context, consume, (str(folder), mutant))
    server.start()
    beside.start()
    turns: SimpleQueue[Any] = SimpleQueue()
    address = listening.getsockname()
    senders = [Sender(number, address, key, turns) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    instants = random.Random(31)
    for killed in range(kills * 10):
        if killed >= kills and any(sender.sent_again for sender in senders):
            break
        for batch in range(BATCHES_A_KILL):
            turns.put(batch)
        victim = server if instants.random() < 0.6 else beside
        assert victim.process is not None
        victim.process.join(instants.uniform(0.0, 0.6))  # it does not end by itself: this is a while
        victim.kill()
        victim.start()
    for _ in senders:
        turns.put(None)
    for sender in senders:
        sender.join()
    server.kill()
    beside.kill()
    listening.close()
    return backends, senders


def settle(backends: Backends) -> None:
    """What the next start would do."""
    live = LiveConsumer(backends.log, backends.counters)
    while live.step():
        pass
    LakeConsumer(backends.log, backends.lake, load_rules()).drain()
    backends.lake.curate()


def counted(backends: Backends) -> Counter[tuple[int, str]]:
    """Live counts by minute and type."""
    items = backends.counters.minutes(backends.counters.items(0))
    return Counter({(item.minute, kind): n for item in items for kind, n in item.counts.items() if n})


def logged(backends: Backends) -> Counter[tuple[int, str]]:
    """The same from the log itself."""
    records = backends.log.read(0, 10**9)
    return Counter((seen.minute, seen.event_type) for seen in sightings(records, 0))


@pytest.mark.faults
def test_killed_at_any_instant_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    backends, senders = run(tmp_path / "data", KILLS)
    settle(backends)
    acknowledged = set[str]().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) >= KILLS * BATCHES_A_KILL * EVENTS_A_BATCH
    lake = read(backends, "events")
    assert set(lake["event_id"].to_pylist()) == acknowledged, "lost, or never acknowledged and there"
    assert lake.num_rows == len(acknowledged), "double"
    raw = sum(backends.lake.ingested("log-").values())
    assert raw == backends.log.head(), "the raw table has the log, each sequence once"
    again = backends.log.head() - len(acknowledged)
    assert again > 0, "nothing was sent again: the harness tests nothing"
    refused = sum(backends.log.refusals().values())
    # A refusal whose answer was lost with the process was kept and sent again.
    assert refused >= sum(sender.rejected for sender in senders) > 0
    assert counted(backends) == logged(backends)
    report = backends.reconciled(Scope("test"))
    assert report.unexplained == ()
    assert all(line.settled for line in report.lines)
    assert sum(line.duplicates for line in report.lines) == again
    interrupted = sum(sender.sent_again for sender in senders)
    assert interrupted > 0, "no kill interrupted a request: the harness tests nothing"
    print(
        f"\n{KILLS} kills: {len(acknowledged):,} events acknowledged, {lake.num_rows:,} distinct in the lake,"
        f" {backends.log.head():,} logged ({again:,} sent again, {interrupted:,} requests interrupted),"
        f" {refused:,} dead letters; 0 lost, 0 double, counters = log"
    )


@pytest.mark.faults
@pytest.mark.parametrize("mutant", ["no fence", "offset first"])
def test_a_mutant_is_caught(tmp_path: Path, mutant: str) -> None:
    """Tries until the two consumers meet, or a kill falls, where it shows."""
    for attempt in range(8):
        backends, _ = run(tmp_path / str(attempt), 8, mutant)
        settle(backends)
        if counted(backends) != logged(backends):
            break
    else:
        pytest.fail("the harness did not see the fault")
    assert backends.reconciled(Scope("test")).unexplained
