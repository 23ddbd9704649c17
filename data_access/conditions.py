"""Filters as text: ``country=DE,FR;!(page_path~/help|revenue>100)`` to a Group, and back.

``;`` is "and" and binds tighter than ``|``, which is "or"; commas separate alternatives; ``name=`` is "is
empty"; parentheses group, and ``!`` before one negates. A backslash keeps the next character of a value
as it is. White space around parts does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import isfinite

from data_access.lists import pieces, plain
from data_access.model import Condition, Group, UsageError

MAX_CONDITIONS = 50
MAX_DEPTH = 5
MAX_LENGTH = 4000

OPERATORS = ("=", "!=", "~", "!~", ">", ">=", "<", "<=")
ORDERS = frozenset({">", ">=", "<", "<="})
TAKES = "name=value,value with = != ~ !~ > >= < <=, joined by ; for and, | for or, in ( ) or !( )"

_SPACE = re.compile(r"\s*")
COMPARISON = r"([A-Za-z_][A-Za-z0-9_.]*)\s*(!=|!~|>=|<=|=|~|>|<)"
"""A name and an operator, as a pattern with a group for each."""

_START = re.compile(COMPARISON)
_VALUES = re.compile(r"(?:\\.|[^;|)])*", re.DOTALL)
_SPECIAL = re.compile(r"[\\,;|()]|\A\s|\s\Z")


def read(text: str) -> Group:
    """The conditions that a text says, in their simplest form; an empty text says none.

    Raises UsageError that says where the text is wrong and what is taken. Whether names exist is not
    looked at here.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the conditions have {len(text):,} characters; they take at most {MAX_LENGTH:,}")
    reader = _Reader(text)
    group = Group() if reader.over() else reader.any_of()
    reader.end()
    return tidy(group)


def write(group: Group) -> str:
    """The text that ``read`` takes for a group, always the same for groups that say the same way."""
    group = tidy(group)
    return f"!({_joined(group)})" if group.negated else _joined(group)


def both(groups: Iterable[Group]) -> Group:
    """One group that holds where all of some groups hold."""
    return tidy(Group("all", tuple(groups)))


def conditions(group: Group) -> Iterator[Condition]:
    """Every condition in a group, in order."""
    for part in group.parts:
        if isinstance(part, Group):
            yield from conditions(part)
        else:
            yield part


def tidy(group: Group) -> Group:
    """The same group without needless nesting, and its values without blank and repeated ones."""
    parts: list[Condition | Group] = []
    for part in map(_tidy_part, group.parts):
        if isinstance(part, Group) and _belongs_to(part, group):
            parts += part.parts
        else:
            parts.append(part)
    if len(parts) == 1 and isinstance(parts[0], Group):
        return replace(parts[0], negated=parts[0].negated != group.negated)
    return replace(group, how=group.how if len(parts) > 1 else "all", parts=tuple(parts))


def _tidy_part(part: Condition | Group) -> Condition | Group:
    if isinstance(part, Group):
        return tidy(part)
    return replace(part, values=tuple(dict.fromkeys(value for value in part.values if value)))


def _belongs_to(part: Group, group: Group) -> bool:
    """True when a part's own parts can stand in its place. An empty one always holds, so that it may be
    left out of "all" but not of "any"."""
    if part.negated:
        return False
    return part.how == group.how if len(part.parts) > 1 else bool(part.parts) or group.how == "all"


def _joined(group: Group) -> str:
    return (";" if group.how == "all" else "|").join(_written(part, group) for part in group.parts)


def _written(part: Condition | Group, outer: Group) -> str:
    if isinstance(part, Condition):
        return f"{part.name}{part.operator}{','.join(map(escaped, part.values))}"
    if part.negated:
        return f"!({_joined(part)})"
    tighter = part.how == "all" and outer.how == "any" and bool(part.parts)
    return _joined(part) if tighter else f"({_joined(part)})"


def escaped(value: str) -> str:
    """A value as it is written in a text."""
    return _SPECIAL.sub(r"\\\g<0>", value)


