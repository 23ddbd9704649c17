"""Changes of many findings, in the background and in pieces, with progress that any process can see."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from threading import Event, Lock, Thread
from time import time_ns
from typing import Literal
from uuid import uuid4

from data_access.findings import Change, Changed, checked
from data_access.model import UsageError
from data_access.ports import Documents, FindingsStore

KIND = "findings_change"
"""Progress among the documents."""
PIECE = 2_000
"""Findings changed at a time: others who write wait for one piece at most."""
SILENCE = 30_000_000
"""Without a sign of life for so long (µs), the process that worked on a change has died."""
_BEAT = SILENCE // 6
_KEPT = 7 * 24 * 3600 * 1_000_000
_STOPPED = "the store failed, the log says how; what was changed until then is kept and can be undone"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a change of many findings is: of ``total`` those changed, those that were as wanted already,
    and those somebody else had changed. ``number`` is the change's in the store, None before it begins; times
    are UTC µs, ``beat`` that of the last note. ``error`` says why it ended early."""

    id: str
    what: Literal["change", "undo"]
    by: str
    at: int
    total: int
    done: int = 0
    same: int = 0
    conflicts: int = 0
    number: int | None = None
    finished: bool = False
    error: str = ""
    beat: int = 0

    @property
    def handled(self) -> int:
        """How many of the findings it has come to."""
        return self.done + self.same + self.conflicts

    def after(self, piece: Changed) -> Progress:
        """The progress with one more piece."""
        return replace(
            self,
            done=self.done + piece.done,
            same=self.same + piece.same,
            conflicts=self.conflicts + len(piece.conflicts),
            number=piece.number,
        )


def interrupted(progress: Progress, now: int) -> bool:
    """Whether the process that worked on it has died. What it changed is kept and can be undone by its
    number; the same can be started again."""
    return not progress.finished and now - progress.beat > SILENCE


Work = Callable[[Sequence[str], int | None], Changed]
"""Changes findings by key, as part of the change of a number, None for a new one."""


@dataclass(slots=True)
class _Job:
    progress: Progress
    keys: Sequence[str]
    work: Work
    version: int | None = None
    over: Event = field(default_factory=Event)


class FindingChanges:
    """Changes over many findings: one after the other, in a thread that lives while there are any."""

    def __init__(
        self, store: FindingsStore, documents: Documents, clock: Callable[[], int] = lambda: time_ns() // 1000
    ) -> None:
        self._store = store
        self._documents = documents
        self._clock = clock
        self._lock = Lock()
        self._jobs: deque[_Job] = deque()

    def start(self, versions: Mapping[str, int], change: Change, by: str, at: int) -> str:
        """Begin to change findings whose workflow still has the version named; what to ask ``progress`` for.
        Raises UsageError for a change that cannot be, or of nothing."""
        checked(change, at)
        wanted = dict(versions)

        def work(keys: Sequence[str], number: int | None) -> Changed:
            return self._store.change({key: wanted[key] for key in keys}, change, by, at, number)

        return self._begin("change", list(wanted), work, by, at)

    def undo(self, number: int, by: str, at: int) -> str:
        """Begin to take a change back where nobody has changed the finding since; what to ask ``progress``
        for. Raises UsageError if it changed nothing."""

        def work(keys: Sequence[str], undoing: int | None) -> Changed:
            return self._store.undo(number, by, at, keys, undoing)

        return self._begin("undo", self._store.changed_by(number), work, by, at)

    def progress(self, id: str) -> Progress | None:
        """How far a change is, begun in whatever process; None if there is none, or it is long over."""
        document = self._documents.get(KIND, id)
        return Progress(**document.value) if document else None

    def wait(self, id: str, seconds: float) -> bool:
        """Wait until a change that this instance works on is over, at most ``seconds``; whether it is."""
        with self._lock:
            job = next((job for job in self._jobs if job.progress.id == id), None)
        return job is None or job.over.wait(seconds)

    def _begin(
        self, what: Literal["change", "undo"], keys: Sequence[str], work: Work, by: str, at: int
    ) -> str:
        if not keys:
            raise UsageError("there are no findings to change")
        self._forget_old()
        job = _Job(Progress(uuid4().hex, what, by, at, len(keys)), keys, work)
        self._note(job, job.progress)
        with self._lock:
            self._jobs.append(job)
            if len(self._jobs) == 1:
                Thread(target=self._run, name="finding-changes", daemon=True).start()
        return job.progress.id

    def _run(self) -> None:
        """Work on the first of the jobs until there is none. A job that is worked on stays the first."""
        more = True
        while more:
            job = self._jobs[0]
            self._finish(job)
            with self._lock:
                self._jobs.popleft()
                more = bool(self._jobs)
            job.over.set()

    def _finish(self, job: _Job) -> None:
        error = ""
        try:
            self._change(job)
        except UsageError as found:
            error = str(found)
        except Exception:
            _log.exception("a change of %d findings stopped", job.progress.total)
            error = _STOPPED
        try:
            self._note(job, replace(job.progress, finished=True, error=error))
        except Exception:
            _log.exception("the end of a change of %d findings was not noted", job.progress.total)

    def _change(self, job: _Job) -> None:
        """Change the findings in pieces. The number is noted before anything is changed, so that all of it
        can be undone whenever the process dies."""
        self._note(job, job.progress.after(job.work((), None)))
        for start in range(0, len(job.keys), PIECE):
            piece = job.work(job.keys[start : start + PIECE], job.progress.number)
            self._note(job, job.progress.after(piece))
            self._beat()

    def _beat(self) -> None:
        """Let those that wait for their turn give a sign of life."""
        with self._lock:
            waiting = list(self._jobs)[1:]
        for job in waiting:
            if self._clock() - job.progress.beat > _BEAT:
                self._note(job, job.progress)

    def _note(self, job: _Job, progress: Progress) -> None:
        job.progress = replace(progress, beat=self._clock())
        if self._documents.put(KIND, job.progress.id, asdict(job.progress), job.version):
            job.version = (job.version or 0) + 1

    def _forget_old(self) -> None:
        for id, document in self._documents.list(KIND):
            if self._clock() - document.value["beat"] > _KEPT:
                self._documents.delete(KIND, id, document.version)
