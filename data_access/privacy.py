"""What says who somebody is, and what stands in its place for those who may not see it.

Two kinds are told apart. Columns of the event contract are marked in ``events``; members of an event's JSON
are known by their names, those of the setting ``personal_properties`` and the ids that wire formats have.
What is missing stays missing: that there is no id says nothing about anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from data_access import lists
from data_access.events import DIRECT, FREE, PSEUDONYM, personal_columns
from data_access.model import NotAllowed, Scope, Sql
from data_access.sql import properties_read

MASK = "•••"
"""What stands in place of a value."""

MASKED_COLUMNS = personal_columns(DIRECT, PSEUDONYM)
"""Columns whose values nobody sees without the privacy permission."""
FREE_COLUMNS = personal_columns(FREE)
"""Columns of free text: what they hold is looked through."""

_IDS = ("user_id", "client_id", "session_id", "order_id", "customer_id", "visitor_id", "account_id")
_MAIL = re.compile(
    r"[^\s\"'<>()\[\]{},;:=/?&\\@]+(?:@|%40|\\u0040)[^\s\"'<>()\[\]{},;:=/?&\\@]+\.[^\W\d_]{2,}"
)
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_OURS = frozenset({"site", "event_id", "cursor"})
"""Columns of names that the asker needs as they are."""
_URLS = frozenset({"page_url", "referrer", "url", "href", "page_location", "page_referrer"})


@lru_cache(maxsize=8)
def names_of(setting: str) -> frozenset[str]:
    """Names of members that are personal, as they are compared: ``E-Mail`` is ``email``."""
    return frozenset(map(_plain, (*lists.values(setting), *_IDS)))


def is_personal(path: str, names: frozenset[str]) -> bool:
    """Whether a path into an event's properties, as ``customer.email``, leads to what is personal."""
    return any(_plain(part) in names for part in path.split("."))


Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


def of_rows(scope: Scope, name: str) -> Scope:
    """The scope of a question about single events. Raises NotAllowed where they may be shown of no site."""
    found = scope.of_rows
    if found.sites is not None and not found.sites:
        raise NotAllowed(f"{name} shows single events: that takes the role of an analyst or a higher one")
    return found


def is_open(raw: frozenset[str] | None, sites: Collection[str]) -> bool:
    """Whether what is personal may be seen of all sites asked about: of any without ``sites``."""
    return raw is None or (bool(sites) and raw.issuperset(sites))


def check_read(sql: Sql, scope: Scope, sites: Collection[str], names: frozenset[str]) -> None:
    """Counting or choosing by what is personal would show it as well. ``sites`` are those asked about, none
    when they are all. Raises NotAllowed."""
    if is_open(scope.raw, sites):
        return
    for path in sorted(properties_read(sql.text)):
        if is_personal(path, names):
            raise NotAllowed(
                f"properties.{path} is personal data: to ask by it takes the privacy permission"
                " on every site that is asked about"
            )


def masked(rows: Rows, sites: Collection[str] | None, names: frozenset[str]) -> Rows:
    """Rows of single events or sessions, masked but for those of ``sites``; None masks none.

    They have a column ``site``. Columns keep their types.
    """
    if sites is None or not rows.num_rows:
        return rows
    kind = rows.schema.field("site").type
    hidden = pc.invert(pc.is_in(rows.column("site"), pa.array(sorted(sites), kind)))
    for place, field in enumerate(rows.schema):
        column = rows.column(place)
        if field.name in MASKED_COLUMNS:
            clean = pc.if_else(pc.and_(hidden, _said(column)), pa.scalar(MASK, field.type), column)
        elif field.name in FREE_COLUMNS:
            clean = _looked_through(column, field, hidden, names)
        else:
            clean = pc.if_else(hidden, _mailless(column), column) if _may_hold_mail(field, column) else column
        rows = rows.set_column(place, field, clean)
    return rows


def without_mail(rows: Rows) -> Rows:
    """Numbers about many, with no mail address among what they are about."""
    for place, field in enumerate(rows.schema):
        if _may_hold_mail(field, rows.column(place)):
            rows = rows.set_column(place, field, _mailless(rows.column(place)))
    return rows


def _may_hold_mail(field: pa.Field, column: Any) -> bool:
    if field.type != pa.string() or field.name in _OURS:
        return False
    return bool(pc.any(pc.match_substring_regex(column, "@|%40")).as_py())


def _mailless(column: Any) -> pa.Array:
    return pa.array([text and _MAIL.sub(MASK, text) for text in column.to_pylist()], column.type)


def _looked_through(column: Any, field: pa.Field, hidden: Any, names: frozenset[str]) -> pa.Array:
    """A column of free text without what is personal in its hidden rows."""
    texts = zip(hidden.to_pylist(), column.to_pylist(), strict=True)
    clean = [masked_text(field.name, text, names) if hide and text else text for hide, text in texts]
    return pa.array(clean, field.type)


def _said(column: Any) -> Any:
    """Where a column has a text."""
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def masked_text(name: str, text: str, names: frozenset[str]) -> str:
    """A text of a member or column of a name: without what is personal in it."""
    if name == "properties":
        return masked_json(text, names)
    if name in _URLS:
        text = _QUERY.sub(lambda found: f"{found[0][0]}{MASK}", text)
    return _MAIL.sub(MASK, text)


def masked_json(text: str, names: frozenset[str], indent: int | None = None) -> str:
    """A JSON text without what is personal in it; all of a text that is no JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return MASK
    clean = _masked(value, "", names)
    return text if clean == value else json.dumps(clean, ensure_ascii=False, indent=indent)


def _masked(value: Any, name: str, names: frozenset[str]) -> Any:
    if value is None or value == "":
        return value
    if _plain(name) in names:
        return MASK
    if isinstance(value, dict):
        return {_MAIL.sub(MASK, key): _masked(inner, key, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name, names) for inner in value]
    return (
        masked_text("" if name == "properties" else name, value, names) if isinstance(value, str) else value
    )


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
