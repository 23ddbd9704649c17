"""What docs/aws.md and docs/sign_in.md say, as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_ACTION = re.compile(r"`([a-z0-9]+:[A-Z][A-Za-z]+)`")
_SET = re.compile(r"\*\*([a-z ]+)\*\*")


def section(page: str, heading: str) -> str:
    """What stands under a heading of any level up to the next."""
    text = (DOCS / page).read_text("utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"{page} has no {heading}"
    return found[1]


def rows(page: str, heading: str) -> Iterator[list[str]]:
    """The cells of each row of a section's tables, heads too."""
    for line in section(page, heading).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def sets() -> dict[str, set[str]]:
    """The sets of permissions that come up more than once."""
    found: dict[str, set[str]] = {}
    name = ""
    for first, *more in rows("aws.md", "Permissions"):
        named = _SET.fullmatch(first)
        if first and not named:
            name = ""
        name = named[1] if named else name
        if name:
            found.setdefault(name, set()).update(_ACTION.findall(" ".join(more)))
    return found


def permissions() -> dict[str, set[str]]:
    """The actions each function may do."""
    known, found, name = sets(), dict[str, set[str]](), ""
    for first, *more in rows("aws.md", "Permissions"):
        named = re.fullmatch(r"`([a-z]+)`", first)
        if first and not named:
            name = ""
        name = named[1] if named else name
        if name:
            found.setdefault(name, set()).update(expanded(more[0], known))
    return found


def expanded(cell: str, known: dict[str, set[str]]) -> set[str]:
    """The actions of a cell, those of its sets as well."""
    of_sets = [known[name] for name in _SET.findall(cell)]
    return set(_ACTION.findall(cell)).union(*of_sets)


def web_permissions() -> set[str]:
    """The actions of a web host, without those of curation."""
    known, found, begun = sets(), set[str](), False
    for first, *_ in rows("aws.md", "Permissions"):
        if first in {"web host", "Firehose"}:
            begun = first == "web host"
        elif begun:
            found |= expanded(first, known)
    return found


def firehose_permissions() -> set[str]:
    """The actions of Firehose."""
    text = section("aws.md", "Permissions").split("| Firehose |")[1]
    return set(_ACTION.findall(text.split("\n\n")[0]))


def functions() -> dict[str, tuple[int, int, str]]:
    """Memory (MB), time (s) and what calls it, of each function."""
    found = {}
    for name, _, takes, *calls in rows("aws.md", "Functions"):
        size = re.fullmatch(r"([\d.]+) (MB|GB), (\d+) (s|min)", takes)
        if size:
            memory = int(size[1]) * (1024 if size[2] == "GB" else 1)
            found[name.strip("`")] = (
                memory,
                int(size[3]) * (60 if size[4] == "min" else 1),
                " | ".join(calls),
            )
    return found
