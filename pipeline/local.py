"""What runs in the background of the embedded form: the log's consumers, curation, maintenance."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from data_access.backends import Backends
from data_access.model import Scope
from data_access.ports import Log
from data_access.reconciliation import differences
from data_access.settings import Settings
from pipeline import lake_writer, live
from pipeline.findings.alerting import send_alerts
from pipeline.findings.drop import DropFolder, take_dropped
from pipeline.lake_writer import LakeConsumer
from pipeline.live import LiveConsumer
from pipeline.rules import load_rules

log = logging.getLogger(__name__)

Clock = Callable[[], float]
RELEASE_SECONDS, TRIM_SECONDS, UNMUTE_SECONDS = 5, 600, 60
_AFTER_FAILURE = 1.0
LEAVE, LEAVE_IN_FLOOD = 1, 19
"""After a full step a consumer leaves the processor to requests for this many times as long as it had it:
for longer while more comes in than it can follow. What waits is on disk, what is refused is not."""
_GATHER = 0.1
"""Seconds in which events gather for the next fold: one for many costs little more than one for one."""
_LOOK_AGAIN = 0.5
"""Seconds after which records of other processes are looked for."""


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


class Pace:
    """How a consumer gives way to requests, from the beginning of a step."""

    def __init__(self, log: Log, full: int, clock: Clock = time.monotonic) -> None:
        self._log, self._full, self._clock = log, full, clock
        self._head, self._started = log.head(), clock()

    def rest(self, done: int) -> float:
        """Seconds to pause after a step over ``done`` events: none after one that was not ``full``."""
        if done < self._full:
            return 0.0
        leave = LEAVE_IN_FLOOD if self._log.head() - self._head > done else LEAVE
        return leave * (self._clock() - self._started)


class Follower:
    """Folds the log into the live counters as it grows, in a thread of its own."""

    def __init__(self, consumer: LiveConsumer) -> None:
        self._consumer = consumer
        self._stop = Event()

    def start(self) -> None:
        """Follow in a daemon thread until ``stop``."""
        Thread(target=self._loop, name="live", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end after the step it is in."""
        self._stop.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                pace = Pace(self._consumer.log, live.STEP)
                if done := self._consumer.step():
                    self._stop.wait(pace.rest(done) or _GATHER)
                else:
                    self._consumer.wait(_LOOK_AGAIN)
            except Exception:
                log.exception("the live counts could not be brought up to date; trying again")
                self._stop.wait(_AFTER_FAILURE)


def start(backends: Backends) -> None:
    """Start all that runs beside the web server: each schedule has a thread, so that a long curation holds
    up neither the log nor the live counts. Where the log is not this machine's, functions do all but one."""
    Thread(target=fill_columns, args=(backends,), name="finding-index", daemon=True).start()
    if backends.log is None or backends.log_lake is None:
        return
    settings = backends.settings
    live = LiveConsumer(backends.log, backends.counters)
    lake = LakeConsumer(backends.log, backends.log_lake, load_rules(settings.rules_file))
    Follower(live).start()
    log_schedule(settings, lake, live).start()
    lake_schedule(backends).start()
    findings_schedule(backends).start()
    alert_schedule(backends).start()


def log_schedule(settings: Settings, lake: LakeConsumer, live: LiveConsumer) -> Schedule:
    """Bring the log to the lake, at once after a start, and forget what nobody needs any more."""

    def flush() -> int:
        """All there is; a step that is not full was the last."""
        total, seen = 0, lake_writer.STEP
        while seen >= lake_writer.STEP:
            pace = Pace(lake.log, lake_writer.STEP)
            seen = lake.step()
            total += seen
            time.sleep(pace.rest(seen))
        return total

    def trim() -> int:
        return lake.log.trim(datetime.now(UTC) - timedelta(hours=settings.log_hours))

    return Schedule(
        [
            Job("flush", settings.flush_seconds, flush, 0),
            Job("release", RELEASE_SECONDS, live.release, RELEASE_SECONDS),
            Job("trim", TRIM_SECONDS, trim, TRIM_SECONDS),
        ]
    )


def lake_schedule(backends: Backends) -> Schedule:
    """Curate at once (a killed import may have left raw events) and every few minutes, then reconcile;
    maintain every few hours."""
    lake, settings = backends.lake, backends.settings
    hours = settings.maintain_hours * 3600

    def curate() -> object:
        done = lake.curate()
        report_differences(backends)
        return done

    return Schedule(
        [
            Job("curate", settings.curate_minutes * 60, curate, 0),
            Job("maintain", hours, lambda: lake.maintain(datetime.now(UTC)), hours),
        ]
    )


def findings_schedule(backends: Backends) -> Schedule:
    """End suppressions of findings when they were to end, and take in what is dropped into the folder."""
    store, settings = backends.findings, backends.settings
    folder, rejects = DropFolder(Path(settings.findings_folder)), settings.data_dir / "rejects"
    seconds = settings.findings_folder_seconds if settings.findings_folder else 0
    return Schedule(
        [
            Job("unmute", UNMUTE_SECONDS, lambda: store.unmute(_now()), 0),
            Job("drop folder", seconds, lambda: len(take_dropped(store, folder, rejects, _now())), 0),
        ]
    )


def _now() -> int:
    """UTC µs since 1970."""
    return time.time_ns() // 1000


def fill_columns(backends: Backends) -> None:
    """Bring the columns of findings up to date, so that nobody who asks first waits for all of them."""
    try:
        backends.finding_index.refresh()
    except Exception:
        log.exception("the columns of findings could not be filled; the first question tries again")


def alert_schedule(backends: Backends) -> Schedule:
    """Send alerts, where somebody is to be told; a receiver that is slow holds up nothing else."""
    store, alerts = backends.findings, backends.alerts
    if alerts is None:
        return Schedule([])
    return Schedule([Job("alerts", backends.settings.alert_seconds, lambda: send_alerts(store, alerts), 0)])


def report_differences(backends: Backends) -> int:
    """Reconcile, and raise the alarm for every difference that nothing explains; how many there are."""
    report = backends.reconciled(Scope("reconciliation"))
    for text in differences(report):
        log.error(text)
    return len(report.unexplained)
