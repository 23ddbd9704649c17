"""Filters to WHERE, the few dialect helpers, and Athena text to an engine's own text.

Questions are written by hand in the Athena dialect with ``:name`` placeholders. Identifiers come
from the enumerations here; values are always parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, nan
from typing import Any

import sqlglot
from sqlglot import exp

from data_access.conditions import ORDERS
from data_access.local_time import utc_span
from data_access.model import Condition, Filters, Group, Scope, Sql, UsageError

DIMENSIONS: Mapping[str, str] = {
    "site": "Site",
    "event_name": "Event name",
    "event_type": "Event type",
    "login_state": "Login state",
    "source": "Source",
    "channel": "Channel",
    "utm_source": "UTM source",
    "utm_medium": "UTM medium",
    "utm_campaign": "UTM campaign",
    "referrer": "Referrer",
    "country": "Country",
    "region": "Region",
    "device": "Device",
    "browser": "Browser",
    "os": "Operating system",
    "page_path": "Page",
    "product_id": "Product id",
    "product_name": "Product",
    "product_category": "Category",
    "product_brand": "Brand",
    "search_term": "Search term",
    "is_bot": "Bot",
}
"""Columns that can be filtered and broken down by, with the label people see."""

SESSION_DIMENSIONS: Mapping[str, str] = {
    "entry_page": "Entry page",
    "exit_page": "Exit page",
    "entry_channel": "Session channel",
    "entry_referrer": "Session referrer",
    "entry_utm_source": "Session UTM source",
    "entry_utm_medium": "Session UTM medium",
    "entry_utm_campaign": "Session UTM campaign",
}
"""What a whole session has, whichever of its events is looked at: columns of the sessions table."""

ALL_DIMENSIONS: Mapping[str, str] = {**DIMENSIONS, **SESSION_DIMENSIONS}

UNKNOWN = "unknown"
"""What a missing or blank value of a dimension is called in every answer."""

_PROPERTY = re.compile(r"properties\.([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")

_EXTRACT = "json_extract_scalar(properties, '$.{}')"
_EXTRACTED = re.compile(re.escape(_EXTRACT).replace(r"\{\}", r"([\w.]+)"))

NUMBERS: Mapping[str, str] = {
    "product_price": "Price",
    "product_discount_price": "Discounted price",
    "revenue": "Revenue",
}
"""Number columns that conditions can compare, with their labels."""


@dataclass(slots=True)
class Params:
    """Collects values while text is built; ``add`` returns the placeholder to write."""

    values: dict[str, Any]

    def add(self, value: Any) -> str:
        """Keep a value and return its placeholder. Equal values share one."""
        for name, kept in self.values.items():
            if type(kept) is type(value) and kept == value:
                return f":{name}"
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def column(dimension: str) -> str:
    """SQL of a dimension: a known column, or ``properties.<path>`` in the JSON.

    Raises UsageError for anything else, so that no outside text becomes an identifier.
    """
    if dimension == "is_bot":
        return "cast(is_bot as varchar)"
    if dimension in DIMENSIONS:
        return dimension
    match = _PROPERTY.fullmatch(dimension)
    if match is None:
        raise UsageError(
            f"{dimension!r} is no dimension; it takes properties.<name> or one of {', '.join(DIMENSIONS)}"
        )
    return _EXTRACT.format(match[1])


def properties_read(text: str) -> frozenset[str]:
    """The paths into properties that a question's text reads."""
    return frozenset(_EXTRACTED.findall(text))


def value_or_unknown(dimension: str) -> str:
    """SQL of a dimension for display: missing and blank values become 'unknown'."""
    return f"coalesce(nullif({column(dimension)}, ''), '{UNKNOWN}')"


def holds(group: Group, params: Params) -> str:
    """A group as SQL over an event that is true or false, never NULL, so that "not" is exact.

    Raises UsageError for a name there is none of, and for an operator or value that does not fit it.
    """
    parts = [holds(p, params) if isinstance(p, Group) else condition(p, params) for p in group.parts]
    text = f"({(' and ' if group.how == 'all' else ' or ').join(parts)})" if parts else "1 = 1"
    return f"not ({text})" if group.negated else text


def condition(asked: Condition, params: Params) -> str:
    """One comparison as SQL over an event, true or false as in ``holds``."""
    if asked.operator in _OPPOSITES:
        return f"not ({condition(replace(asked, operator=_OPPOSITES[asked.operator]), params)})"
    return _of_session(asked, params) if asked.name in SESSION_DIMENSIONS else _compared(asked, params)


_OPPOSITES = {"!=": "=", "!~": "~"}


def _of_session(asked: Condition, params: Params) -> str:
    """The event's session meets a condition. An event without a session has no values, as one whose
    session lacks them: it is found where missing ones are asked for."""
    missing = asked.operator == "=" and _or_missing(asked)
    found = f"not ({_compared(asked, params)})" if missing else _compared(asked, params)
    text = f"coalesce(session_key in (select session_key from sessions where {found}), false)"
    return f"not ({text})" if missing else text


