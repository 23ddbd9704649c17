"""The real server in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from data_access.settings import PREFIX, Settings, all_settings

ROOT = Path(__file__).parents[2]


@contextmanager
def running(settings: Settings) -> Iterator[int]:
    """`python -m app serve` with these settings; gives the process id of its worker."""
    changed = {
        f"{PREFIX}{setting.name.upper()}": str(getattr(settings, setting.name))
        for setting in all_settings()
        if getattr(settings, setting.name) != setting.default
    }
    with TemporaryFile() as said:  # a pipe nobody reads would be full of requests' lines
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env=os.environ | changed,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _wait(settings, process, said)
            yield int(_children(process.pid)[0])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _wait(settings: Settings, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, _read(said)
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)  # it is starting; there is nothing else to wait on
        finally:
            connection.close()
    raise AssertionError("the server did not start")


def _read(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
