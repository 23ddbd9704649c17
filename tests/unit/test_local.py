"""The background schedule, by a clock the test turns."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from data_access.finding_index import Wanted
from data_access.live import Sighting
from pipeline import local
from pipeline.lake_writer import LakeConsumer
from pipeline.live import LiveConsumer
from pipeline.local import Follower, Job, Pace, Schedule, lake_schedule, log_schedule, report_differences
from pipeline.rules import load_rules
from tests.builders import embedded
from tests.door import Door
from tests.findings import SCAN, finding


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_jobs_run_when_they_are_due_and_again_an_interval_later() -> None:
    clock, runs = Clock(), []
    schedule = Schedule([Job("curate", 60, lambda: runs.append(clock.now), 0)], clock)
    assert schedule.run_due() == ["curate"]
    clock.now = 59
    assert schedule.run_due() == []
    clock.now = 60
    assert schedule.run_due() == ["curate"]
    assert runs == [0, 60]


def test_a_job_that_fails_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    def fail() -> None:
        raise OSError("disk full")

    schedule = Schedule([Job("maintain", 60, fail, 0)], clock)
    assert schedule.run_due() == ["maintain"]
    assert "maintain failed; it is tried again in 60 s" in caplog.text
    clock.now = 61
    assert schedule.run_due() == ["maintain"]


def test_the_lake_is_curated_at_once_and_zero_turns_jobs_off(tmp_path: Path) -> None:
    on = embedded(tmp_path / "on", curate_minutes=60, maintain_hours=24)
    assert lake_schedule(on).run_due() == ["curate"]
    off = embedded(tmp_path / "off", curate_minutes=0, maintain_hours=0)
    assert lake_schedule(off).run_due() == []


def test_the_log_reaches_the_lake_at_once_after_a_start(tmp_path: Path) -> None:
    backends = embedded(tmp_path)
    door = Door(backends)
    door.send({"eventName": "page_view"})
    lake = LakeConsumer(backends.log, backends.log_lake, load_rules(""))
    schedule = log_schedule(backends.settings, lake, LiveConsumer(backends.log, backends.counters))
    assert schedule.run_due() == ["flush"]
    assert backends.lake.health()["tables"]["raw_events"]["rows"] == 1
    assert backends.log.offsets() == {"lake": 1, "live": 0}


def test_at_a_start_the_columns_of_findings_are_filled_before_anybody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends, filled = embedded(tmp_path), Event()
    backends.findings.store(SCAN, [finding()])

    def fill(*_: object) -> None:
        local_fill(backends)
        filled.set()

    local_fill = local.fill_columns
    monkeypatch.setattr(local, "fill_columns", fill)
    for background in (Follower, Schedule):
        monkeypatch.setattr(background, "start", lambda _self: None)
    local.start(backends)
    assert filled.wait(10)
    # Nothing but what has changed since is asked of the store.
    monkeypatch.setattr(backends.findings, "since", None)
    assert len(backends.finding_index.select(Wanted("all"), 0, {})) == 1


def test_columns_that_cannot_be_filled_are_an_error_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backends = embedded(tmp_path)
    backends.findings.store(SCAN, [finding()])
    monkeypatch.setattr(backends.findings, "since", None)
    local.fill_columns(backends)
    assert "the columns of findings could not be filled" in caplog.text


def test_a_difference_that_nothing_explains_is_an_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backends = embedded(tmp_path)
    door = Door(backends)
    door.send({"eventName": "page_view"})
    door.settle()
    assert report_differences(backends) == 0
    assert caplog.text == ""
    item = next(iter(backends.counters.items(0)))
    # One more is counted than the log has: a fault of ours, if it happened.
    backends.counters.fold("another log", 0, 1, [Sighting(1, *item, "page_view")])
    assert report_differences(backends) == 1
    assert "page_view: 2 live, 1 in the lake, +1 unexplained" in caplog.text


def test_the_follower_counts_what_comes_and_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backends = embedded(tmp_path)
    door, failed, done = Door(backends), Event(), Event()
    consumer = LiveConsumer(backends.log, backends.counters)
    fold = backends.counters.fold

    def stumbling(*args: Any) -> int:
        if not failed.is_set():
            failed.set()
            raise OSError("disk gone")
        done.set()
        return fold(*args)

    monkeypatch.setattr(backends.counters, "fold", stumbling)
    monkeypatch.setattr(local, "_AFTER_FAILURE", 0.01)
    follower = Follower(consumer)
    follower.start()
    door.send({"eventName": "page_view"})
    assert done.wait(10)
    follower.stop()
    assert "disk gone" in caplog.text


class Growing:
    """A log that so many events have come to."""

    def __init__(self) -> None:
        self.events = 0

    def head(self) -> int:
        return self.events


@pytest.mark.parametrize(
    ("done", "came", "leave"),
    [(99, 500, 0), (100, 0, local.LEAVE), (100, 100, local.LEAVE), (100, 101, local.LEAVE_IN_FLOOD)],
)
def test_a_consumer_gives_way_the_longer_the_more_comes_in(done: int, came: int, leave: int) -> None:
    clock, log = Clock(), Growing()
    pace = Pace(log, 100, clock)  # type: ignore[arg-type]
    clock.now, log.events = 0.5, came
    assert pace.rest(done) == leave * 0.5