def _compared(asked: Condition, params: Params) -> str:
    name, values = asked.name, asked.values
    left = name if name in NUMBERS or name in SESSION_DIMENSIONS else column(name)
    if asked.operator in ORDERS:
        if len(values) != 1:
            raise UsageError(f"{name} {asked.operator} takes one number, not {len(values)}")
        right = params.add(_number(values[0], name))
        return f"coalesce({left if name in NUMBERS else _as_number(left)} {asked.operator} {right}, false)"
    if name in NUMBERS:
        return _is_number(asked, params)
    if asked.operator == "=":
        listed = (*values, "") if _or_missing(asked) else values
        return f"coalesce({left}, '') in ({', '.join(map(params.add, listed))})"
    if asked.operator != "~" or not values:
        raise UsageError(f"{name}{asked.operator} is no comparison; it takes = != ~ !~ > >= < <= and a value")
    found = (f"strpos(coalesce({left}, ''), {params.add(value)}) > 0" for value in values)
    return f"({' or '.join(found)})"


def _as_number(text: str) -> str:
    """SQL of a text as a number, NULL where it is none. Engines take more for numbers than people do, and
    not the same: `1d`, `0x1p3`, `1_000`, `nan`; so how a number is written is said here."""
    return f"case when regexp_like({text}, '{_WRITTEN_NUMBER}') then try_cast({text} as double) end"


_WRITTEN_NUMBER = r"\A *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)? *\z"
_IS_NUMBER = re.compile(_WRITTEN_NUMBER.removeprefix(r"\A").removesuffix(r"\z"))


def _is_number(asked: Condition, params: Params) -> str:
    """A number column has one of some values."""
    if asked.operator != "=":
        raise UsageError(f"{asked.name} is a number; it takes = != > >= < <=")
    numbers = [_number(value, asked.name) for value in asked.values if value not in ("", UNKNOWN)]
    parts = [f"coalesce({asked.name} in ({', '.join(map(params.add, numbers))}), false)"] if numbers else []
    if _or_missing(asked):
        parts.append(f"{asked.name} is null")
    return f"({' or '.join(parts)})"


def _or_missing(asked: Condition) -> bool:
    """True when missing and blank values are asked for: by no value at all, or by name."""
    return not asked.values or "" in asked.values or UNKNOWN in asked.values


def _number(value: str, name: str) -> float:
    number = float(value) if _IS_NUMBER.fullmatch(value) else nan
    if not isfinite(number):
        raise UsageError(f"{name} is compared with {value!r}; a number is needed")
    return number


def where(filters: Filters, scope: Scope, params: Params) -> str:
    """The condition every question starts from: period, scope, bots and dimensions."""
    start, end = utc_span(filters)
    parts = [f"ts >= {params.add(start)}", f"ts < {params.add(end)}"]
    if filters.bots != "in":
        parts.append("is_bot" if filters.bots == "only" else "not is_bot")
    parts += scope_condition(scope, params)
    if filters.where.parts or filters.where.negated:
        parts.append(holds(filters.where, params))
    return "\n    and ".join(parts)


def chosen_sites(where: Group) -> tuple[str, ...]:
    """The sites that conditions name outright; none when they may be about any."""
    if where.how != "all" or where.negated:
        return ()
    found = (p for p in where.parts if isinstance(p, Condition) and p.name == "site")
    return next((p.values for p in found if p.operator == "="), ())


def scope_condition(scope: Scope, params: Params, sites: tuple[str, ...] = ()) -> list[str]:
    """The conditions that keep an asker to their sites, none for who may see all, and to ``sites`` if any."""
    own = [] if scope.sites is None else [in_list("site", tuple(sorted(scope.sites)), params)]
    return [*own, in_list("site", sites, params)] if sites else own


def in_list(dimension: str, values: tuple[str, ...], params: Params) -> str:
    """A dimension has one of some values; 'unknown' stands for a missing or blank one."""
    if not values:
        return "1 = 0"
    left = column(dimension)
    found = f"{left} in ({', '.join(params.add(value) for value in values)})"
    return f"({found} or coalesce({left}, '') = '')" if UNKNOWN in values else found


def milliseconds(expression: str) -> str:
    """SQL of a timestamp as whole milliseconds since 1970: exact, and equal on every engine."""
    return f"cast(round(to_unixtime({expression}) * 1000) as bigint)"


@lru_cache(maxsize=1024)
def to_engine(text: str, engine: str, tables: tuple[tuple[str, str], ...] = ()) -> str:
    """Athena text as an engine's own, with table names replaced; cached by text.

    Placeholders stay placeholders (``:name`` becomes ``$name`` for DuckDB).
    """
    tree = sqlglot.parse_one(text, read="athena")
    if engine == "duckdb":
        _keep_names(tree)
    names = dict(tables)
    for table in tree.find_all(exp.Table):
        if table.name in names and not table.db:
            alias = table.alias_or_name
            table.replace(exp.alias_(exp.to_table(names[table.name]), alias, table=True))
    return tree.sql(dialect=engine)


def _keep_names(tree: exp.Expr) -> None:
    """Athena's functions that DuckDB has under another name with another meaning: they stay what they are,
    and the embedded engine has them as macros."""
    for node in list(tree.find_all(exp.JSONExtractScalar)):
        node.replace(exp.Anonymous(this="json_extract_scalar", expressions=[node.this, node.expression]))


def with_span(sql: Sql, filters: Filters) -> Sql:
    """The same question, with the UTC range its WHERE limits it to as a hint for back ends."""
    return replace(sql, span=utc_span(filters))