class _Reader:
    """A text and how far it is read. Each method takes one part of the grammar off its front."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.count = 0

    def any_of(self) -> Group:
        """Parts joined by ``|``."""
        parts = [self.all_of()]
        while self.takes("|"):
            parts.append(self.all_of())
        return Group("any", tuple(parts)) if len(parts) > 1 else parts[0]

    def all_of(self) -> Group:
        """Parts joined by ``;``. One more ``;`` at the end does no harm."""
        parts = [self.part()]
        while self.takes(";") and not self.over():
            parts.append(self.part())
        return Group("all", tuple(parts))

    def part(self) -> Condition | Group:
        """One condition, or a group in parentheses."""
        if self.takes("!("):
            return replace(Group("all", (self.inner(),)), negated=True)
        return self.inner() if self.takes("(") else self.condition()

    def inner(self) -> Group:
        """What stands between parentheses, the first of which is read already."""
        opened = self.at
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"parentheses are nested more than {MAX_DEPTH} deep")
        group = Group() if self.over() else self.any_of()
        if not self.takes(")"):
            raise self.wrong(f"the ( at character {opened} is not closed; a ) is needed")
        self.depth -= 1
        return group

    def condition(self) -> Condition:
        """A name, an operator and its values."""
        found = _START.match(self.text, self.at)
        if found is None:
            raise self.wrong(f"no condition; it takes {TAKES}")
        started, self.at = self.at, found.end()
        written = _VALUES.match(self.text, self.at)
        self.at = written.end() if written else self.at
        given = values(written[0] if written else "")
        self.count += 1
        if problem := self.problem(found[2], given):
            self.at = started
            raise self.wrong(problem)
        return Condition(found[1], found[2], given)

    def problem(self, operator: str, values: tuple[str, ...]) -> str:
        """What is wrong with a condition that was just read; empty when nothing is."""
        if self.count > MAX_CONDITIONS:
            return f"more than {MAX_CONDITIONS} conditions"
        if operator in ORDERS and not (len(values) == 1 and is_number(values[0])):
            return f"{operator} takes exactly one number"
        if "~" in operator and not values:
            return f"{operator} takes at least one value"
        return ""

    def takes(self, mark: str) -> bool:
        """Read a mark, if it comes next after white space."""
        self.skip()
        pattern = r"\s*".join(map(re.escape, mark))
        found = re.compile(pattern).match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def over(self) -> bool:
        """True at the end of the text or of a group."""
        self.skip()
        return self.text[self.at : self.at + 1] in ("", ")")

    def skip(self) -> None:
        """Pass over white space."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def end(self) -> None:
        """Nothing may come after the last part."""
        if self.at < len(self.text):
            raise self.wrong("a ) that closes nothing; write \\) in a value")

    def wrong(self, problem: str) -> UsageError:
        """The error that says where reading stopped."""
        rest = self.text[self.at : self.at + 20]
        where = f"at character {self.at + 1} ({rest!r})" if rest else "at the end"
        return UsageError(f"the conditions {self.text[:80]!r}, {where}: {problem}")


def values(text: str) -> tuple[str, ...]:
    """The values of a list such as ``DE,FR``, as ``listed`` has them, without repeated ones."""
    return tuple(dict.fromkeys(listed(text)))


def listed(text: str) -> list[str]:
    """The values of a list: without blank ones, and without white space around them that has no backslash
    before it."""
    found: list[list[str]] = [[]]
    for piece in pieces(text):
        if piece == ",":
            found.append([])
        else:
            found[-1].append(piece)
    return list(filter(None, (plain("".join(_trimmed(value))) for value in found)))


def _trimmed(value: list[str]) -> list[str]:
    kept = [index for index, piece in enumerate(value) if not piece.isspace()]
    return value[kept[0] : kept[-1] + 1] if kept else []


def is_number(text: str) -> bool:
    """True for what a comparison takes: a finite decimal number."""
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None and isfinite(
        float(text)
    )
