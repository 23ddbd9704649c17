"""Half a million findings: the first page of any filter, every card, memory, and a change of 50,000."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

from app.auth import make_sign_in_link
from app.factory import create_app
from bench.result import Result
from data_access import moments
from data_access.backends import Backends, open_backends
from data_access.finding_index import STATES, Wanted
from data_access.findings import Change, Compliance, Finding, Scan, Severity, Status
from data_access.settings import load
from pages.parts.finding_table import COLUMNS

COUNT, MUTED, BATCH = 500_000, 50_000, 5000
FILTERS = (
    {},
    {"severity": "CRITICAL,HIGH"},
    {"account": "000000000007", "cloud_region": "eu-3"},
    {"standard": "PCI DSS"},
    {"q": "bucket-77"},
    {"q": "check 17"},
    {"overdue": "yes"},
    {"opened": "week"},
    {"resource_type": "AwsType5", "service": "service-5"},
)
CARDS = ("kpis", "severity", "trend", "groups", "ages", "burn", "scans", "chips")
HEADERS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


def measure(folder: Path, _events: int) -> list[Result]:
    data = folder / "findings"
    backends = open_backends(load({"data_dir": data, "demo": False, "secret_key": "bench"}, {}))
    _fill(backends)
    before = _megabytes()
    started = time.perf_counter()
    backends.finding_index.refresh()
    filled, memory = time.perf_counter() - started, _megabytes() - before
    client = _client(backends)
    pages = sorted(_seconds(client, _table(search)) for search in _searches())
    cards = {name: max(_seconds(client, _card(name, "?state=all")) for _ in range(3)) for name in CARDS}
    slowest = max(cards, key=lambda name: cards[name])
    number, changing, undoing = _mute(backends)
    return [
        Result(
            f"the first page of a filter over {COUNT:,} findings, p95",
            _at(pages, 0.95) * 1000,
            100,
            "ms",
            f"p50 {_at(pages, 0.5) * 1000:.0f} ms, longest {pages[-1] * 1000:.0f} ms of {len(pages)}",
        ),
        Result("the slowest card of the page", cards[slowest] * 1000, 300, "ms", slowest),
        Result("columns in memory", memory, 1000, "MB", f"filled in {filled:.1f} s"),
        Result(
            f"mute {number:,} and undo it ÷ 10 s",
            (changing + undoing) / 10,
            1.5,
            "×",
            f"{changing:.1f} s and {undoing:.1f} s, in pieces of 2,000",
        ),
    ]


def _fill(backends: Backends) -> None:
    """Store the findings that are not there yet."""
    known = sum(count for _, count in backends.findings.scans())
    if known >= COUNT:
        return
    scan, made = Scan("bench", "bench.json", moments.now(), "bench"), islice(_findings(), known, COUNT)
    while batch := list(islice(made, BATCH)):
        backends.findings.store(scan, batch)


def _findings() -> Iterator[Finding]:
    rng, now = random.Random(1), moments.now()
    verdicts = (Compliance.FAILED, Compliance.FAILED, Compliance.PASSED)
    standards = (("CIS AWS 3.0", "PCI DSS"), ("CIS AWS 3.0",), ())
    for number in range(COUNT):
        at = now - rng.randrange(200 * moments.DAY)
        yield Finding(
            product="bench",
            id=f"finding-{number}",
            format="asff",
            provider="Bench",
            title=f"Check {number % 300} is enabled for resources",
            description="x" * 300,
            severity=rng.choice(tuple(Severity)),
            compliance=verdicts[rng.randrange(3)],
            active=True,
            control=f"check_{number % 300}",
            service=f"service-{number % 40}",
            standards=standards[number % 3],
            account=f"{number % 50:012d}",
            region=f"eu-{number % 17}",
            resource_type=f"AwsType{number % 60}",
            resource_id=f"arn:aws:s3:::bucket-{number}",
            resources=1,
            created=at,
            updated=at,
            remediation="Turn it on.",
            remediation_url="",
            flags=(),
            document=b'{"number": %d}' % number,
        )


def _client(backends: Backends) -> Any:
    client = create_app(backends).server.test_client()
    link = make_sign_in_link(backends)
    client.get(link[link.index("/sign-in") :])
    return client


def _searches() -> list[str]:
    found = []
    for raw, state, sort in product(FILTERS, STATES, COLUMNS):
        found.append(
            "?"
            + "&".join(f"{name}={value}" for name, value in (raw | {"state": state, "sort": sort}).items())
        )
    return random.Random(2).sample(found, 150)


def _table(search: str) -> dict[str, Any]:
    names = ("findings-table.children", "findings-total.data", "findings-files.children")
    return _body("..{}..".format("...".join(names)), names, search)


def _card(name: str, search: str) -> dict[str, Any]:
    return _body(f"findings-{name}.children", (f"findings-{name}.children",), search)


def _body(output: str, names: tuple[str, ...], search: str) -> dict[str, Any]:
    parts = [dict(zip(("id", "property"), name.split("."), strict=True)) for name in names]
    return {
        "output": output,
        "outputs": parts if len(parts) > 1 else parts[0],
        "inputs": [
            {"id": "findings-view", "property": "data", "value": search},
            {"id": "retry", "property": "data", "value": None},
        ],
        "state": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": ["findings-view.data"],
    }


def _seconds(client: Any, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    answer = client.post("/_dash-update-component", json=body, headers=HEADERS)
    found = time.perf_counter() - started
    if answer.status_code != 200 or "did not arrive" in answer.text or "cannot be shown" in answer.text:
        raise AssertionError(answer.text[:500])
    return found


def _mute(backends: Backends) -> tuple[int, float, float]:
    index, changes = backends.finding_index, backends.finding_changes
    rows = index.select(Wanted(), moments.now(), {})[:MUTED]
    started = time.perf_counter()
    change = Change(Status.SUPPRESSED, reason="bench")
    job = changes.start(index.versions(rows), change, "bench", moments.now())
    changes.wait(job, 300)
    done = changes.progress(job)
    changing = time.perf_counter() - started
    if done is None or not done.finished or done.done != len(rows) or done.number is None:
        raise AssertionError(f"the change did not end well: {done}")
    started = time.perf_counter()
    changes.wait(changes.undo(done.number, "bench", moments.now()), 300)
    return done.done, changing, time.perf_counter() - started


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
