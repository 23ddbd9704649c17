"""Conditions in words: ``Country is DE or FR``."""

from __future__ import annotations

from data_access.conditions import ORDERS
from data_access.model import Condition, Group
from data_access.sql import ALL_DIMENSIONS, NUMBERS

FIELDS = {**ALL_DIMENSIONS, **NUMBERS}
"""Everything a condition can be about, with its label; besides these there is ``properties.<name>``."""

WORDS = {
    "=": "is",
    "!=": "is not",
    "~": "contains",
    "!~": "does not contain",
    ">": ">",
    ">=": "≥",
    "<": "<",
    "<=": "≤",
}
"""Every operator in words."""


def label(name: str) -> str:
    """A field as people know it."""
    return FIELDS.get(name, name)


def name_of(text: str) -> str:
    """The field that a label or a name, in capitals or not, stands for; any other text as it is."""
    text = text.strip()
    known = {word.casefold(): name for name, shown in FIELDS.items() for word in (name, shown)}
    return known.get(text.casefold(), text)


def said(part: Condition | Group) -> str:
    """A condition or a group as a phrase."""
    if isinstance(part, Condition):
        return f"{label(part.name)} {_comparison(part)}"
    inner = (f" {'and' if part.how == 'all' else 'or'} ").join(map(_inner, part.parts))
    return f"not ({inner or 'anything'})" if part.negated else inner


def _inner(part: Condition | Group) -> str:
    bare = isinstance(part, Condition) or part.negated or len(part.parts) == 1
    return said(part) if bare else f"({said(part)})"


def _comparison(condition: Condition) -> str:
    words = WORDS[condition.operator]
    if condition.operator in ORDERS:
        return f"{words} {''.join(condition.values)}"
    return f"{words} {' or '.join(condition.values) or 'empty'}"
