"""Processes of the live path that can be killed: a server with its consumers, and consumers beside it.

They are forked from a process that has loaded everything and opened nothing, so that one more is there in
some 50 ms.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from app.collect import Collecting
from data_access.backends import Backends, open_backends
from data_access.embedded import cache, documents, lake, log, warehouse
from data_access.embedded.counters import EmbeddedCounters
from data_access.embedded.tables import open_catalog
from data_access.settings import Settings, load
from pipeline.collector import Collector
from pipeline.lake_writer import LakeConsumer
from pipeline.live import STEP, LiveConsumer, sightings
from pipeline.local import Follower, Job, Schedule
from pipeline.rules import load_rules

FLUSH_SECONDS = 0.15
LOADED = (cache, documents, lake, log, warehouse)
"""What a back end would otherwise load when it is opened, in each process anew."""


# Libraries load parts of themselves at first use.
with tempfile.TemporaryDirectory() as _folder:
    open_catalog(Path(_folder))


def forking() -> ForkServerContext:
    """Where processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def settings_of(folder: Path) -> Settings:
    """Settings without limits on what is sent."""
    return load({"data_dir": folder, "intake_per_second": 0}, {})


@dataclass
class Living:
    """A process that is started again when it was killed."""

    context: ForkServerContext
    target: Callable[..., None]
    arguments: tuple[Any, ...]
    process: BaseProcess | None = None

    def start(self) -> None:
        self.process = self.context.Process(target=self.target, args=self.arguments, daemon=True)
        self.process.start()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        assert self.process.pid is not None
        assert self.process.is_alive(), "it died by itself"
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def serve(folder: str, listening: socket.socket, mutant: str) -> None:
    """The collector over HTTP with the consumers in the same process, as the app runs them."""
    backends = _open(folder, mutant)
    collector = Collector(backends.log, backends.documents, backends.settings)
    server = make_server(
        "127.0.0.1", 0, Collecting(collector, _nothing), threaded=True, fd=listening.fileno(),
        request_handler=QuietHandler,
    )  # fmt: skip
    _consume(backends)
    server.serve_forever()


def consume(folder: str, mutant: str) -> None:
    """Consumers in another process: whatever they do, the server's do as well, mostly before."""
    _consume(_open(folder, mutant), Laggard)
    signal.pause()


@dataclass(slots=True)
class Laggard(LiveConsumer):
    """Reads, and folds what it read when another consumer has folded it, or after a while."""

    def step(self) -> int:
        epoch = self.log.epoch
        after = self.counters.offset(epoch)
        records = self.log.read(after, STEP)
        if not records:
            return 0
        seen = sightings(records, after)
        for _ in range(20):
            if self.counters.offset(epoch) > after:
                break
            time.sleep(0.005)
        self.counters.fold(epoch, after, records[-1].last, seen)
        return records[-1].last - after


def _consume(backends: Backends, kind: type[LiveConsumer] = LiveConsumer) -> None:
    Follower(kind(backends.log, backends.counters)).start()
    lake = LakeConsumer(backends.log, backends.lake, load_rules())
    Schedule([Job("flush", FLUSH_SECONDS, lake.step, 0)]).start()


def _open(folder: str, mutant: str) -> Backends:
    if mutant:
        MUTANTS[mutant]()
    return open_backends(settings_of(Path(folder)))


def _nothing(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 NOT FOUND", [])
    return []


class QuietHandler(WSGIRequestHandler):
    """Keeps connections, and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        return None


def _no_fence() -> None:
    EmbeddedCounters._fence = lambda *_: 0  # type: ignore[method-assign, assignment]


def _offset_first() -> None:
    """The offset is committed with one fold, what was read comes into the counters with the next."""
    fold = EmbeddedCounters.fold
    held: list[Any] = []

    def mutant(self: Any, epoch: str, after: int, last: int, sightings: Any) -> int:
        before, held[:] = list(held), list(sightings)
        return fold(self, epoch, after, last, before)

    EmbeddedCounters.fold = mutant  # type: ignore[method-assign]


MUTANTS = {"no fence": _no_fence, "offset first": _offset_first}
