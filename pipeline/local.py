"""What runs in the background of the embedded form: curation and maintenance on a schedule."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread

from data_access.ports import Lake
from data_access.settings import Settings

log = logging.getLogger(__name__)

Clock = Callable[[], float]


@dataclass(slots=True)
class Job:
    """Something to do every ``seconds``, the first time after ``delay`` seconds."""

    name: str
    seconds: float
    run: Callable[[], object]
    delay: float
    due: float = 0.0


class Schedule:
    """Runs jobs one after the other in one thread; a job that fails is logged and tried again."""

    def __init__(self, jobs: list[Job], clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._stop = Event()
        self._jobs = [job for job in jobs if job.seconds > 0]
        for job in self._jobs:
            job.due = clock() + job.delay

    def run_due(self) -> list[str]:
        """Run every job whose time has come; returns their names."""
        due = [job for job in self._jobs if job.due <= self._clock()]
        for job in due:
            try:
                log.info("%s: %s", job.name, job.run())
            except Exception:
                log.exception("%s failed; it is tried again in %.0f s", job.name, job.seconds)
            job.due = self._clock() + job.seconds
        return [job.name for job in due]

    def start(self) -> None:
        """Run in a daemon thread until ``stop``."""
        if self._jobs:
            Thread(target=self._loop, name="schedule", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end after the job it is in."""
        self._stop.set()

    def _loop(self) -> None:
        while not self._stop.wait(max(0.0, min(job.due for job in self._jobs) - self._clock())):
            self.run_due()


def lake_schedule(lake: Lake, settings: Settings) -> Schedule:
    """The embedded form's schedule: curate at once (a killed import may have left raw events) and every
    few minutes, maintain every few hours."""
    hours = settings.maintain_hours * 3600
    return Schedule(
        [
            Job("curate", settings.curate_minutes * 60, lake.curate, 0),
            Job("maintain", hours, lambda: lake.maintain(datetime.now(UTC)), hours),
        ]
    )
