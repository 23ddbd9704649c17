"""Answers that all hosts share in a Valkey or Redis, in front of it each host's own.

A host asks the others for an answer before it computes one, and while it computes, they wait for it. Without
the server every host goes on by itself: slower, and never with an error.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
from dogpile.cache import make_region
from valkey.exceptions import ValkeyError

from data_access.arrow_ipc import from_ipc, to_ipc
from data_access.ports import Cache

log = logging.getLogger(__name__)

LARGEST_BYTES = 64_000_000
"""A larger answer stays on the host that computed it."""
KEPT_SECONDS = 7 * 24 * 3600
APART_SECONDS = 10
"""How long a host goes on by itself before it tries the server again."""
_CONNECT_SECONDS, _ANSWER_SECONDS, _LOOK_SECONDS = 0.5, 5.0, 0.05
_SLACK_SECONDS = 60


class SharedCache:
    """The Cache port over a server at ``url`` and the host's ``own`` cache. A computation that takes longer
    than ``seconds`` may be begun by another host as well."""

    def __init__(
        self, url: str, own: Cache, seconds: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._own, self._clock, self._apart_until = own, clock, 0.0
        self._region = make_region(
            serializer=to_ipc, deserializer=from_ipc, key_mangler="streamgauge:{}".format
        ).configure(
            "dogpile.cache.valkey",
            arguments={
                "url": url,
                "distributed_lock": True,
                "thread_local_lock": False,
                "lock_timeout": seconds + _SLACK_SECONDS,
                "lock_sleep": _LOOK_SECONDS,
                "socket_connect_timeout": _CONNECT_SECONDS,
                "socket_timeout": _ANSWER_SECONDS,
                "valkey_expiration_time": KEPT_SECONDS,
            },
        )

    def get_or_compute(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        """The table kept under ``key``, else ``compute()``'s; True when any host had it already."""
        shared: list[bool] = []

        def from_others() -> pa.Table:
            table, cached = self._from_others(key, compute)
            shared.append(cached)
            return table

        table, cached = self._own.get_or_compute(key, from_others)
        return table, cached or shared == [True]

    def _from_others(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        if self._clock() < self._apart_until:
            return compute(), False
        work = _Work(compute)
        try:
            return self._region.get_or_create(key, work.run, should_cache_fn=_fits), not work.begun
        except ValkeyError as error:
            log.warning("the shared cache does not answer: %s", type(error).__name__)
            self._apart_until = self._clock() + APART_SECONDS
        except ValueError:
            if not work.begun:
                log.warning("the shared cache held something that is no answer")
                self._forget(key)
        return work.result(), False

    def _forget(self, key: str) -> None:
        with suppress(ValkeyError):
            self._region.delete(key)


class _Work:
    """A computation that is done once, whatever becomes of its answer."""

    def __init__(self, compute: Callable[[], pa.Table]) -> None:
        self._compute = compute
        self.begun = False
        self._table: pa.Table | None = None
        self._error: BaseException | None = None

    def run(self) -> pa.Table:
        self.begun = True
        try:
            self._table = self._compute()
        except BaseException as error:
            self._error = error
            raise
        return self._table

    def result(self) -> pa.Table:
        """The answer, computed if it was not yet; raises what computing raised."""
        if self._error is not None:
            raise self._error
        return self._table if self._table is not None else self.run()


def _fits(table: Any) -> bool:
    return bool(table.nbytes <= LARGEST_BYTES)
