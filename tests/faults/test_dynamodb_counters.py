"""Counters in DynamoDB under throttling, lost answers, timeouts and redelivery: nothing is lost or twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import pytest

from data_access.aws.counters import TABLE, AwsCounters
from data_access.events import EVENT_TYPES
from data_access.live import MinuteCount, Sighting
from tests.aws_parts import SERVERS, aws_of
from tests.dynamo_faults import FAILURES, Faults

EVENTS = int(os.environ.get("COUNTER_EVENTS", "10000"))
SHARDS, BATCH = ("events/shard-0", "events/shard-1"), 500
SITES, MINUTES, PAGES = ("shop", "blog"), range(10), 40


def sightings(draw: Random, shard: int) -> list[Sighting]:
    """A shard's events, in its order: minutes go on, some events come late."""
    count = EVENTS // len(SHARDS)
    return [
        Sighting(
            10**55 + 7 * n + shard,
            draw.choice(SITES),
            max(0, n * len(MINUTES) // count - draw.choice((0, 0, 0, 1, 5))),
            draw.choice(EVENT_TYPES),
            session=draw.getrandbits(9),
            visitor=draw.getrandbits(8),
            page=f"/{draw.randrange(PAGES)}",
        )
        for n in range(count)
    ]


def deliveries(draw: Random, events: list[Sighting]) -> Iterator[list[Sighting]]:
    """Batches as Kinesis may bring them: each at least once, some again, from the middle, in other slices."""
    done = 0
    while done < len(events):
        begin = max(0, done - draw.choice((0, 0, 0, 30, 250)))
        end = min(len(events), begin + draw.randrange(1, BATCH + 1))
        yield events[begin:end]
        done = max(done, end)


@dataclass
class Truth:
    """What there is to count."""

    types: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    pages: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    sessions: set[tuple[str, int, int]] = field(default_factory=set)
    visitors: set[tuple[str, int, int]] = field(default_factory=set)

    def see(self, one: Sighting) -> None:
        item = one.site, one.minute
        self.types[*item, one.event_type] += 1
        self.pages[*item, str(one.page)] += 1
        self.sessions.add((*item, one.session or 0))
        self.visitors.add((*item, one.visitor or 0))


def counted(items: list[MinuteCount]) -> Truth:
    found = Truth()
    for one in items:
        item = one.site, one.minute
        found.types.update({(*item, kind): n for kind, n in one.counts.items() if n})
        found.pages.update({(*item, page): n for page, n in one.pages.items()})
        found.sessions |= {(*item, session) for session in one.sessions}
        found.visitors |= {(*item, visitor) for visitor in one.visitors}
    return found


@pytest.mark.faults
@pytest.mark.parametrize("server", SERVERS)
def test_10_000_events_and_no_drift(server: str) -> None:
    truth, draw = Truth(), Random(2026)
    shards = {name: sightings(draw, n) for n, name in enumerate(SHARDS)}
    for events in shards.values():
        for one in events:
            truth.see(one)
    with aws_of(server) as aws:
        aws.create(TABLE)
        at_once = server != "moto"  # it checks conditions without a lock
        writers = [AwsCounters(aws.clients, aws.begin, lambda: 0.0) for _ in range(3)]
        with Faults(aws.clients, 7) as faults, ThreadPoolExecutor(len(SHARDS)) as pool:
            tries = sum(pool.map(lambda shard: _deliver(writers, shard, shards[shard], at_once), SHARDS))
        reader = AwsCounters(aws.clients, aws.begin, lambda: 0.0)
        found = counted(reader.minutes(list(reader.items(0))))
    print(
        f"\n{server}: {EVENTS:,} events, {dict(faults.counts)}, {tries} folds failed and came again; drift 0"
    )
    assert min(faults.counts[kind] for kind in ("throttled", "lost", "timed_out")) > 20
    assert found == truth


def _deliver(writers: list[AwsCounters], shard: str, events: list[Sighting], at_once: bool) -> int:
    """Deliver a shard; a writer that fails gets the same again or leaves it to another, as λ does. One in ten
    batches reaches two writers at once: the first one was thought dead."""
    draw, failed = Random(shard), 0
    for batch in deliveries(draw, events):
        while True:
            chosen = draw.sample(writers, 2 if at_once and draw.random() < 0.1 else 1)
            with ThreadPoolExecutor(len(chosen)) as pool:
                done = list(pool.map(lambda writer: _fold(writer, shard, batch), chosen))  # noqa: B023
            failed += done.count(False)
            if any(done):
                break
    return failed


def _fold(writer: AwsCounters, shard: str, batch: list[Sighting]) -> bool:
    try:
        writer.fold(shard, 0, batch[-1].sequence, batch)
    except FAILURES:
        return False
    return True
