"""Two tables row by row: where they differ, and whether every difference is an explained one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Table = Mapping[str, Mapping[str, Any]]
Pair = tuple[Any, Any]
Differences = dict[str, dict[str, Pair]]

ONLY_OURS: dict[str, Pair] = {"row": ("there", "missing")}
"""The difference of a row that the other table does not have."""


@dataclass(frozen=True, slots=True)
class Because:
    """A reason, as docs/parity.md has it, and the differences it explains: row, column, (ours, theirs)."""

    reason: str
    rows: Mapping[str, Mapping[str, Pair]]


def each(keys: str, differences: Mapping[str, Pair]) -> dict[str, Mapping[str, Pair]]:
    """The same differences in several rows, whose keys are separated by white space."""
    return dict.fromkeys(keys.split(), differences)


def explained(reasons: Iterable[Because]) -> Differences:
    """All differences of some reasons. A difference has one reason only."""
    found: Differences = {}
    for because in reasons:
        for key, columns in because.rows.items():
            known = found.setdefault(key, {})
            assert not known.keys() & columns.keys(), f"{key} is explained twice"
            known.update(columns)
    return found


def differences(ours: Table, theirs: Table) -> Differences:
    """Every difference of two tables with the same columns; times as text to the millisecond."""
    found = {key: _of_row(ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()}
    return {key: columns for key, columns in found.items() if columns}


def _of_row(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> dict[str, Pair]:
    if ours is None or theirs is None:
        return ONLY_OURS if theirs is None else {"row": ("missing", "there")}
    assert ours.keys() == theirs.keys()
    return {name: (_text(ours[name]), _text(theirs[name])) for name in ours if ours[name] != theirs[name]}


def _text(value: Any) -> Any:
    return value.isoformat(" ", "milliseconds") if isinstance(value, datetime) else value
