"""kill -9 at random instants of an import: nothing lost, nothing double, no half import visible.

``make faults`` kills 50 times, an ordinary test run a few times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_access.backends import open_backends
from data_access.model import Scope
from data_access.settings import load
from tests.shared_data import shared_data

KILLS = int(os.environ.get("KILLS", "4"))
ROWS = 31_106
ROOT = Path(__file__).parents[2]
PERIOD = {"from": "2024-01-01", "to": "2024-07-01", "bots": "in"}


def start_import(folder: Path) -> subprocess.Popen[bytes]:
    """The real command, in a process group of its own."""
    source = shared_data() / "retentioneering_ecom" / "ecom.csv.gz"
    mapping = ROOT / "docs" / "examples" / "retentioneering.toml"
    words = ["import", str(source), "--map", str(mapping), "--data-dir", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "app", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def visible_events(folder: Path) -> int:
    """What a reader that opens the lake now is told."""
    backends = open_backends(load({"data_dir": folder}, {}))
    answer = backends.asking.ask("overview.kpis", PERIOD, Scope("test"))
    return int(answer.rows[0]["events"])


def finish(folder: Path) -> None:
    process = start_import(folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


@pytest.mark.faults
def test_killed_imports_end_with_every_event_exactly_once(tmp_path: Path) -> None:
    instants = random.Random(31_106)
    started = time.monotonic()
    finish(tmp_path / "whole")
    whole = time.monotonic() - started
    folder, seen_unfinished = tmp_path / "lake-0", 0
    for kill in range(KILLS):
        process = start_import(folder)
        try:
            process.wait(timeout=instants.uniform(0.2, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        visible = visible_events(folder)
        assert visible in (0, ROWS), f"kill {kill}: a reader sees {visible} of {ROWS} events"
        if visible == 0:
            seen_unfinished += 1
        else:
            finish(folder)
            assert visible_events(folder) == ROWS
            folder = tmp_path / f"lake-{kill + 1}"
    finish(folder)
    assert visible_events(folder) == ROWS
    assert seen_unfinished > 0, "no kill hit an unfinished import: the harness tests nothing"
