"""What happens now, from the live counters: one snapshot a second, shared by everybody who looks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from data_access.distinct import Count, count
from data_access.events import EVENT_TYPES
from data_access.live import MinuteCount
from data_access.moments import of_seconds
from data_access.ports import Counters, Following, Intake

MINUTES = 30
"""How far back a snapshot reaches."""
STALE_SECONDS = 30
FRESH_SECONDS = 0.5
"""Age at which a snapshot is made anew for who asks next."""
Sites = frozenset[str] | None
_EPOCH, _MINUTE = datetime(1970, 1, 1), timedelta(minutes=1)  # noqa: DTZ001 - naive UTC


@dataclass(frozen=True, slots=True)
class Window:
    """The last minutes of some sites, the running one included.

    ``timeline`` holds events by type for every minute (naive UTC), oldest first; ``pages``, ``countries``
    and ``messages`` events by value, most first. Sessions and visitors are estimates unless ``exact``: where
    a minute had more of them than are kept one by one.
    """

    minutes: int
    events: int
    errors: int
    sessions: int
    visitors: int
    exact: bool
    by_type: dict[str, int]
    timeline: tuple[tuple[datetime, dict[str, int]], ...]
    pages: tuple[tuple[str, int], ...]
    countries: tuple[tuple[str, int], ...]
    messages: tuple[tuple[str, int], ...]

    @property
    def error_rate(self) -> float:
        """Errors in 100 events, one decimal; 0.0 without events."""
        return round(100 * self.errors / self.events, 1) if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The live layer at one instant (naive UTC).

    ``watermark`` is when the oldest event was written that is not counted yet, or now when all are; ``lag``
    how long ago that is, in seconds; ``depth`` events wait for each consumer of the log; ``offsets`` and
    ``head`` are sequences, none where the log is not one sequence; ``refusals`` events kept as dead letters,
    by reason.
    """

    taken_at: datetime
    watermark: datetime
    head: int
    offsets: dict[str, int]
    refusals: dict[str, int]
    items: tuple[MinuteCount, ...] = field(repr=False)

    @property
    def lag(self) -> float:
        """Seconds by which the counts are behind."""
        return max(0.0, (self.taken_at - self.watermark).total_seconds())

    @property
    def stale(self) -> bool:
        """Whether the counts are too far behind to go by."""
        return self.lag > STALE_SECONDS

    @property
    def depth(self) -> dict[str, int]:
        """Events in the log that each consumer has not read yet."""
        return {name: self.head - offset for name, offset in self.offsets.items()}

    def window(self, minutes: int, sites: Sites = None) -> Window:
        """The last ``minutes`` minutes, 1 to 30; ``sites`` None is all."""
        last = minute_of(self.taken_at)
        first = last - minutes + 1
        items = [
            item
            for item in self.items
            if first <= item.minute <= last and (sites is None or item.site in sites)
        ]
        sessions, visitors = _sessions(items), _visitors(items)
        by_type: Counter[str] = Counter(dict.fromkeys(EVENT_TYPES, 0))
        timeline = {minute: Counter[str]() for minute in range(first, last + 1)}
        for item in items:
            by_type.update(item.counts)
            timeline[item.minute].update(item.counts)
        return Window(
            minutes,
            by_type.total(),
            by_type["error"],
            sessions.n,
            visitors.n,
            sessions.exact and visitors.exact,
            dict(by_type),
            tuple((moment_of(minute), dict(counts)) for minute, counts in timeline.items()),
            _most(item.pages for item in items),
            _most(item.countries for item in items),
            _most(item.errors for item in items),
        )

    def by_minute(self, sites: Sites = None) -> list[dict[str, Any]]:
        """A row a minute, oldest first, the running one last: ``minute`` (naive UTC), ``events``, events by
        type, and the ``sessions`` and ``visitors`` seen in it."""
        last = minute_of(self.taken_at)
        found: dict[int, list[MinuteCount]] = {minute: [] for minute in range(last - MINUTES + 1, last + 1)}
        for item in self.items:
            if item.minute in found and (sites is None or item.site in sites):
                found[item.minute].append(item)
        return [_row(minute, items) for minute, items in found.items()]


def _row(minute: int, items: Sequence[MinuteCount]) -> dict[str, Any]:
    by_type = Counter(dict.fromkeys(EVENT_TYPES, 0))
    for item in items:
        by_type.update(item.counts)
    return {
        "minute": moment_of(minute),
        "events": by_type.total(),
        **by_type,
        "sessions": _sessions(items).n,
        "visitors": _visitors(items).n,
    }


def _sessions(items: Sequence[MinuteCount]) -> Count:
    sketches = (sketch for item in items for sketch in item.session_sketches)
    return count(frozenset[int]().union(*(item.sessions for item in items)), sketches)


def _visitors(items: Sequence[MinuteCount]) -> Count:
    sketches = (sketch for item in items for sketch in item.visitor_sketches)
    return count(frozenset[int]().union(*(item.visitors for item in items)), sketches)


class Realtime:
    """Snapshots of the live layer; whoever asks while one is made waits for that one."""

    def __init__(
        self,
        following: Following,
        intake: Intake,
        counters: Counters,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._following, self._intake, self._counters, self._clock = following, intake, counters, clock
        self._lock = Lock()
        self._known: dict[tuple[str, int], MinuteCount] = {}
        self._snapshot: tuple[float, Snapshot] | None = None

    def snapshot(self, fresh: float = FRESH_SECONDS) -> Snapshot:
        """The last snapshot, if it is younger than ``fresh`` seconds, else a new one."""
        with self._lock:
            now = self._clock()
            if self._snapshot is None or not 0 <= now - self._snapshot[0] < fresh:
                self._snapshot = now, self._take(now)
            return self._snapshot[1]

    def _take(self, now: float) -> Snapshot:
        taken_at = of_seconds(now)
        found = self._following.progress()
        items = self._items(minute_of(taken_at) - MINUTES + 1)
        watermark = min(found.waiting_since or taken_at, taken_at)
        refusals = self._intake.refusals()
        return Snapshot(taken_at, watermark, found.head, dict(found.offsets), refusals, items)

    def _items(self, since: int) -> tuple[MinuteCount, ...]:
        """The counts from a minute on; only what has changed is read."""
        lasts = self._counters.items(since)
        changed = [
            item for item, last in lasts.items() if item not in self._known or self._known[item].last != last
        ]
        self._known = {item: self._known[item] for item in lasts if item in self._known}
        self._known |= {(item.site, item.minute): item for item in self._counters.minutes(changed)}
        return tuple(self._known[item] for item in sorted(self._known))


def minute_of(moment: datetime) -> int:
    """Minutes since 1970 of a naive UTC time."""
    return (moment - _EPOCH) // _MINUTE


def moment_of(minute: int) -> datetime:
    """The naive UTC time at which a minute begins."""
    return _EPOCH + minute * _MINUTE


def _most(counts: Iterable[dict[str, int]]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return tuple(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))
