"""The live path against a naive server in the same run: ingest, CPU an event, the realtime answer, lag."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from bench import naive
from bench.load import Connection, get, post
from bench.result import Result, alternating
from data_access import sites
from data_access.backends import Backends, open_backends
from data_access.records import Head, sealed
from data_access.settings import load
from pipeline.contracts.gate import ids_if_good
from tests.app.live_parts import PARTS
from tests.app.live_parts import body as poll_parts

BATCHES = {1000: 1 / 3, 100: 1.0, 1: 1.25}
"""Events a request, and the most the naive server's rate may be of ours. One event a request is HTTP above
all, which costs both the same."""
CONNECTIONS = 4
POLLING, POLL_SECONDS = 50, 30
SECONDS, ROUNDS = 3.0, 3


def measure(folder: Path, _events: int) -> list[Result]:
    home = folder / "live"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    port, naive_port = _free_port(), _free_port()
    settings = {"data_dir": home / "data", "port": port, "intake_per_second": 0, "demo": False}
    backends = open_backends(load(settings, {}))
    sites.save(backends.documents, "shop", ())
    key = sites.make_key(backends.documents, "shop")
    environ = {f"STREAMGAUGE_{name.upper()}": str(value) for name, value in settings.items()}
    ours = [sys.executable, "-m", "app", "serve"]
    theirs = [sys.executable, "-m", "bench.naive", str(home / "naive.log"), str(naive_port)]
    with _running(ours, port, environ), _running(theirs, naive_port, {}):
        results = [_cpu(), *_ingest(port, naive_port, key, backends)]
        return [*results, *_realtime(port, backends), *_lag(port, backends), _polling(port, backends, key)]


def event() -> dict[str, object]:
    return {
        "event_type": "page_view",
        "session_id": f"s-{uuid.uuid4()}",
        "source": "web",
        "event_id": str(uuid.uuid4()),
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime()),
        "user_id": "u-12345",
        "properties": {
            "page": "https://shop.example/p/12",
            "duration_ms": 1234,
            "referrer": "https://x.example/",
        },
        "metadata": {
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142",
            "country": "DE",
            "region": "BE",
        },
    }


def _batch(size: int) -> bytes:
    return json.dumps({"events": [event() for _ in range(size)]}).encode()


def _cpu() -> Result:
    body, head = _batch(1000), Head("shop", int(time.time() * 1000), "agent")
    ours, theirs = alternating(
        40, lambda: (ids_if_good(body), sealed(head, body)), lambda: naive.parse_and_encode(body)
    )
    assert ids_if_good(body) == naive.parse_and_encode(body)[0]
    detail = f"{ours * 1000:.2f} µs an event, pydantic {theirs * 1000:.2f} µs, equal ids"
    return Result("parse and encode ÷ pydantic", ours / theirs, 0.2, "×", detail)


def _ingest(port: int, naive_port: int, key: str, backends: Backends) -> list[Result]:
    found = []
    for size, bound in BATCHES.items():
        body = _batch(size)
        rates = {port: 0.0, naive_port: 0.0}
        for _ in range(ROUNDS):
            for where in rates:
                request = post("/v1/events/batch", {"X-Write-Key": key}, body)
                took = _load(where, request, SECONDS, CONNECTIONS)
                rates[where] = max(rates[where], len(took) * size / SECONDS)
        _catch_up(backends)
        detail = f"{rates[port]:,.0f} events/s durable, naive {rates[naive_port]:,.0f}"
        name = f"ingest, batches of {size}: naive ÷ ours, events/s"
        found.append(Result(name, rates[naive_port] / rates[port], bound, "×", detail))
    return found


def _realtime(port: int, backends: Backends) -> list[Result]:
    from app import api_keys

    key = api_keys.make(backends.documents, "bench", "viewer", None)
    request = get("/v1/realtime", {"Authorization": f"Bearer {key}"})
    one = sorted(_load(port, request, SECONDS, 1))
    many = _load(port, request, SECONDS, 8)
    p50, p99 = one[len(one) // 2] * 1000, one[int(len(one) * 0.99)] * 1000
    detail = f"p99 {p99:.1f} ms, {len(many) / SECONDS:,.0f} requests/s on 8 connections"
    return [Result("GET /v1/realtime, p50", p50, 3, "ms", detail)]


def _lag(port: int, backends: Backends) -> list[Result]:
    """From the acknowledgement of an event to the realtime answer that has it."""
    from app import api_keys

    reader = api_keys.make(backends.documents, "bench", "viewer", None)
    ask = get("/v1/realtime?site=lag", {"Authorization": f"Bearer {reader}"})
    sites.save(backends.documents, "lag", ())
    key = sites.make_key(backends.documents, "lag")
    connection = Connection(port)
    _wait_for_key(connection, key)
    lags = []
    for _ in range(60):
        before = json.loads(connection.ask(ask)[1])["total_events"]
        body = json.dumps(event()).encode()
        assert connection.ask(post("/v1/events", {"X-Write-Key": key}, body))[0] == 200
        acknowledged = time.perf_counter()
        # A minute may leave the window meanwhile; a new event still changes the total.
        while json.loads(connection.ask(ask)[1])["total_events"] == before:
            time.sleep(0.005)
        lags.append(time.perf_counter() - acknowledged)
    lags.sort()
    p50, p99 = statistics.median(lags) * 1000, lags[int(len(lags) * 0.99)] * 1000
    return [Result("acknowledged → in the realtime answer, p99", p99, 2000, "ms", f"p50 {p50:.0f} ms")]


def _polling(port: int, backends: Backends, key: str) -> Result:
    """Browsers on the realtime page, each asking every second, while events come in."""
    headers = {"Cookie": _signed_in(port, backends), "Content-Type": "application/json"}
    headers["Origin"] = f"http://127.0.0.1:{port}"
    started = time.monotonic() + 1
    took: list[float] = []

    def watch(number: int) -> None:
        connection, seen = Connection(port), None
        for tick in range(POLL_SECONDS):
            time.sleep(max(0.0, started + number / POLLING + tick - time.monotonic()))
            asking = json.dumps(poll_parts(seen, "", PARTS)).encode()
            request = post("/_dash-update-component", headers, asking)
            asked = time.perf_counter()
            status, answer = connection.ask(request)
            took.append(time.perf_counter() - asked)
            if status not in (200, 204):
                raise RuntimeError(f"{status}: {answer[:200]!r}")
            seen = json.loads(answer)["response"]["realtime-seen"]["data"] if status == 200 else seen

    threads = [Thread(target=watch, args=(number,)) for number in range(POLLING)]
    for thread in threads:
        thread.start()
    sender = Connection(port)
    while any(thread.is_alive() for thread in threads):
        sender.ask(post("/v1/events/batch", {"X-Write-Key": key}, _batch(10)))
        time.sleep(0.25)
    took.sort()
    middle = took[len(took) // 2] * 1000
    detail = f"p50 {middle:.0f} ms, {len(took):,} polls of {POLLING} browsers in {POLL_SECONDS} s"
    return Result("a poll of the realtime page, p95", took[int(len(took) * 0.95)] * 1000, 300, "ms", detail)


def _signed_in(port: int, backends: Backends) -> str:
    from app.auth import make_sign_in_link

    path = "/sign-in" + make_sign_in_link(backends).partition("/sign-in")[2]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(get(path, {"Connection": "close"}))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return re.findall(rb"(?i)set-cookie: (streamgauge=[^;]+)", answer)[0].decode()


def _wait_for_key(connection: Connection, key: str) -> None:
    request = post("/v1/events", {"X-Write-Key": key}, json.dumps(event()).encode())
    while connection.ask(request)[0] != 200:
        time.sleep(0.1)


def _catch_up(backends: Backends) -> None:
    """Until both consumers have read the log: one size's events are not to be counted during the next."""
    log = backends.log
    while min(backends.counters.offset(log.epoch), backends.lake.log_offset(log.epoch)) < log.head():
        time.sleep(0.2)


def _load(port: int, request: bytes, seconds: float, connections: int) -> list[float]:
    words = [sys.executable, "-m", "bench.load", str(port), str(seconds), str(connections)]
    took: list[float] = json.loads(
        subprocess.run(words, input=request, capture_output=True, check=True).stdout
    )
    return took


@contextmanager
def _running(command: list[str], port: int, environ: dict[str, str]) -> Iterator[None]:
    server = subprocess.Popen(command, env=os.environ | environ, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if Connection(port).ask(get("/healthz", {}))[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
