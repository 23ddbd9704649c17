"""Objects as files of a folder: written beside, made durable, then given their name if it is free."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_WRITING = ".writing"
_LEFT_SECONDS = 3600
"""Age at which a file that was never given its name is swept: its writer is dead."""


class EmbeddedObjects:
    """The Objects port over a folder. Files are 0600, folders 0700."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._beside = root / _WRITING

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Write an object, durable when this returns; False, and nothing done, when the name is taken."""
        path = self._path(name)
        self._make(path.parent)
        self._make(self._beside)
        if path.exists():
            _sync(path.parent)  # its writer may have died before it did this
            return False
        self._sweep()
        beside = self._beside / uuid.uuid4().hex
        try:
            _write(beside, body)
            return _link(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def get(self, name: str) -> bytes:
        """An object's bytes. Raises OSError when it cannot be read."""
        return self._path(name).read_bytes()

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The objects whose name starts with a prefix, by name, and when each was written (UTC µs)."""
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            for file in sorted(files):
                path = Path(folder, file)
                name = path.relative_to(self._root).as_posix()
                if name.startswith(prefix):
                    yield name, path.stat().st_mtime_ns // 1000

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise ValueError(f"{name!r} is no name of an object")
        return self._root.joinpath(*parts)

    def _make(self, folder: Path) -> None:
        """A folder and those above it up to the root, each durable in the one above."""
        if folder.is_dir():
            return
        if folder != self._root:
            self._make(folder.parent)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)

    def _sweep(self) -> None:
        for path in self._beside.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LEFT_SECONDS:
                    path.unlink()


def _write(path: Path, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _link(beside: Path, path: Path) -> bool:
    try:
        path.hardlink_to(beside)  # unlike a rename it never replaces a file
    except FileExistsError:
        return False
    finally:
        _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
