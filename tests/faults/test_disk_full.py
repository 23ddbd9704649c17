"""A disk that is really full: 507, nothing acknowledged is lost, and all goes on when there is room again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_access.model import Scope
from tests.builders import embedded, read
from tests.door import Door, header, said, server_event


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = f"no file system can be mounted here: {done.stderr.decode().strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(os.urandom(65536))


def large_event() -> dict[str, object]:
    return server_event(properties={"text": "x" * 9_000})


@pytest.mark.faults
def test_a_full_disk_is_507_and_recovers_unaided(small_disk: Path) -> None:
    door = Door(embedded(small_disk))
    kept = set(said(door.batch(*[large_event()] * 20))["event_ids"])
    door.settle()
    fill(small_disk / "ballast")
    refused = 0
    for _ in range(100):
        reply = door.batch(*[large_event()] * 20)
        if reply.status == 200:
            kept |= set(said(reply)["event_ids"])
            continue
        assert (reply.status, header(reply, "Retry-After")) == (507, "30")
        assert "room" in said(reply)["error"]
        refused += 1
    assert refused > 50
    for consumer in (door.live, door.lake):
        # The consumers may fail, too; the app's tries again and again.
        with contextlib.suppress(sqlite3.OperationalError, OSError, RuntimeError):
            consumer.step()
    (small_disk / "ballast").unlink()
    reply = door.batch(large_event())
    assert reply.status == 200
    kept |= set(said(reply)["event_ids"])
    door.settle()
    events = read(door.backends, "events")
    assert set(events["event_id"].to_pylist()) == kept
    assert events.num_rows == len(kept) == door.backends.log.head()
    backends = door.backends
    report = backends.reconciled(Scope("test"))
    assert report.unexplained == ()
    assert sum(line.live for line in report.lines) == len(kept)
    backends.log.close()
