"""A funnel's options: reading them from text, and which steps one event could serve at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, cast, get_args

from data_access.conditions import COMPARISON
from data_access.lists import pieces, plain, split
from data_access.model import Condition, UsageError
from data_access.sql import DIMENSIONS, NUMBERS, SESSION_DIMENSIONS, UNKNOWN, Params, condition

Order = Literal["ordered", "strict", "any"]
Unit = Literal["user", "session"]

MAX_STEPS = 10
MAX_WINDOW_DAYS = 90
MAX_OVERLAP = 6
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CONDITION = re.compile(rf"\s*{COMPARISON}\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """An event name and the conditions it must meet."""

    event_name: str
    conditions: tuple[Condition, ...] = ()

    def label(self) -> str:
        """The step as people read it: ``name`` or ``name [property = value]``."""
        conditions = "; ".join(f"{c.name} {c.operator} {', '.join(c.values)}" for c in self.conditions)
        return f"{self.event_name} [{conditions}]" if conditions else self.event_name

    def sql(self, params: Params) -> str:
        """The step as a condition on an event."""
        parts = [f"event_name = {params.add(self.event_name)}"]
        parts += [condition(_full(c), params) for c in self.conditions]
        return " and ".join(parts)

    def excludes(self, other: Step) -> bool:
        """True when no event can be both: other names, or one property equal to different values."""
        if self.event_name != other.event_name:
            return True
        mine, theirs = _equals(self), _equals(other)
        return any(mine[name].isdisjoint(theirs[name]) for name in mine.keys() & theirs.keys())


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel's options; ``window`` is in milliseconds, None for the whole period."""

    steps: tuple[Step, ...]
    window: int | None
    unit: Unit
    order: Order
    breakdown: str

    @property
    def kinds(self) -> list[Step]:
        """The different conditions an event is tested for.

        With a breakdown the first step is a kind of its own: it also asks for the value.
        """
        own = 1 if self.breakdown else 0
        return [*self.steps[:own], *dict.fromkeys(self.steps[own:])]

    def kind(self, number: int) -> int:
        """The kind of step ``number`` (from 1), as an index of ``kinds``."""
        if self.breakdown:
            return 0 if number == 1 else 1 + self.kinds[1:].index(self.steps[number - 1])
        return self.kinds.index(self.steps[number - 1])

    def exclusive(self, number: int) -> bool:
        """True when no event that matches step ``number`` can match an earlier step."""
        return all(step.excludes(self.steps[number - 1]) for step in self.steps[: number - 1])

    def rivals(self) -> list[tuple[int, ...]]:
        """Sets of two and more kinds that compete for the same events.

        Together with each single kind these are the sets for which Hall's condition has to hold: as
        many events as steps that need them.
        """
        sets: list[tuple[int, ...]] = []
        for group in _components(self.kinds):
            if len(group) > MAX_OVERLAP:
                raise UsageError(
                    f"{len(group)} different steps of this funnel could be the same event; it takes "
                    f"{MAX_OVERLAP}. Make them exclusive, for example by = on one property."
                )
            sets += [c for size in range(2, len(group) + 1) for c in combinations(sorted(group), size)]
        return sets


def _full(condition: Condition) -> Condition:
    """A name that is no column is looked up in the event's properties."""
    known = "." in condition.name or condition.name in {*DIMENSIONS, *SESSION_DIMENSIONS, *NUMBERS}
    return condition if known else replace(condition, name=f"properties.{condition.name}")


def _equals(step: Step) -> dict[str, frozenset[object]]:
    """What a step's properties must equal; a missing value is an empty one, however it is written."""
    equals = (_full(c) for c in step.conditions if c.operator == "=")
    return {c.name: frozenset(_meant(c.name, value) for value in c.values or ("",)) for c in equals}


def _meant(name: str, value: str) -> object:
    if value in ("", UNKNOWN):
        return ""
    try:
        return float(value) if name in NUMBERS else value
    except ValueError:
        return value


def _components(steps: list[Step]) -> list[list[int]]:
    """Groups of steps linked by being able to match one event."""
    groups: list[list[int]] = []
    for i, step in enumerate(steps):
        linked = [g for g in groups if any(not steps[j].excludes(step) for j in g)]
        groups = [g for g in groups if g not in linked] + [[*(j for g in linked for j in g), i]]
    return groups


def read(values: Mapping[str, str]) -> Funnel:
    """The funnel that text parameters describe. Raises UsageError that says what is taken."""
    steps = parse_steps(values["steps"])
    if not 2 <= len(steps) <= MAX_STEPS:
        raise UsageError(f"steps has {len(steps)} steps; it takes 2 to {MAX_STEPS}, separated by commas")
    return Funnel(
        steps,
        parse_window(values["window"]),
        cast(Unit, _one_of("unit", values["unit"], get_args(Unit))),
        cast(Order, _one_of("order", values["order"], get_args(Order))),
        values["breakdown"],
    )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise UsageError(f"{name}={value!r}; it takes {', '.join(allowed)}")
    return value


def parse_window(text: str) -> int | None:
    """``period`` (None) or a number with s, m, h, d or w, as milliseconds; 1 s to 90 days."""
    if text == "period":
        return None
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    if match is None:
        raise UsageError(f"window={text!r}; it takes a number with s, m, h, d or w, such as 7d, or period")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 1 <= seconds <= MAX_WINDOW_DAYS * 86400:
        raise UsageError(f"window={text} is out of range; it takes 1s to {MAX_WINDOW_DAYS}d, or period")
    return seconds * 1000


def parse_steps(text: str) -> tuple[Step, ...]:
    """``name,name[property=value;property>3],…``; a backslash keeps the next character as it is."""
    return tuple(_step(part) for part in split(text, ",") if part.strip())


def _step(text: str) -> Step:
    name, bracket, rest = _cut(text.strip(), "[")
    if not name.strip():
        raise UsageError(f"the step {text!r} has no event name")
    if not bracket:
        return Step(plain(name.strip()))
    if not rest.endswith("]"):
        raise UsageError(f"the step {text!r} opens a [ and does not close it")
    return Step(plain(name.strip()), tuple(_condition(c) for c in split(rest[:-1], ";") if c.strip()))


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(f"the condition {text!r} is not property=value; it takes = != ~ !~ > >= < <=")
    value = plain(match[3])
    return Condition(match[1], match[2], (value,) if value else ())


def _cut(text: str, separator: str) -> tuple[str, str, str]:
    """``str.partition`` that passes over escaped separators."""
    found = pieces(text)
    if separator not in found:
        return text, "", ""
    at = found.index(separator)
    return "".join(found[:at]), separator, "".join(found[at + 1 :])
