"""Conditions while they are being built: rows in groups, two levels deep, and their text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from data_access import conditions
from data_access.model import Condition, Group, How, UsageError
from data_access.sql import ALL_DIMENSIONS, NUMBERS, Params, holds
from pages.parts.condition_words import WORDS

EMPTY, FILLED = "empty", "filled"
"""Operators of the form that are ``=`` and ``!=`` without a value."""

OPERATORS = {
    **{code: WORDS[code] for code in ("=", "!=", "~", "!~")},
    EMPTY: "is empty",
    FILLED: "is not empty",
    **{code: WORDS[code] for code in (">", ">=", "<", "<=")},
}
MATCHES: dict[str, tuple[str, How, bool]] = {
    "all": ("All of", "all", False),
    "any": ("Any of", "any", False),
    "none": ("None of", "any", True),
    "not-all": ("Not all of", "all", True),
}
"""How a group's rows count together: words, the group's ``how``, and whether it is negated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; blank parts are still to be filled in."""

    name: str = ""
    operator: str = "="
    values: tuple[str, ...] = ()

    @property
    def condition(self) -> Condition | None:
        """The finished condition, or None while something is missing."""
        if self.name and self.operator in (EMPTY, FILLED):
            return Condition(self.name, "=" if self.operator == EMPTY else "!=")
        return Condition(self.name, self.operator, self.values) if self.name and self.values else None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that count together, as ``match`` says."""

    match: str = "all"
    rows: tuple[Row, ...] = (Row(),)

    @property
    def group(self) -> Group:
        """The finished rows as a group."""
        _, how, negated = MATCHES.get(self.match, MATCHES["all"])
        return Group(how, tuple(filter(None, (row.condition for row in self.rows))), negated)


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form: groups of which all or any must match."""

    how: How = "all"
    blocks: tuple[Block, ...] = (Block(),)

    @property
    def text(self) -> str:
        """The finished conditions as text."""
        groups = (block.group for block in self.blocks)
        return conditions.write(Group(self.how, tuple(group for group in groups if group.parts)))


def read(text: str) -> Draft | None:
    """The form for a text; None when the text is wrong or nested more deeply than the form."""
    try:
        group = conditions.read(text)
    except UsageError:
        return None
    if not group.parts and not group.negated:
        return Draft()
    if group.negated or not any(isinstance(part, Group) for part in group.parts):
        found = [_block(group)]
    else:
        found = list(_blocks(group))
    blocks = tuple(block for block in found if block is not None)
    return Draft(group.how, blocks) if len(blocks) == len(found) else None


def _blocks(group: Group) -> Iterator[Block | None]:
    """A block for each part group, and one for each run of conditions beside them."""
    for loose, parts in groupby(group.parts, key=lambda part: isinstance(part, Condition)):
        if loose:
            yield _block(Group(group.how, tuple(parts)))
        else:
            yield from (_block(part) for part in parts if isinstance(part, Group))


def _block(group: Group) -> Block | None:
    rows = tuple(_row(part) for part in group.parts if isinstance(part, Condition))
    if len(rows) != len(group.parts) or not rows:
        return None
    match = next(key for key, (_, *kind) in MATCHES.items() if kind == [group.how, group.negated])
    # One row that must not match is "none of" it.
    return Block("none" if group.negated and len(rows) == 1 else match, rows)


def _row(condition: Condition) -> Row:
    if condition.values or condition.operator not in ("=", "!="):
        return Row(condition.name, condition.operator, condition.values)
    return Row(condition.name, EMPTY if condition.operator == "=" else FILLED)


def operators(name: str, current: str) -> dict[str, str]:
    """The operators that make sense for a field, with their words; the current one is always there."""
    fits = set(OPERATORS)
    if name in NUMBERS:
        fits -= {"~", "!~"}
    elif name in ALL_DIMENSIONS:
        fits -= conditions.ORDERS
    return {code: words for code, words in OPERATORS.items() if code in fits or code == current}


def problem(text: str) -> str:
    """What is wrong with a text, in words; empty when nothing is."""
    try:
        holds(conditions.read(text), Params({}))
    except UsageError as error:
        return str(error)
    return ""


def change(draft: Draft, action: str, block: int, row: int) -> tuple[Draft, tuple[int, int]]:
    """The form after someone pressed one of its buttons, and the row (block, row) to go on at."""
    blocks = list(draft.blocks)
    match action:
        case "add-condition":
            blocks[block] = replace(blocks[block], rows=(*blocks[block].rows, Row()))
            return replace(draft, blocks=tuple(blocks)), (block, len(blocks[block].rows) - 1)
        case "remove-condition" if len(blocks[block].rows) > 1:
            left = tuple(r for index, r in enumerate(blocks[block].rows) if index != row)
            blocks[block] = replace(blocks[block], rows=left)
            return replace(draft, blocks=tuple(blocks)), (block, max(row - 1, 0))
        case "add-group":
            return replace(draft, blocks=(*blocks, Block())), (len(blocks), 0)
        case "remove-condition" | "remove-group" if len(blocks) > 1:
            del blocks[block]
            return replace(draft, blocks=tuple(blocks)), (max(block - 1, 0), 0)
    return Draft(draft.how), (0, 0)
