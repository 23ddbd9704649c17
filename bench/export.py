"""A CSV of two million rows over HTTP: memory of the server process and time to the first byte."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from bench.result import Result

ROWS = 2_000_000


def measure(folder: Path, events: int) -> list[Result]:
    days = max(1, min(60, round(60 * ROWS / events)))
    port = _free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--data-dir", str(folder / "lake")]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        browser = _sign_in(server)
        return _download(browser, server.pid, port, f"2026-02-{1:02d}", _last_day(days))
    finally:
        server.terminate()
        server.wait()


def _last_day(days: int) -> str:
    return f"2026-02-{min(28, days):02d}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sign_in(server: subprocess.Popen[str]) -> urllib.request.OpenerDirector:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    for line in server.stderr:
        found = re.search(r"http://\S+token=\S+", line)
        if found:
            browser.open(found[0]).read()
            return browser
    raise RuntimeError("the server printed no sign-in link")


def _download(browser, pid: int, port: int, first: str, last: str) -> list[Result]:
    base = f"http://127.0.0.1:{port}/csv/explore.events"
    browser.open(f"{base}?from=2026-01-01&to=2026-01-01").read(1000)
    before = _resident(pid)
    peak = Peak(pid)
    started = time.perf_counter()
    with browser.open(f"{base}?from={first}&to={last}") as answer:
        answer.read(1)
        to_first = time.perf_counter() - started
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: answer.read(1 << 20), b""))
    seconds = time.perf_counter() - started
    detail = f"{lines - 1:,} rows in {seconds:.1f} s; {before:.0f} MB before"
    return [
        Result("CSV: peak memory of the server", peak.stop(), 350, "MB", detail),
        Result("CSV: first byte", to_first, 0.2, "s"),
    ]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def _resident(pid: int) -> float:
    """MB that the worker holds (the master only waits)."""
    total = 0
    for member in _family(pid):
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1])
    return total / 1024


class Peak:
    """Samples the worker's memory until stopped."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self._peak = max(self._peak, _resident(self._pid))

    def stop(self) -> float:
        self._done.set()
        self._thread.join()
        return self._peak
