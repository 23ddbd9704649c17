"""A model of the live path as a state machine: the real log and counters against plain Python lists.

Two writers fold what they have read, at once, late, in other slices or twice; a lake follows; time passes,
records and counts expire, processes die. Whatever happens, every logged event counts once, and every
difference between the live counts and the lake has its reason.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from data_access.embedded.counters import EmbeddedCounters
from data_access.embedded.following import EmbeddedFollowing
from data_access.embedded.log import EmbeddedLog
from data_access.live import Record, Sighting
from data_access.model import Scope
from data_access.ports import GapError
from data_access.realtime import minute_of, moment_of
from data_access.reconciliation import reconcile
from data_access.records import Head, sealed
from pipeline import live

SITE = "shop"
TYPES = ("page_view", "click", "error")
START = datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
TMPFS = Path("/dev/shm")

EVENT = st.tuples(
    st.sampled_from(TYPES),
    st.integers(0, 7),  # which id: few, so that some come again
    st.sampled_from((0, 0, 0, 1, 2, -3, 60 * 25, -7)),  # minutes ago
)


@dataclass
class Row:
    """An event of the log as the model knows it."""

    sequence: int
    event_id: str
    event_type: str
    minute: int
    counted: int


@dataclass
class ModelLake:
    """The lake as lists: rows up to an offset, and what of them is curated."""

    rows: list[Row] = field(default_factory=list)
    raw: int = 0
    curated: int = 0
    epoch: str = ""

    def snapshot(self) -> Any:
        return SimpleNamespace(key=str(self.curated), log=(self.epoch, self.curated))

    def ask(self, _name: str, raw: dict[str, str], _scope: Scope) -> Any:
        """The answer to reconciliation.minutes, by its definition."""
        since = minute_of(datetime.fromisoformat(raw["since"]))
        found: dict[tuple[int, str], Counter[str]] = {}
        seen: set[str] = set()

        def cell(minute: int, kind: str) -> Counter[str]:
            return found.setdefault((minute, kind), Counter()) if minute >= since else Counter()

        for row in self.rows:
            if row.sequence > self.curated:
                break
            own, counted = cell(row.minute, row.event_type), cell(row.counted, row.event_type)
            if row.event_id in seen:
                counted["duplicates"] += 1
                continue
            seen.add(row.event_id)
            own["final"] += 1
            if row.minute != row.counted:
                counted["moved_in"] += 1
                own["moved_out"] += 1
        rows = [
            {"site": SITE, "minute": moment_of(minute), "event_type": kind}
            | {name: cell[name] for name in ("final", "duplicates", "moved_in", "moved_out")}
            for (minute, kind), cell in found.items()
        ]
        return SimpleNamespace(rows=rows, stamp=SimpleNamespace(data_version=str(self.curated)))


class LivePath(RuleBasedStateMachine):
    """The rules."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=TMPFS if TMPFS.is_dir() else None))
        self.now = START
        self.lake = ModelLake()
        self.rows: list[Row] = []
        self.held: list[tuple[int, list[Record]]] = []
        self.offset = 0
        self.expired_before = 0
        self._open()

    def _open(self) -> None:
        self.log = EmbeddedLog(self.folder / "log.db", clock=self._clock)
        self.counters = EmbeddedCounters(self.folder / "live.db")
        self.consumer = live.LiveConsumer(self.log, self.counters, self._clock)
        self.lake.epoch = self.log.epoch

    def _clock(self) -> float:
        return self.now.timestamp()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.log.close()
            shutil.rmtree(self.folder)

    @rule(events=st.lists(EVENT, min_size=1, max_size=4))
    def append(self, events: list[tuple[str, int, int]]) -> None:
        at = self.now.replace(tzinfo=None)
        wire = []
        first = len(self.rows) + 1
        for place, (kind, number, ago) in enumerate(events):
            ts = at - timedelta(minutes=ago)
            event_id = f"00000000-0000-0000-0000-00000000000{number}"
            wire.append(
                {
                    "event_type": kind,
                    "session_id": f"s{number % 3}",
                    "source": "web",
                    "event_id": event_id,
                    "timestamp": f"{ts.isoformat(timespec='milliseconds')}Z",
                }
            )
            counted = ts if -5 <= ago <= 24 * 60 else at
            self.rows.append(Row(first + place, event_id, kind, minute_of(ts), minute_of(counted)))
        body = sealed(Head(SITE, int(self._clock() * 1000)), json.dumps({"events": wire}).encode())
        assert self.log.append(body, len(events)).sequences == range(first, first + len(events))

    @rule(behind=st.integers(-2, 8), limit=st.integers(1, 9), at_once=st.booleans())
    def read(self, behind: int, limit: int, at_once: bool) -> None:
        """A writer reads from where it believes the offset to be, which may be wrong either way, and folds
        that now or some time."""
        after = max(0, self.offset - behind)
        self.held.append((after, self.log.read(after, limit)))
        if at_once:
            self._fold(*self.held[-1])

    @rule(which=st.integers(0, 5), cut=st.integers(0, 3))
    def fold(self, which: int, cut: int) -> None:
        """A writer folds what it has held for some time, or a slice of it, or folds it once more."""
        if self.held:
            after, records = self.held[-1 - which % len(self.held)]
            self._fold(after, records[: max(1, len(records) - cut)])

    def _fold(self, after: int, records: list[Record]) -> None:
        if not records:
            return
        seen = self._sightings(records, after)
        try:
            self.offset = self.counters.fold(self.log.epoch, after, records[-1].last, seen)
        except GapError:
            assert after > self.offset

    def _sightings(self, records: list[Record], after: int) -> list[Sighting]:
        oldest = minute_of(self.now.replace(tzinfo=None)) - live.IGNORED_HOURS * 60
        return [one for one in live.sightings(records, after) if one.minute >= oldest]

    @rule()
    def step(self) -> None:
        self.consumer.step()
        self.offset = self.counters.offset(self.log.epoch)

    @rule(events=st.integers(1, 12), curate=st.booleans())
    def flush(self, events: int, curate: bool) -> None:
        """The lake's consumer appends; its own fence is tested with the real lake."""
        gained = [row for row in self.rows if row.sequence > self.lake.raw][:events]
        if gained:
            read = self.log.read(self.lake.raw, 1)
            assert read, "the log forgot what the lake has not read"
            assert read[0].first <= gained[0].sequence <= read[0].last
            self.lake.rows += gained
            self.lake.raw = gained[-1].sequence
            self.log.commit("lake", self.lake.raw)
        if curate:
            self.lake.curated = self.lake.raw

    @rule(minutes=st.sampled_from((0, 1, 2, 30, 60 * 20, 60 * 80)), hours=st.sampled_from((0, 1, 48)))
    def pass_time(self, minutes: int, hours: int) -> None:
        """Short whiles while records wait, long ones only when all are counted: the live layer ignores what
        is counted more than 26 hours late. Then old records and counts go, or a process dies."""
        if minutes < 60 or self.offset == len(self.rows):
            self.now += timedelta(minutes=minutes)
        self.consumer.release()
        now = minute_of(self.now.replace(tzinfo=None))
        self.expired_before = max(self.expired_before, now - live.KEPT_HOURS * 60)
        self.log.trim(self.now - timedelta(hours=hours))
        if not minutes:
            self.log.close()
            self._open()

    @invariant()
    def each_event_counts_once(self) -> None:
        if not hasattr(self, "counters"):
            return
        expected: dict[int, Counter[str]] = {}
        for row in self.rows[: self.offset]:
            if row.counted >= self.expired_before:
                expected.setdefault(row.counted, Counter())[row.event_type] += 1
        items = self.counters.items(self.expired_before)
        counted = {
            minute.minute: Counter({kind: n for kind, n in minute.counts.items() if n})
            for minute in self.counters.minutes(items)
        }
        assert counted == expected

    @invariant()
    def the_log_keeps_what_is_needed(self) -> None:
        if not hasattr(self, "log"):
            return
        needed = min(self.offset, self.lake.raw)
        have = {n for record in self.log.read(needed, 10_000) for n in range(record.first, record.last + 1)}
        assert have >= set(range(needed + 1, len(self.rows) + 1))

    @invariant()
    def every_difference_has_its_reason(self) -> None:
        if not hasattr(self, "log"):
            return
        report = reconcile(
            EmbeddedFollowing(self.log, self.counters),
            self.log,
            self.counters,
            self.lake,
            self.lake,
            Scope("model"),
            clock=self._clock,  # type: ignore[arg-type]
        )
        assert report.unexplained == ()
        if self.offset == self.lake.curated == len(self.rows):
            assert all(line.settled for line in report.lines)
