"""The live consumer: from the log into counters per minute, each event once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from data_access.live import Record, Sighting
from data_access.ports import Counters, GapError, Log
from data_access.realtime import minute_of
from data_access.records import UNREADABLE, Head
from pipeline.contracts import Draft, FieldError
from pipeline.contracts.cloudpulse import plain
from pipeline.contracts.fields import event_time, to_utc
from pipeline.contracts.gate import GoodBatch, GoodEvent
from pipeline.envelope import items
from pipeline.identity import visitor_hash
from pipeline.urls import split_url

FUTURE_MINUTES, LATE_HOURS = 5, 24
"""An event from further ahead or behind counts in the minute it came in, not in its own."""
IGNORED_HOURS, KEPT_HOURS = 26, 72
"""Older minutes are not counted any more; how long counts are kept."""
STEP = 2_000
"""Events in one fold."""
_FUTURE, _LATE = timedelta(minutes=FUTURE_MINUTES), timedelta(hours=LATE_HOURS)


def counted_minute(ts: datetime, received_at: datetime) -> int:
    """The minute an event counts in live (minutes since 1970, UTC): its own, or that of its arrival when
    the two are too far apart."""
    return minute_of(ts if -_FUTURE <= received_at - ts <= _LATE else received_at)


def sightings(records: Iterable[Record], after: int) -> list[Sighting]:
    """What the live layer counts of some records, events up to ``after`` left out.

    Events nobody can read are left out, too: the lake's consumer reports them.
    """
    found: list[Sighting] = []
    for record in records:
        quick = _at_a_glance(record)
        found += (one for one in (_read(record) if quick is None else quick) if one.sequence > after)
    return found


def _read(record: Record) -> Iterator[Sighting]:
    """A record's events by their drafts."""
    try:
        for item in items(record):
            with suppress(FieldError):
                yield _of_draft(item.sequence, item.draft())
    except FieldError:
        return


def _of_draft(sequence: int, draft: Draft) -> Sighting:
    session, client, user = (draft.get(name) for name in ("session_id", "client_id", "user_id"))
    who = f"u:{user}" if user else f"c:{client}" if client else f"s:{session}" if session else None
    kind, said = draft["event_type"], draft["properties"]
    return Sighting(
        sequence,
        draft["site"],
        counted_minute(draft["ts"], draft["received_at"]),
        kind,
        _hash(f"s:{session}") if session else None,
        _hash(who) if who else None,
        _page(draft.get("page_url")) if kind == "page_view" else None,
        draft.get("country"),
        _error(json.loads(said)) if kind == "error" else None,
    )


class _GoodEnvelope(msgspec.Struct, gc=False):
    head: Head
    batch: GoodBatch


_GOOD = msgspec.json.Decoder(_GoodEnvelope)
_IS_GOOD, _HEAD_BYTES = b'"good":true}', 4096
_hash = lru_cache(maxsize=65_536)(visitor_hash)


def _at_a_glance(record: Record) -> list[Sighting] | None:
    """The events of a batch that the quick gate let through, without their drafts: the same in a fraction of
    the time, which a property test holds it to. None for other records."""
    if _IS_GOOD not in record.body[:_HEAD_BYTES]:
        return None
    try:
        found = _GOOD.decode(record.body)
    except UNREADABLE:
        return None
    if not found.head.good:  # an event of the batch said so
        return None
    site, received_at, sent_with = found.head.site, found.head.received_at, found.batch.sent_at
    return [
        _of_good(sequence, site, received_at, sent_with, event)
        for sequence, event in enumerate(found.batch.events, record.first)
    ]


def _of_good(
    sequence: int, site: str, received_at: datetime, sent_with: datetime | None, event: GoodEvent
) -> Sighting:
    created, kind, properties = event.timestamp, event.event_type, event.properties
    session, user = event.session_id.strip(), event.user_id and event.user_id.strip()
    metadata = event.metadata
    sent = event.sent_at or sent_with
    ts = event_time(created and to_utc(created), sent and to_utc(sent), received_at)
    session_hash = _hash(f"s:{session}")
    return Sighting(
        sequence,
        site,
        counted_minute(ts, received_at),
        kind,
        session_hash,
        _hash(f"u:{user}") if user else session_hash,
        _page(plain(properties, "page")) if properties and kind == "page_view" else None,
        metadata.country.upper() if metadata and metadata.country else None,
        _error(properties or {}) if kind == "error" else None,
    )


@lru_cache(maxsize=4096)
def _page(url: str | None) -> str | None:
    return (split_url(url).path or None) if url else None


def _error(properties: Mapping[str, Any]) -> str:
    return str(properties.get("message") or properties.get("code") or "no message")[:200]


@dataclass(slots=True)
class LiveConsumer:
    """Folds the log into the counters. Any number may run at once: a record is counted once."""

    log: Log
    counters: Counters
    clock: Callable[[], float] = time.time

    def step(self) -> int:
        """Fold what comes next; how many events were looked at."""
        epoch = self.log.epoch
        after = self.counters.offset(epoch)
        records = self.log.read(after, STEP)
        if not records:
            return 0
        oldest = int(self.clock() / 60) - IGNORED_HOURS * 60
        seen = [one for one in sightings(records, after) if one.minute >= oldest]
        try:
            self.counters.fold(epoch, after, records[-1].last, seen)
        except GapError:  # the counters were put back to an older state: go on from there
            return 0
        return records[-1].last - after

    def wait(self, seconds: float) -> None:
        """Wait for something to fold, at most ``seconds``."""
        self.log.wait(self.counters.offset(self.log.epoch), seconds)

    def release(self) -> None:
        """Tell the log what it need not keep for us, and forget old minutes."""
        self.log.commit("live", self.counters.offset(self.log.epoch))
        self.counters.expire(int(self.clock() / 60) - KEPT_HOURS * 60)
