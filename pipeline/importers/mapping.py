"""The TOML mapping: which source column each canonical field comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_access.model import UsageError
from pipeline.enrich import DERIVED, DRAFT_TYPES

FIELDS = tuple(name for name in DRAFT_TYPES if name not in DERIVED)
REQUIRED = ("event_name", "ts")
TIMES = ("ts", "received_at")
KEYS = ("column", "unit", "time_zone", "values", "default", "constant")
UNITS = ("s", "ms", "iso")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where one canonical field comes from, and how its text is read."""

    column: str | None = None
    unit: str | None = None
    time_zone: str = "UTC"
    values: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    constant: str | None = None


FieldRules = dict[str, FieldRule]


def load_mapping(path: Path) -> FieldRules:
    """The mapping in a TOML file. Raises UsageError that says what is wrong and what is taken."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the mapping {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the mapping {path} is not valid TOML: {error}") from error
    try:
        return parse_mapping(document)
    except UsageError as error:
        raise UsageError(f"the mapping {path}: {error}") from None


def parse_mapping(document: Mapping[str, Any]) -> FieldRules:
    """The rules under ``[events]`` of a mapping document. Raises UsageError."""
    _known(document, ("events",), "unknown table {}; there is only [events]")
    events = document.get("events")
    if not isinstance(events, Mapping):
        raise UsageError("there is no [events] table; see docs/import.md")
    _known(events, FIELDS, "unknown field {}; known fields are " + ", ".join(FIELDS))
    rules = {name: _rule(name, value) for name, value in events.items()}
    for name in REQUIRED:
        if name not in rules:
            raise UsageError(f'{name} is not mapped; every event needs it, e.g. {name} = "a column"')
    return rules


def identity_mapping(columns: Sequence[str]) -> FieldRules:
    """The mapping of a file without one: columns with canonical names are taken as they are."""
    rules = {name: FieldRule(column=name) for name in FIELDS if name in columns}
    if "event_name" not in rules and "event_type" in rules:
        rules["event_name"] = rules["event_type"]
    return rules


def check_columns(rules: FieldRules, columns: Sequence[str], file: str) -> None:
    """Raise UsageError when a mapped column, or a field every event needs, is not in the file."""
    there = ", ".join(columns) or "none"
    for name in REQUIRED:
        if name not in rules:
            raise UsageError(
                f"{file} has no column {name}; give a mapping with --map. Its columns are {there}"
            )
    for name, rule in rules.items():
        if rule.column is not None and rule.column not in columns:
            raise UsageError(f"{file} has no column {rule.column!r} for {name}; its columns are {there}")


def _rule(name: str, value: Any) -> FieldRule:
    if isinstance(value, str):
        return FieldRule(column=value)
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} takes a column name or a table of {', '.join(KEYS)}")
    _known(value, KEYS, f"{name} has the unknown key {{}}; known keys are {', '.join(KEYS)}")
    _consistent(name, value)
    return FieldRule(
        column=value.get("column"),
        unit=_unit(name, value.get("unit")),
        time_zone=_zone(name, value.get("time_zone", "UTC")),
        values=_values(name, value.get("values", {})),
        default=_plain(name, "default", value.get("default")),
        constant=_plain(name, "constant", value.get("constant")),
    )


def _consistent(name: str, value: Mapping[str, Any]) -> None:
    column = value.get("column")
    if column is not None and not isinstance(column, str):
        raise UsageError(f"{name}.column takes the name of a column")
    if ("constant" in value) == (column is not None):
        raise UsageError(f"{name} takes either column or constant")
    if "constant" in value and len(value) > 1 + ("unit" in value) + ("time_zone" in value):
        raise UsageError(f"{name} has a constant: leave out values and default")
    if name not in TIMES and ("unit" in value or "time_zone" in value):
        raise UsageError(f"{name} is no time; only {' and '.join(TIMES)} take unit and time_zone")


def _unit(name: str, value: Any) -> str | None:
    if value is not None and value not in UNITS:
        raise UsageError(f"{name}.unit is {value!r}; it takes {', '.join(UNITS)}")
    return str(value) if value is not None else None


def _zone(name: str, value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise UsageError(f"{name}.time_zone is {value!r}; it takes a name such as Europe/Berlin") from error


def _values(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise UsageError(f'{name}.values takes a table of source value = "our value"')
    return {key: _plain(name, f"values.{key}", entry) or "" for key, entry in value.items()}


def _plain(name: str, key: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (str, int, float)):
        return None if value is None else str(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise UsageError(f"{name}.{key} takes a text, number, true or false")


def _known(table: Mapping[str, Any], known: Sequence[str], message: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise UsageError(message.format(repr(unknown[0])))
