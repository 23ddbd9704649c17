"""Limits at the door: how fast a key may send, and how large a compressed body may grow."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from threading import Lock

BURST_SECONDS = 10
"""A key that was quiet may send what it may send in this many seconds at once."""
_MOST_KEYS = 10_000


class RateLimit:
    """A token bucket per key, in memory of one process."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = per_second, per_second * BURST_SECONDS, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, key: str, events: int) -> float:
        """Take ``events`` from the key's bucket: 0 when they were there, else the seconds until they are."""
        if not self._rate:
            return 0.0
        now = self._clock()
        with self._lock:
            left, since = self._left.get(key, (self._most, now))
            left = min(self._most, left + (now - since) * self._rate)
            # A request larger than a full bucket passes when the bucket is full.
            wanted = min(events, self._most)
            short = wanted - left
            if short <= 0:
                left -= events
            self._keep(key, (left, now))
        return max(short, 0.0) / self._rate

    def _keep(self, key: str, state: tuple[float, float]) -> None:
        if len(self._left) >= _MOST_KEYS and key not in self._left:
            self._left.pop(next(iter(self._left)))
        self._left[key] = state


class TooLargeError(ValueError):
    """A body is larger than the limit when unpacked."""


def gunzip(body: bytes, most: int) -> bytes:
    """A gzip body unpacked, never more than ``most`` bytes in memory. Raises TooLargeError, ValueError."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise ValueError("is no gzip") from error
    if len(found) > most:
        raise TooLargeError
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("is cut off or has something behind its end")
    return found
