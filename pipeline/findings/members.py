"""Reading members of JSON objects nobody checked: by path, never raising, and what a table finds wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from data_access.findings import MAX_FINDING_BYTES, Refusal
from pipeline.findings.times import NO_ZONE, to_micros

Object = dict[str, Any]
Kind = Literal["text", "number", "integer", "list", "object", "texts"]
_ABSENT: Any = object()
_SHOWN = 40


class UnusableError(Exception):
    """A document that is no finding that can be kept: why, and a message for people."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is read: its path (``Resources[].Type``), its kind, and its values if they are few."""

    path: str
    kind: Kind
    required: bool = False
    values: frozenset[str] = frozenset()

    @property
    def steps(self) -> tuple[str, ...]:
        """The path's names."""
        return tuple(self.path.split("."))


@dataclass(slots=True)
class Checks:
    """A table of members as a tree, so that a document is walked once."""

    member: Member | None = None
    names: dict[str, Checks] = field(default_factory=dict)
    items: Checks | None = None

    @classmethod
    def of(cls, table: Iterable[Member]) -> Checks:
        """The tree of a table."""
        root = cls()
        for member in table:
            root._below(member.steps).member = member
        return root

    def wrong_in(self, document: Object) -> list[str]:
        """What is wrong with the document by the table: missing, of another kind, unknown value; in words."""
        found: dict[str, None] = {}
        self._walk(document, found)
        return list(found)

    def _below(self, steps: tuple[str, ...]) -> Checks:
        here = self
        for step in steps:
            here = here.names.setdefault(step.removesuffix("[]"), Checks())
            if step.endswith("[]"):
                here.items = here = here.items or Checks()
        return here

    def _walk(self, value: Any, found: dict[str, None]) -> None:
        if self.member is not None:
            wrong = _wrong(self.member, value)
            if wrong:
                found[f"{self.member.path} {wrong}"] = None
        if self.names and isinstance(value, dict):
            for name, below in self.names.items():
                below._walk(value.get(name, _ABSENT), found)
        if self.items is not None and isinstance(value, list):
            for item in value:
                self.items._walk(item, found)


def at(document: object, path: str) -> Any:
    """The value at the path of names, None if there is none."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def text_at(document: object, *paths: str) -> str:
    """The first text at one of the paths that is not blank; numbers count as text. "" if there is none."""
    for path in paths:
        text = as_text(at(document, path))
        if text.strip():
            return text
    return ""


def as_text(value: object) -> str:
    """A text as it is, a number as text, and "" for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    return str(value) if isinstance(value, float) or value.bit_length() < 256 else ""


def objects_at(document: object, path: str) -> list[Object]:
    """The objects of the list at the path; a single object counts as a list of one."""
    value = at(document, path)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def time_at(document: object, paths: Iterable[str], flags: list[str], zones: bool = True) -> tuple[int, str]:
    """The first usable time at one of the paths and that path; (0, "") if there is none.

    What is wrong with the values goes into ``flags``, but for a missing zone where ``zones`` is false.
    """
    for path in paths:
        value = at(document, path)
        if value is None or value == "":
            continue
        micros, wrong = to_micros(value)
        if wrong and (zones or wrong != NO_ZONE):
            flags.append(f"{path} {wrong}")
        if micros is not None:
            return micros, path
    flags.append("there is no usable time")
    return 0, ""


def shown(value: object) -> str:
    """A value for a flag: short, on one line, without control characters."""
    text = " ".join(as_text(value)[: 2 * _SHOWN].split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")


def usable_id(text: str, path: str) -> str:
    """The id. Raises UnusableError when it is blank."""
    if not text.strip():
        raise UnusableError(Refusal.NO_ID, f"{path} is missing: nothing names the finding")
    return text


def within_limit(document: bytes) -> bytes:
    """The document. Raises UnusableError when it is larger than a finding may be."""
    if len(document) > MAX_FINDING_BYTES:
        size = f"{len(document):,} bytes of JSON; at most {MAX_FINDING_BYTES:,} are kept"
        raise UnusableError(Refusal.TOO_LARGE, f"the finding has {size}")
    return document


def _wrong(member: Member, value: object) -> str:
    if value is _ABSENT:
        return "is missing" if member.required else ""
    if isinstance(value, str) and member.kind == "text":
        return _wrong_text(member, value)
    kind = _kind(value)
    if kind != _EXPECTED[member.kind]:
        return f"is {kind}"
    if isinstance(value, float) and member.kind == "integer":
        return "is not a whole number"
    if isinstance(value, dict) and member.kind == "texts":
        return (
            "" if all(isinstance(item, str) for item in value.values()) else "holds values that are not text"
        )
    return ""


def _wrong_text(member: Member, value: str) -> str:
    if member.required and not value.strip():
        return "is empty"
    return f"{shown(value)} is unknown" if member.values and value not in member.values else ""


_EXPECTED: Mapping[Kind, str] = {
    "text": "text",
    "number": "a number",
    "integer": "a number",
    "list": "a list",
    "object": "an object",
    "texts": "an object",
}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for types, name in _NAMES:
        if isinstance(value, types):
            return name
    return "unknown"


_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)
