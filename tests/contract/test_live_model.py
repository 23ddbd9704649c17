"""The live path under every schedule hypothesis can think of; and mutants of it, which must not live."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from data_access.embedded import log as embedded_log
from data_access.embedded.counters import EmbeddedCounters
from data_access.embedded.following import EmbeddedFollowing
from data_access.live import Settlement, Sighting
from tests.contract.live_model import LivePath

KILLING = 500
"""Examples that are enough to kill every mutant."""
EXAMPLES = int(os.environ.get("LIVE_EXAMPLES", KILLING))
STEPS = 30


def run(examples: int) -> None:
    run_state_machine_as_test(
        LivePath,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_event_counts_once_and_every_difference_has_its_reason() -> None:
    run(EXAMPLES)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """Counts whatever it is given."""
    patch.setattr(EmbeddedCounters, "_fence", lambda *_: 0)


def offset_without_counts(patch: pytest.MonkeyPatch) -> None:
    """The offset is noted by one fold, the counts come with the next."""
    fold = EmbeddedCounters.fold
    late: dict[int, list[Sighting]] = {}

    def mutant(self: Any, epoch: str, after: int, last: int, sightings: Any) -> int:
        before, late[id(self)] = late.get(id(self), []), list(sightings)
        return fold(self, epoch, after, last, before)

    patch.setattr(EmbeddedCounters, "fold", mutant)


def no_gap(patch: pytest.MonkeyPatch) -> None:
    """Folds records although earlier ones have not been folded."""
    fold = EmbeddedCounters.fold

    def mutant(self: Any, epoch: str, after: int, last: int, sightings: Any) -> int:
        return fold(self, epoch, min(after, self.offset(epoch)), last, sightings)

    patch.setattr(EmbeddedCounters, "fold", mutant)


def forgetful_log(patch: pytest.MonkeyPatch) -> None:
    """Retention looks at the fastest consumer instead of the slowest."""
    trim = embedded_log._trim

    class Fastest:
        def __init__(self, db: Any) -> None:
            self._db = db

        def execute(self, text: str, *values: Any) -> Any:
            return self._db.execute(text.replace("min(sequence)", "max(sequence)"), *values)

    patch.setattr(embedded_log, "_trim", lambda db, before, now: trim(Fastest(db), before, now))  # type: ignore[arg-type]


def hasty_verdict(patch: pytest.MonkeyPatch) -> None:
    """Minutes are judged although the lake does not hold all of them yet."""
    hasty = Settlement(lambda item: True, is_counted=True)
    patch.setattr(EmbeddedFollowing, "settlement", lambda *_: hasty)


MUTANTS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    no_fence,
    offset_without_counts,
    no_gap,
    forgetful_log,
    hasty_verdict,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_does_not_live(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        run(KILLING)
