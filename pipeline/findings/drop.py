"""A folder that files of findings are dropped into: each is taken in once it is whole, then moved away.

It goes to ``done/`` in the folder, or to ``failed/`` when nothing in it could be read. A process that is
killed between storing and moving takes the file in again at its next look, which changes nothing.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from data_access.ports import FindingsStore
from pipeline.findings.intake import Intake, as_name, import_file

log = logging.getLogger(__name__)

BY = "drop folder"
_LONGEST = 255
"""Bytes a file's name may have."""
_State = tuple[int, int]
"""Size and time of the last change (ns)."""


class DropFolder:
    """The folder, how its files were at the look before, and what was said of it then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before: dict[str, _State] = {}
        self._told: set[str] = set()
        self._wrong: set[str] = set()

    def settled(self) -> list[Path]:
        """Look: the files that have not changed since the look before, by name. Makes the folder if need be.

        An empty file waits for its content: its writer has only opened it so far.
        """
        self._told, self._wrong = self._wrong, set()
        before, self._before = self._before, self._states()
        return [
            self.path / name
            for name, state in sorted(self._before.items())
            if state[0] and before.get(name) == state
        ]

    def still(self, path: Path) -> bool:
        """Whether a file is as it was at this look."""
        return _state(path) == self._before.get(path.name)

    def complain(self, message: str) -> None:
        """Log an error, but not at every look again."""
        self._wrong.add(message)
        if message not in self._told:
            log.error("%s", message)

    def _states(self) -> dict[str, _State]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            names = [name for name in os.listdir(self.path) if not name.startswith(".")]
        except OSError as error:
            self.complain(f"the folder for findings, {self.path}, cannot be read: {error.strerror}")
            return {}
        found = {name: _state(self.path / name) for name in names}
        return {name: state for name, state in found.items() if state is not None}


def take_dropped(store: FindingsStore, folder: DropFolder, rejects: Path, now: int) -> list[Intake]:
    """Take in the files that are whole (``now`` in UTC µs) and move them away; what came of each.

    A file that cannot be read or moved is logged and stays; the others go on.
    """
    found = []
    for path in folder.settled():
        try:
            intake = import_file(store, path, as_name(Path(path.name)), BY, now, rejects)
            found.append(intake)
            if folder.still(path):
                _move(path, intake)
        except OSError as error:
            folder.complain(f"{str(path)!r} stays in the folder for findings: {error.strerror or error}")
        except Exception:
            log.exception("%r stays in the folder for findings; it is tried again", str(path))
    return found


def _move(path: Path, intake: Intake) -> None:
    failed = not intake.read and bool(intake.reasons)
    target = path.parent / ("failed" if failed else "done")
    target.mkdir(exist_ok=True)
    if (target / path.name).exists():
        # A file of this name and content was here before; it may be replaced.
        name = f"{path.stem}-{intake.scan.id[:12]}{path.suffix}"
        fits = len(os.fsencode(name)) <= _LONGEST
        target /= name if fits else f"{intake.scan.id[:12]}{path.suffix[:20]}"
    else:
        target /= path.name
    path.replace(target)
    if intake.reasons:
        count = intake.reasons.total()
        log.warning("%r: %d findings, %d rejected; it is now %r", path.name, intake.read, count, str(target))


def _state(path: Path) -> _State | None:
    """How a file is; None for what is no file, symbolic links among it."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
