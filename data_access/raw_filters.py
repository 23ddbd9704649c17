"""Filters as text parameters, one at a time: days, bots, dimensions, conditions and segments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from data_access import conditions, segments
from data_access.model import Bots, Condition, Group, UsageError
from data_access.ports import Documents
from data_access.sql import ALL_DIMENSIONS

Raw = Mapping[str, str]


def where(raw: Raw, documents: Documents) -> Group:
    """All that must hold: the dimensions given by name, ``where``, and the segments."""
    dimensions = [
        Condition(name, "=", conditions.values(raw[name])) for name in ALL_DIMENSIONS if raw.get(name)
    ]
    more = [
        conditions.read(raw["where"]) if raw.get("where") else None,
        segments.where(documents, raw["segment"]) if raw.get("segment") else None,
    ]
    return conditions.both([Group("all", tuple(dimensions)), *filter(None, more)])


def bots(raw: Raw) -> Bots:
    """Whether bots are part of the answer. Raises UsageError for another word."""
    text = raw.get("bots") or "out"
    match text:
        case "out" | "in" | "only":
            return text
    raise UsageError(f"bots={text!r}; it takes out, in or only")


def day(raw: Raw, name: str) -> date | None:
    """A day, None where none is given. Raises UsageError for text that is none."""
    text = raw.get(name)
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{name}={text!r} is no day; write it as YYYY-MM-DD") from error
    if not date(1970, 1, 1) <= found <= date(2999, 12, 31):
        raise UsageError(f"{name}={text} is out of range; it takes 1970-01-01 to 2999-12-31")
    return found
