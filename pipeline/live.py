"""The live consumer: from the log into counters per minute, each event once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_access.live import Record, Sighting
from data_access.ports import Counters, GapError, Log
from pipeline.contracts import Draft, FieldError
from pipeline.envelope import items
from pipeline.identity import visitor_hash
from pipeline.urls import split_url

FUTURE_MINUTES, LATE_HOURS = 5, 24
"""An event from further ahead or behind counts in the minute it came in, not in its own."""
IGNORED_HOURS, KEPT_HOURS = 26, 72
"""Older minutes are not counted any more; how long counts are kept."""
STEP = 2_000
"""Events in one fold."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC
_MINUTE = timedelta(minutes=1)


def counted_minute(ts: datetime, received_at: datetime) -> int:
    """The minute an event counts in live (minutes since 1970, UTC): its own, or that of its arrival when
    the two are too far apart."""
    in_time = -timedelta(minutes=FUTURE_MINUTES) <= received_at - ts <= timedelta(hours=LATE_HOURS)
    return int(((ts if in_time else received_at) - _EPOCH) // _MINUTE)


def sightings(records: Iterable[Record], after: int) -> list[Sighting]:
    """What the live layer counts of some records, events up to ``after`` left out.

    Events nobody can read are left out, too: the lake's consumer reports them.
    """
    found = []
    for record in records:
        try:
            for item in items(record):
                if item.sequence > after:
                    found += _sighting(item.sequence, item.draft)
        except FieldError:
            continue
    return found


def _sighting(sequence: int, read: Callable[[], Draft]) -> list[Sighting]:
    try:
        draft = read()
    except FieldError:
        return []
    session, client, user = (draft.get(name) for name in ("session_id", "client_id", "user_id"))
    who = f"u:{user}" if user else f"c:{client}" if client else f"s:{session}" if session else None
    url = draft.get("page_url")
    return [
        Sighting(
            sequence,
            draft["site"],
            counted_minute(draft["ts"], draft["received_at"]),
            draft["event_type"],
            visitor_hash(f"s:{session}") if session else None,
            visitor_hash(who) if who else None,
            (split_url(url).path or None) if url and draft["event_type"] == "page_view" else None,
            draft.get("country"),
            _error(draft),
        )
    ]


def _error(draft: Draft) -> str | None:
    if draft["event_type"] != "error":
        return None
    said = json.loads(draft["properties"])
    return str(said.get("message") or said.get("code") or "no message")[:200]


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
