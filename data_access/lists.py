"""Lists in text parameters: separators that can be escaped with a backslash or stand in brackets."""

from __future__ import annotations

import re


def pieces(text: str) -> list[str]:
    """The text as characters, each escaped one kept together with its backslash."""
    return re.findall(r"\\.|.", text, re.DOTALL)


def split(text: str, separator: str) -> list[str]:
    """Split at separators that are neither escaped nor in square brackets; escapes stay."""
    parts, depth = [""], 0
    for piece in pieces(text):
        depth += (piece == "[") - (piece == "]")
        if piece == separator and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def plain(text: str) -> str:
    """The text without the backslashes that escape."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def text(values: tuple[str, ...]) -> str:
    """The list that ``values`` reads back."""
    return ",".join(re.sub(r"([\\,\[\]])", r"\\\1", value) for value in values)


def values(text: str) -> tuple[str, ...]:
    """The values of ``a,b,c``: trimmed, without empty or repeated ones; ``\\,`` is a comma in a value."""
    found = (plain(part.strip()) for part in split(text, ","))
    return tuple(dict.fromkeys(value for value in found if value))
