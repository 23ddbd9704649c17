"""kill -9 at random instants while findings are imported, told of and archived: nothing is lost.

``make faults-findings`` kills 100 times, an ordinary test run a few times.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from data_access.archived import whole_text
from data_access.embedded.alerts import FileAlerts
from data_access.embedded.findings import EmbeddedFindings
from data_access.embedded.objects import EmbeddedObjects
from data_access.findings import Compliance, Finding, Scan, Severity, epochs, version_of
from pipeline.findings.alerting import send_alerts
from pipeline.findings.archive import archive_closed, object_name, search
from tests.faults.live_processes import Living
from tests.findings import DAY, MONDAY, finding

KILLS = int(os.environ.get("FINDING_KILLS", "5"))
NAMES, A_BATCH = 200, 30
SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.LOW)
RESULTS = (Compliance.FAILED, Compliance.FAILED, Compliance.PASSED)


def batch(number: int) -> list[Finding]:
    """What a scan holds: of each finding a newer version than before, some of them twice."""
    chance = random.Random(number)
    found = [
        finding(
            f"f{name}",
            MONDAY + number * DAY,
            severity=chance.choice(SEVERITIES),
            compliance=chance.choice(RESULTS),
        )
        for name in chance.sample(range(NAMES), A_BATCH)
    ]
    return [*found, *found[:3]]


def work(folder: str, mutant: str) -> None:
    """Import, tell, archive, and so on, from where the one before was killed."""
    root = Path(folder)
    store, objects = EmbeddedFindings(root / "findings.db"), EmbeddedObjects(root / "archive")
    sink = FileAlerts(root / "alerts.jsonl")
    for number in count(len(store.scans())):
        one_round(store, objects, sink, number, mutant)


def one_round(
    store: EmbeddedFindings, objects: EmbeddedObjects, sink: FileAlerts, number: int, mutant: str = ""
) -> None:
    """A scan, its alerts, and the archiving of what was closed two scans ago; then an old scan again."""
    store.store(Scan(f"scan-{number:06}", "scan", number, "test"), batch(number))
    before = MONDAY + (number - 1) * DAY
    alerts = store.alerts(1000)
    if mutant == "note first":
        store.alerted(alerts, None)
    else:
        send_alerts(store, sink)
    if mutant == "forget first":
        forget_first(store, objects, before)
    else:
        archive_closed(store, objects, before)
    if mutant == "note first":
        sink.publish(alerts, 0)
    again = max(0, number - 5)
    store.store(Scan(f"scan-{again:06}", "scan", again, "test"), batch(again))


def forget_first(store: EmbeddedFindings, objects: EmbeddedObjects, before: int) -> None:
    """What must not be: out of the store before it is in the archive."""
    for key in store.closed_before(before, "", 1000):
        whole = store.whole(key)
        assert whole is not None
        store.forget(whole)
        objects.put_if_absent(object_name(whole), gzip.compress(whole_text(whole), mtime=0))


def run(folder: Path, kills: int, mutant: str = "") -> None:
    """Let one process after the other work, and kill each at a random instant."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    worker = Living(context, work, (str(folder), mutant))
    instants = random.Random(7)
    for _ in range(kills):
        worker.start()
        assert worker.process is not None
        worker.process.join(instants.uniform(0.05, 0.6))  # it does not end by itself: this is a while
        worker.kill()


def kept(folder: Path) -> tuple[set[tuple[str, int, str]], int, int]:
    """Every version in the store or the archive, and how many findings are in each."""
    store, objects = EmbeddedFindings(folder / "findings.db"), EmbeddedObjects(folder / "archive")
    stored = [store.whole(row.key) for row in store.since(0, 10**6) if not row.gone]
    archived = [found.whole for found in search(objects)]
    assert None not in archived, "a broken object"
    every = {
        (one.key, one.updated, one.digest)
        for whole in (*stored, *archived)
        if whole is not None
        for one in whole.versions
    }
    return every, len(stored), len(archived)


def owed(batches: Iterable[list[Finding]]) -> set[tuple[str, int]]:
    """Who is to be told of what: the key and time of every opening that was, or became, bad enough."""
    versions: dict[str, set[Any]] = {}
    for one in (one for found in batches for one in found):
        versions.setdefault(one.key, set()).add(version_of(one))
    return {
        (key, epoch.opened)
        for key, found in versions.items()
        for epoch in epochs(sorted(found))
        if epoch.alerted
    }


def messages(folder: Path) -> list[list[tuple[str, int]]]:
    """The messages that are whole, each as its findings and openings."""
    found = []
    path = folder / "alerts.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            said = json.loads(line)
        except ValueError:
            continue  # its writer was killed in it; it was sent again
        found.append([(one["finding"], int(one["id"].rpartition("/")[2])) for one in said["alerts"]])
    return found


def repeated(said: list[list[tuple[str, int]]]) -> int:
    """The messages that tell something again."""
    seen: set[tuple[str, int]] = set()
    again = 0
    for message in said:
        again += not seen.isdisjoint(message)
        seen |= set(message)
    return again


@pytest.mark.faults
def test_killed_at_any_instant_no_version_and_no_alert_is_lost(tmp_path: Path) -> None:
    started = time.monotonic()
    run(tmp_path, KILLS)
    store, objects = EmbeddedFindings(tmp_path / "findings.db"), EmbeddedObjects(tmp_path / "archive")
    scans = len(store.scans())
    one_round(store, objects, FileAlerts(tmp_path / "alerts.jsonl"), scans)
    batches = [batch(number) for number in range(scans + 1)]
    wanted = {(one.key, one.updated, one.digest) for found in batches for one in found}
    every, stored, archived = kept(tmp_path)
    assert every == wanted, "lost, or made up"
    assert archived > KILLS, "little was archived: the harness tests nothing"
    said = messages(tmp_path)
    told = Counter(one for message in said for one in message)
    assert set(told) == owed(batches), "somebody was not told, or told of nothing"
    assert repeated(said) <= KILLS
    print(
        f"\n{KILLS} kills in {time.monotonic() - started:.0f} s: {scans + 1:,} scans,"
        f" {len(wanted):,} versions,"
        f" {stored:,} findings in the store, {archived:,} objects in the archive, 0 lost;"
        f" {len(told):,} alerts owed and sent in {len(said):,} messages, {repeated(said)} sent again"
    )


@pytest.mark.faults
@pytest.mark.parametrize("mutant", ["note first", "forget first"])
def test_a_mutant_is_caught(tmp_path: Path, mutant: str) -> None:
    """Tries until a kill falls between the two steps."""
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run(folder, 3, mutant)
        store = EmbeddedFindings(folder / "findings.db")
        scans = len(store.scans())
        batches = [batch(number) for number in range(scans)]
        waiting = {(alert.key, alert.at) for alert in store.alerts(10**6)}
        told = {one for message in messages(folder) for one in message}
        wanted = {(one.key, one.updated, one.digest) for found in batches for one in found}
        if kept(folder)[0] != wanted or told | waiting != owed(batches):
            return
    pytest.fail("the harness did not see the loss")
