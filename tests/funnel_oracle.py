"""Funnels by explicit search, written from the definition in data_access/questions/funnel.py only.

Every way to give the steps different events is tried; nothing is shared with the product's SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest


@dataclass(frozen=True)
class Event:
    """One event of a small log; ``ms`` is its time."""

    ms: int
    name: str
    user: int | None = 1
    session: int | None = 1
    properties: Mapping[str, str] | None = None
    country: str | None = None


@dataclass(frozen=True)
class Step:
    """An event name and (property, operator, value) conditions."""

    name: str
    conditions: tuple[tuple[str, str, str], ...] = ()

    @property
    def text(self) -> str:
        """The step as the question's parameter wants it."""
        inside = ";".join(f"{p}{o}{v}" for p, o, v in self.conditions)
        return f"{self.name}[{inside}]" if inside else self.name

    def takes(self, event: Event) -> bool:
        return event.name == self.name and all(_holds(event, *c) for c in self.conditions)


@dataclass(frozen=True)
class Options:
    """A funnel's options; ``window`` in ms, None for the whole period."""

    steps: tuple[Step, ...]
    window: int | None = None
    unit: str = "user"
    order: str = "ordered"
    breakdown: str = ""


Chain = tuple[Event, ...]
Row = dict[str, Any]


def answer(events: list[Event], options: Options) -> list[Row]:
    """The rows the question must give, in the order of its table."""
    arrivals: dict[str | None, dict[int, dict[int, list[Chain]]]] = defaultdict(lambda: defaultdict(dict))
    for unit, own in _by_unit(events, options.unit).items():
        for number in range(1, len(options.steps) + 1):
            for chain in _chains(own, options, number):
                value = _value(chain[0], options.breakdown)
                arrivals[value][unit].setdefault(number, []).append(chain)
    if not options.breakdown:
        arrivals[None]  # a funnel nobody starts still has its rows
    values = sorted(arrivals, key=lambda v: (-len(arrivals[v]), v or ""))
    return [row for value in values for row in _rows(value, arrivals[value], options)]


def _by_unit(events: list[Event], unit: str) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        key = event.user if unit == "user" else event.session
        if key is not None:
            found[key].append(event)
    return found


def _chains(events: list[Event], options: Options, number: int) -> Iterator[Chain]:
    candidates = [[i for i, e in enumerate(events) if step.takes(e)] for step in options.steps[:number]]
    for picked in product(*candidates):
        if len(set(picked)) == number and _valid(events, picked, options):
            yield tuple(events[i] for i in picked)


def _valid(events: list[Event], picked: tuple[int, ...], options: Options) -> bool:
    times = [events[i].ms for i in picked]
    first, last = min(times), max(times)
    if options.window is not None and last - first > options.window:
        return False
    if options.order == "any":
        return True
    between = {i for i, e in enumerate(events) if first < e.ms < last}
    return times == sorted(times) and (options.order == "ordered" or between <= set(picked))


def _rows(value: str | None, units: dict[int, dict[int, list[Chain]]], options: Options) -> list[Row]:
    rows: list[Row] = []
    for number in range(1, len(options.steps) + 1):
        reached = [chains for chains in units.values() if number in chains]
        times = sorted(_time(chains, number, options) for chains in reached) if number > 1 else []
        before = rows[-1]["reached"] if rows else len(reached)
        first = rows[0]["reached"] if rows else len(reached)
        rows.append(
            ({options.breakdown: value} if options.breakdown else {})
            | {
                "step": number,
                "reached": len(reached),
                "from_step_before": len(reached) / before if before else 0.0,
                "from_first": len(reached) / first if first else 0.0,
                "median_seconds": _quantile(times, 0.5),
                "p90_seconds": _quantile(times, 0.9),
            }
        )
    return rows


def _time(chains: dict[int, list[Chain]], number: int, options: Options) -> int:
    """From the previous step to the unit's first arrival at step ``number``."""
    arrived = min(_arrival(chain) for chain in chains[number])
    if options.order != "any":
        # of the ways that lead to this arrival, the one that reached the previous step last
        return arrived - max(_arrival(c[:-1]) for c in chains[number] if _arrival(c) == arrived)
    before = [_arrival(chain) for chain in chains[number - 1]]
    if all(_exclude(options.steps[number - 1], step) for step in options.steps[: number - 1]):
        return arrived - max(t for t in before if t <= arrived)
    # the event that arrives could also stand for an earlier step, which must not count as time 0
    limit = arrived - options.window if options.window is not None else 0
    return arrived - max((t for t in before if limit <= t < arrived), default=arrived)


def _exclude(one: Step, other: Step) -> bool:
    """No event can be both: other names, or two different values wanted of one property."""
    mine, theirs = ([(p, v) for p, o, v in s.conditions if o == "="] for s in (one, other))
    return one.name != other.name or any(p == q and v != w for p, v in mine for q, w in theirs)


def _arrival(chain: Chain) -> int:
    return max(event.ms for event in chain)


def _quantile(times: list[int], share: float) -> float | None:
    if not times:
        return None
    position = share * (len(times) - 1)
    low = int(position)
    high = min(low + 1, len(times) - 1)
    return (times[low] + (position - low) * (times[high] - times[low])) / 1000


def _value(event: Event, breakdown: str) -> str | None:
    if not breakdown:
        return None
    if breakdown == "country":
        return event.country or "unknown"
    return _property(event, breakdown.removeprefix("properties.")) or "unknown"


def _property(event: Event, name: str) -> str | None:
    return (event.properties or {}).get(name)


def _holds(event: Event, name: str, operator: str, wanted: str) -> bool:
    found = _property(event, name)
    match operator:
        case "=":
            return (found or "") == wanted
        case "!=":
            return (found or "") != wanted
        case "~":
            return wanted in (found or "")
    try:
        number, limit = float(found or ""), float(wanted)
    except ValueError:
        return False
    return {">": number > limit, ">=": number >= limit, "<": number < limit, "<=": number <= limit}[operator]


def same(ours: list[Row], expected: list[Row]) -> None:
    """Fail unless the product's rows are the expected ones."""
    assert len(ours) == len(expected)
    for row, wanted in zip(ours, expected, strict=True):
        assert {k: v for k, v in row.items() if k != "name"} == {
            k: pytest.approx(v, abs=1e-9) if isinstance(v, float) else v for k, v in wanted.items()
        }
