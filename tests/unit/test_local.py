"""The background schedule, by a clock the test turns."""

from __future__ import annotations

import pytest

from data_access.settings import load
from pipeline.local import Job, Schedule, lake_schedule
from tests.unit.fake_lake import FakeLake


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


def test_the_lake_is_curated_at_once_and_zero_turns_jobs_off() -> None:
    settings = load({"curate_minutes": 60, "maintain_hours": 24}, {})
    assert lake_schedule(FakeLake(), settings).run_due() == ["curate"]
    off = load({"curate_minutes": 0, "maintain_hours": 0}, {})
    assert lake_schedule(FakeLake(), off).run_due() == []
