"""Checks callback requests against the declared callbacks before Dash sees them: 400 instead of 500."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Request

from pages.parts.access import permission_of

_TEXT = (str, type(None))
_NUMBER = (int, type(None))
_TYPES: dict[str, tuple[type, ...]] = {
    "search": _TEXT,
    "pathname": _TEXT,
    "value": (str, list, int, float, type(None)),
    "n_clicks": _NUMBER,
    "n_submit": _NUMBER,
    "n_intervals": _NUMBER,
    "opened": (bool, type(None)),
    "data": (dict, list, str, int, float, type(None)),
    "id": (dict, str),
}
"""Types of the properties server callbacks listen to; a callback on another property stops start-up."""

MANY = '["ALL"]'
MAX_DEPTH = 32
"""How deep values are in one another at most; deeper ones could not be sent back."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A server callback as declared: its permission, and (id, property) of outputs, inputs and states."""

    permission: str | None
    outputs: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    several: bool


def declarations(callback_map: Mapping[str, Any]) -> dict[str, Declared]:
    """Every callback the server runs, by its output id. Clientside ones are left out."""
    found = {name: _declared(entry) for name, entry in callback_map.items() if "callback" in entry}
    for name, declared in found.items():
        for _, prop in (*declared.inputs, *declared.states):
            if prop not in _TYPES:
                raise ValueError(f"callback {name} listens to {prop!r}: add its types to callback_bodies")
    return found


def _declared(entry: Mapping[str, Any]) -> Declared:
    output = entry["output"]
    outputs = output if isinstance(output, list | tuple) else [output]
    return Declared(
        permission_of(entry["callback"]),
        tuple((part.component_id_str(), part.component_property) for part in outputs),
        tuple((part["id"], part["property"]) for part in entry["inputs"]),
        tuple((part["id"], part["property"]) for part in entry["state"]),
        isinstance(output, list | tuple),
    )


def find(request: Request, callbacks: Mapping[str, Declared]) -> Declared | str:
    """The callback a request is for, or what is wrong with the request."""
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        return "The body is no callback request."
    if problem := _unreadable(body):
        return problem
    declared = callbacks.get(body["output"])
    if declared is None:
        return "There is no such callback."
    return _problem(body, declared) or declared


def _unreadable(body: dict[str, Any]) -> str | None:
    """What of a body is more than JSON has everywhere (RFC 8259), so that it could not be written again."""
    left: list[tuple[Any, int]] = [(body, 0)]
    while left:
        value, depth = left.pop()
        if depth > MAX_DEPTH:
            return f"The body is nested more than {MAX_DEPTH} deep."
        if isinstance(value, (dict, list)):
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            left += [(one, depth + 1) for one in inner]
        elif isinstance(value, str) and not value.isascii() and not _is_whole(value):
            return "The body has half of a character in it."
        elif isinstance(value, (int, float)) and not abs(value) < 2**63:
            return "The body has a number that is too large, or none."
    return None


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in text)


def _problem(body: dict[str, Any], declared: Declared) -> str | None:
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(map(_is_name, changed)):
        return "changedPropIds is no list of names."
    if not _fits_outputs(body.get("outputs"), declared):
        return "The outputs are not the callback's."
    if not _fits(body.get("inputs", []), declared.inputs):
        return "The inputs are not the callback's."
    if not _fits(body.get("state", []), declared.states):
        return "The state is not the callback's."
    return None


def _is_name(name: Any) -> bool:
    """Whether Dash can read what changed: an id, which is an object in JSON where it starts as one, a dot and
    a property."""
    if not isinstance(name, str) or not name.startswith("{"):
        return isinstance(name, str)
    try:
        return isinstance(json.loads(name.rpartition(".")[0]), dict)
    except (ValueError, RecursionError):
        return False


def _fits_outputs(given: Any, declared: Declared) -> bool:
    parts = given if declared.several else [given]
    return (
        isinstance(parts, list)
        and len(parts) == len(declared.outputs)
        and all(_is_output(part, *expected) for part, expected in zip(parts, declared.outputs, strict=True))
    )


def _fits(given: Any, expected: tuple[tuple[str, str], ...]) -> bool:
    return (
        isinstance(given, list)
        and len(given) == len(expected)
        and all(_is_input(part, *one) for part, one in zip(given, expected, strict=True))
    )


def _is_output(part: Any, declared_id: str, prop: str) -> bool:
    if MANY in declared_id:
        return isinstance(part, list) and all(_is_part(one, declared_id, prop) for one in part)
    return _is_part(part, declared_id, prop)


def _is_input(part: Any, declared_id: str, prop: str) -> bool:
    if MANY in declared_id:
        return isinstance(part, list) and all(_is_value(one, declared_id, prop) for one in part)
    return _is_value(part, declared_id, prop)


def _is_value(part: Any, declared_id: str, prop: str) -> bool:
    return _is_part(part, declared_id, prop) and isinstance(part.get("value"), _TYPES[prop])


def _is_part(part: Any, declared_id: str, prop: str) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("property"), str):
        return False
    # A property that several callbacks write has a mark behind an @, in outputs only.
    if part["property"].partition("@")[0] != prop:
        return False
    given = part.get("id")
    if not declared_id.startswith("{"):
        return bool(given == declared_id)
    pattern = json.loads(declared_id)
    return (
        isinstance(given, dict)
        and given.keys() == pattern.keys()
        and all(
            isinstance(given[key], (str, int, float))
            if isinstance(expected, list)
            else given[key] == expected
            for key, expected in pattern.items()
        )
    )
