"""Answers as Arrow IPC files, one computation per key at a time over all threads and processes.

dogpile.cache decides who computes; this module gives it files for values and file locks for mutexes.
A key holds the data version, so nothing here ever has to be invalidated, only swept when space runs
out, least recently used first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow as pa
from dogpile.cache import make_region, register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend

from data_access.arrow_ipc import from_ipc, to_ipc
from data_access.embedded.locks import FileLock

_LOCK_SECONDS = 24 * 3600


class _Mutex:
    """dogpile's view of a file lock."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self, wait: bool = True) -> bool:
        return self._lock.acquire(wait)

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        free = self._lock.acquire(wait=False)
        if free:
            self._lock.release()
        return not free


class _ArrowFiles(BytesBackend):  # type: ignore[misc]
    """Values as files named by their key, bounded in total size."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._folder: Path = arguments["folder"]
        self._limit: int = arguments["limit"]
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_mutex(self, key: str) -> _Mutex:
        return _Mutex(self._folder / f"{key}.lock")

    def get_serialized(self, key: str) -> Any:
        path = self._folder / f"{key}.arrow"
        try:
            value = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return NO_VALUE
        return value

    def set_serialized(self, key: str, value: bytes) -> None:
        if len(value) > self._limit:
            return
        with NamedTemporaryFile(dir=self._folder, suffix=".tmp", delete=False) as file:
            file.write(value)
        Path(file.name).replace(self._folder / f"{key}.arrow")
        self._sweep()

    def delete(self, key: str) -> None:
        (self._folder / f"{key}.arrow").unlink(missing_ok=True)

    def _sweep(self) -> None:
        total = 0
        for modified, size, path in sorted(_entries(self._folder), reverse=True):
            total += size
            stale = not path.endswith(".arrow") and modified < time.time() - _LOCK_SECONDS
            if stale or (total > self._limit and path.endswith(".arrow")):
                Path(path).unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[tuple[float, int, str]]:
    """Time, size and path of the folder's files; one that is deleted meanwhile is left out."""
    with os.scandir(folder) as found:
        for entry in found:
            with suppress(FileNotFoundError):
                status = entry.stat()
                yield status.st_mtime, status.st_size, entry.path


register_backend("streamgauge.arrow_files", __name__, "_ArrowFiles")


class EmbeddedCache:
    """The Cache port over a folder of at most ``megabytes`` MB."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._region = make_region(serializer=to_ipc, deserializer=from_ipc).configure(
            "streamgauge.arrow_files",
            expiration_time=-1,
            arguments={"folder": folder, "limit": megabytes * 1_000_000},
        )

    def get_or_compute(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        """The table kept under ``key``, else ``compute()``'s; True when it was there already."""
        computed: list[pa.Table] = []

        def create() -> pa.Table:
            computed.append(compute())
            return computed[0]

        table = self._region.get_or_create(key, create)
        return table, not computed
