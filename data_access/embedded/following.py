"""How far the consumers of the log in SQLite are: by their sequences."""

from __future__ import annotations

from data_access.live import Places, Progress, Settlement
from data_access.model import Version
from data_access.ports import Counters, Log


class EmbeddedFollowing:
    """The Following port over a log of one sequence and the counters."""

    def __init__(self, log: Log, counters: Counters) -> None:
        self._log, self._counters = log, counters

    def progress(self) -> Progress:
        """How far the log is counted."""
        counted = self._counters.offset(self._log.epoch)
        head = self._log.head()
        waiting = self._log.oldest(counted) if head > counted else None
        return Progress(waiting, head, self._log.offsets() | {"live": counted})

    def settlement(self, version: Version) -> Settlement:
        """A minute is in a version when its newest event is."""
        held, sequence = version.log
        reached = sequence if held == self._log.epoch else 0
        counted = self._counters.offset(self._log.epoch)
        places = Places(self._log.head(), counted, reached)
        return Settlement(lambda item: item.last <= reached, counted >= reached, places)
