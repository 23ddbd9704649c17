"""Findings in DynamoDB while calls are throttled, answers get lost and time out: nothing drifts.

The same versions, changes and notes go into SQLite without faults; in the end both hold the same.
``FINDING_FAULTS`` sets how many versions come in on moto, a quarter of them on MiniStack; with it crashes are
tried at every call, else at every sixth.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from data_access.archived import Whole
from data_access.aws.clients import Clients
from data_access.aws.findings import TABLE, AwsFindings
from data_access.aws.tables import create
from data_access.embedded.findings import EmbeddedFindings
from data_access.embedded.objects import EmbeddedObjects
from data_access.findings import Change, Compliance, Finding, Row, Scan, Severity, Status
from data_access.ports import FindingsStore
from pipeline.findings.archive import archive_closed, restore
from tests.aws_parts import SERVERS, Aws, aws_of, settings_of
from tests.dynamo_faults import Crash, Faults, again
from tests.findings import DAY, MONDAY, SCAN, finding, passed
from tests.quick_moto import quick_moto

_MANY = int(os.environ.get("FINDING_FAULTS", "200"))
_STEP = 1 if "FINDING_FAULTS" in os.environ else 6
VERSIONS = {"moto": _MANY, "ministack": _MANY // 4}
TOGETHER, OF_EACH = 10, 6
MUTE = Change(Status.SUPPRESSED, reason="a test bucket")
CHANGES = [Change(Status.RESOLVED), MUTE, Change(Status.NEW), Change(note="mine"), Change(assignee="bob")]


@pytest.fixture(params=SERVERS)
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    with quick_moto(), aws_of(request.param) as found:
        yield found.create(TABLE)


@pytest.fixture
def store(aws: Aws) -> AwsFindings:
    return AwsFindings(aws.clients, aws.begin, wait=lambda _seconds: None)


@pytest.fixture
def plain(tmp_path: Path) -> EmbeddedFindings:
    return EmbeddedFindings(tmp_path / "findings.db")


def batches(count: int, chance: random.Random) -> list[list[Finding]]:
    """So many versions in any order, every fifth of them twice, some at a time."""
    found = [
        finding(
            f"f{number // OF_EACH}",
            MONDAY + chance.randrange(40) * DAY,
            severity=chance.choice([Severity.CRITICAL, Severity.HIGH, Severity.LOW]),
            compliance=chance.choice([Compliance.FAILED, Compliance.PASSED]),
            title=f"Version {number}",
        )
        for number in range(count)
    ]
    every = [*found, *found[::5]]
    chance.shuffle(every)
    return [every[start : start + TOGETHER] for start in range(0, len(every), TOGETHER)]


def act(store: FindingsStore, number: int, batch: list[Finding], chance: random.Random) -> None:
    """One round: a scan comes in, its first findings are changed, a change is taken back, alerts are told."""
    scan, at = Scan(f"scan-{number % 40}", "scan", MONDAY + number % 40, "test"), MONDAY + (50 + number) * DAY
    again(lambda: store.store(scan, batch))
    keys = [one.key for one in batch[:3]]
    versions = {row.key: row.workflow.version for row in again(lambda: store.rows(keys))}
    wanted = chance.choice(CHANGES)
    begun = again(lambda: store.change({}, wanted, "ann", at)).number
    again(lambda: store.change(versions, wanted, "ann", at, begun))
    if number % 4 == 0:
        undoing = again(lambda: store.change({}, Change(), "ann", at)).number
        again(lambda: store.undo(begun, "ann", at + 1, keys[:2], undoing))
    if number % 5 == 0:
        told = again(lambda: store.alerts(7))
        again(lambda: store.alerted(told, None))


def everything(store: FindingsStore) -> Any:
    """All there is, but for the numbers of revisions and changes, of which some may be left out."""
    rows = sorted(store.since(0, 10**6), key=lambda row: row.key)
    assert len({row.key for row in rows}) == len(rows)
    wholes = [whole for row in rows if (whole := store.whole(row.key)) is not None]
    numbers = sorted({one.number for whole in wholes for one in whole.changes})
    ranks = {number: rank for rank, number in enumerate(numbers)}
    scans = sorted(store.scans(), key=lambda one: one[0].id)
    return (
        [row._replace(revision=0) for row in rows],
        [ranked(whole, ranks) for whole in wholes],
        scans,
        [store.of_scan(scan.id) for scan, _ in scans],
        [sorted(store.changed_by(number)) for number in numbers],
        store.alerts(10**6),
        store.closed_before(MONDAY + 10**6 * DAY, "", 10**6),
    )


def ranked(whole: Whole, ranks: dict[int, int]) -> Whole:
    return replace(whole, changes=tuple(replace(one, number=ranks[one.number]) for one in whole.changes))


@pytest.mark.faults
def test_with_faults_it_comes_to_the_same_as_without(
    aws: Aws, store: AwsFindings, plain: EmbeddedFindings
) -> None:
    every = batches(VERSIONS[aws.server], random.Random(5))
    for number, batch in enumerate(every):
        act(plain, number, batch, random.Random(number))
    with Faults(aws.clients, seed=3, conflicts=True) as faults:
        for number, batch in enumerate(every):
            act(store, number, batch, random.Random(number))
    assert everything(store) == everything(plain)
    rows = store.since(0, 10**6)
    assert [row.revision for row in rows] == sorted({row.revision for row in rows})
    for kind in ("throttled", "lost", "timed_out"):
        assert faults.counts[kind] > faults.counts["calls"] * 0.08
    print(f"\n{aws.server}: {sum(map(len, every)):,} versions, {dict(faults.counts)}, 0 drift")


OLD = [finding(), passed(updated=MONDAY + DAY), finding("b"), passed("b", MONDAY + DAY), finding("c")]


def imports(store: FindingsStore, _objects: EmbeddedObjects) -> None:
    store.store(SCAN, [*OLD, finding(updated=MONDAY + 2 * DAY)])


def archives(store: FindingsStore, objects: EmbeddedObjects) -> None:
    archive_closed(store, objects, MONDAY + 90 * DAY)


def restores(store: FindingsStore, objects: EmbeddedObjects) -> None:
    restore(store, objects, finding("b").key)


@pytest.mark.faults
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", [imports, archives, restores])
def test_what_a_crash_breaks_off_the_same_again_completes(
    action: Callable[[FindingsStore, EmbeddedObjects], None], after: bool, tmp_path: Path
) -> None:
    """An import, an archiving and a restoring, each done before those after it."""
    before = [imports, archives, restores][: [imports, archives, restores].index(action)]
    plain = EmbeddedFindings(tmp_path / "findings.db")
    for one in [*before, action]:
        one(plain, EmbeddedObjects(tmp_path / "archive"))
    wanted = everything(plain)
    with quick_moto(), aws_of("moto") as aws:
        for at in range(after, 1000, _STEP):
            store, objects = new_store(aws), EmbeddedObjects(tmp_path / f"archive-{at}")
            for one in before:
                one(store, objects)
            if not crashed(aws, at, after, partial(action, store, objects)):
                break
            action(store, objects)
            assert everything(store) == wanted, at
    assert at > 5, "it made few calls"


def new_store(aws: Aws) -> AwsFindings:
    begin = settings_of().aws_name
    create(aws.clients, begin, TABLE)
    return AwsFindings(aws.clients, begin)


def crashed(aws: Aws, at: int, after: bool, action: Callable[[], None]) -> bool:
    with Crash(aws.clients, at, after=after) as crash, suppress(KeyboardInterrupt):
        action()
    return crash.calls > at


@pytest.mark.faults
def test_many_writers_lose_nothing_and_a_reader_that_follows_skips_nothing(plain: EmbeddedFindings) -> None:
    """Three writers of the same findings, each meeting faults, and one who asks what has changed."""
    every = batches(90, random.Random(8))
    scan = Scan("scan", "scan", MONDAY, "test")
    for batch in every:
        plain.store(scan, batch)
    with aws_of("ministack") as aws:
        aws.create(TABLE)
        over, seen = Event(), dict[str, Row]()

        def write(number: int) -> None:
            clients = Clients(aws.settings)
            own = AwsFindings(clients, aws.begin)
            with Faults(clients, number, throttled=0.03, lost=0.03, timed_out=0.03):
                for batch in every[number::3] + every[number % 2 :: 6]:
                    again(partial(own.store, scan, batch))

        def follow() -> int:
            own, revision = AwsFindings(Clients(aws.settings), aws.begin), 0
            while not over.is_set() or own.revision() > revision:
                for row in own.since(revision, 5):
                    assert row.revision > revision
                    seen[row.key], revision = row, row.revision
            return revision

        with ThreadPoolExecutor(4) as pool:
            following = pool.submit(follow)
            try:
                list(pool.map(write, range(3)))
            finally:
                over.set()
            reached = following.result(60)
        store = AwsFindings(aws.clients, aws.begin)
        assert everything(store) == everything(plain)
        assert reached == store.revision()
        assert seen == {row.key: row for row in store.since(0, 10**6)}
