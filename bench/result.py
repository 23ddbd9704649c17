"""A measurement and the bound it has to keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    name: str
    value: float
    bound: float
    unit: str
    detail: str = ""
    kept_otherwise: bool = False

    @property
    def kept(self) -> bool:
        return self.value <= self.bound or self.kept_otherwise

    def __str__(self) -> str:
        verdict = "ok  " if self.kept else "MISS"
        return f"{verdict} {self.name:<58} {self.value:9.3f} {self.unit:<5} (≤ {self.bound:g})  {self.detail}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"kept": self.kept}


def alternating(rounds: int, *actions: Callable[[], object]) -> list[float]:
    """The best seconds of each action, taken in turns so that a busy moment hits all alike."""
    best = [float("inf")] * len(actions)
    for _ in range(rounds):
        for number, action in enumerate(actions):
            started = time.perf_counter()
            action()
            best[number] = min(best[number], time.perf_counter() - started)
    return best
