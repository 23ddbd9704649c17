"""Who may do what, as Markdown made from what pages, routes and callbacks declare."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from app.callback_bodies import Declared
from app.security import DASH_ROUTES, declarations
from data_access.roles import COMPANY, PUBLIC, ROLES

_HEAD = ("permission", "anybody", *ROLES)


def tables(app: Any, pages: Iterable[ModuleType]) -> str:
    """Who may see which page, ask which address, and what pages ask and do, by the parts that they fill."""
    pages = tuple(pages)
    declared = declarations(app, pages)
    names = {page.PATH: page.NAME for page in pages}
    pages_shown = ((f"{names[path]} `{path}`", given) for path, given in declared.pages.items())
    parts = (
        ("Pages", _table("page", pages_shown)),
        ("Addresses", _table("address", _addresses(app.server, declared.routes))),
        ("What pages ask and do", "\n".join(_callbacks(declared.callbacks))),
    )
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts) + "\n"


def _table(first: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [(first, *_HEAD), ("---",) * (1 + len(_HEAD))]
    lines += [(name, _told(permission), *_marks(permission)) for name, permission in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _told(permission: str) -> str:
    return f"{permission}, on all sites" if permission in COMPANY else permission


def _marks(permission: str) -> Iterator[str]:
    """Who has a permission: people who are not signed in, then every role."""
    yield "✓" if permission == PUBLIC else ""
    for held in ROLES.values():
        yield "✓" if permission == PUBLIC or permission in held else ""


def _addresses(server: Any, routes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The addresses besides pages, with the methods they answer to."""
    for rule in sorted(server.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods))):
        if rule.endpoint not in DASH_ROUTES:
            methods = " ".join(sorted(rule.methods - {"HEAD", "OPTIONS"}))
            yield f"{methods} `{rule.rule}`", routes[rule.endpoint]


def _callbacks(callbacks: dict[str, Declared]) -> Iterator[str]:
    filled: dict[str, set[str]] = defaultdict(set)
    for declared in callbacks.values():
        filled[str(declared.permission)] |= {_name(part) for part, _ in declared.outputs}
    for permission, parts in sorted(filled.items()):
        roles = ", ".join(role for role, held in ROLES.items() if permission in held)
        yield f"- **{_told(permission)}** ({roles}): {', '.join(f'`{part}`' for part in sorted(parts))}"


def _name(part: str) -> str:
    """A part's id; of one in several copies what they have in common."""
    return str(json.loads(part)["type"]) if part.startswith("{") else part
