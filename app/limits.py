"""A limit on failed sign-ins, per name and address, in memory of one process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from threading import Lock

MAX_KEYS = 10_000


class FailureLimit:
    """Counts failures in a sliding window; ``blocked`` says whether there were too many."""

    def __init__(
        self, most: int = 10, seconds: float = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._failures: dict[Hashable, deque[float]] = {}
        self._lock = Lock()

    def blocked(self, key: Hashable) -> bool:
        """True when the key has failed too often lately."""
        with self._lock:
            return len(self._recent(key)) >= self._most

    def failed(self, key: Hashable) -> bool:
        """Count a failure; True when it is the one from which on the key is blocked."""
        with self._lock:
            if len(self._failures) >= MAX_KEYS and key not in self._failures:
                # Bound the memory of someone who tries endless names: forget the oldest key.
                self._failures.pop(next(iter(self._failures)))
            self._failures.setdefault(key, deque()).append(self._clock())
            return len(self._recent(key)) == self._most

    def _recent(self, key: Hashable) -> deque[float]:
        times = self._failures.get(key, deque())
        while times and times[0] <= self._clock() - self._seconds:
            times.popleft()
        return times
