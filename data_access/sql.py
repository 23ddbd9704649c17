"""Filters to WHERE, the few dialect helpers, and Athena text to an engine's own text.

Questions are written by hand in the Athena dialect with ``:name`` placeholders. Identifiers come
from the enumerations here; values are always parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp

from data_access.model import Filters, Scope, Sql, UsageError

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

UNKNOWN = "unknown"
"""What a missing or blank value of a dimension is called in every answer."""

_PROPERTY = re.compile(r"properties\.([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)")
_NUMERIC = frozenset({"product_price", "product_discount_price", "revenue"})

Interval = Literal["hour", "day", "week", "month"]


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
    return f"json_extract_scalar(properties, '$.{match[1]}')"


def value_or_unknown(dimension: str) -> str:
    """SQL of a dimension for display: missing and blank values become 'unknown'."""
    return f"coalesce(nullif({column(dimension)}, ''), '{UNKNOWN}')"


def condition(name: str, operator: str, value: str, params: Params) -> str:
    """One comparison, e.g. of a funnel step: ``=``, ``!=``, ``~`` (contains) or a number comparison.

    ``!=`` also holds where the value is missing. Raises UsageError for an unknown name or operator.
    """
    left = (
        name
        if name in _NUMERIC
        else column(name if name in DIMENSIONS or "." in name else f"properties.{name}")
    )
    if operator in (">", ">=", "<", "<="):
        return f"try_cast({left} as double) {operator} {params.add(_number(value, name))}"
    if name in _NUMERIC:
        left = f"cast({left} as varchar)" if operator == "~" else left
        if operator != "~":
            return f"coalesce({left}, -1) {_OPERATORS[operator]} {params.add(_number(value, name))}"
    if operator == "~":
        return f"strpos(coalesce({left}, ''), {params.add(value)}) > 0"
    if operator not in _OPERATORS:
        raise UsageError(f"{operator!r} is no comparison; it takes = != ~ > >= < <=")
    return f"coalesce({left}, '') {_OPERATORS[operator]} {params.add(value)}"


_OPERATORS = {"=": "=", "!=": "<>"}


def _number(value: str, name: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise UsageError(f"{name} is compared with {value!r}; a number is needed") from error


def utc_span(filters: Filters) -> tuple[datetime, datetime]:
    """The filters' local days, end day included, as a half-open UTC range without zone."""
    zone = ZoneInfo(filters.time_zone)
    start = datetime.combine(filters.from_day, time(), zone)
    end = datetime.combine(filters.to_day + timedelta(days=1), time(), zone)
    return start.astimezone(UTC).replace(tzinfo=None), end.astimezone(UTC).replace(tzinfo=None)


def where(filters: Filters, scope: Scope, params: Params) -> str:
    """The condition every question starts from: period, scope, bots and dimensions."""
    start, end = utc_span(filters)
    parts = [f"ts >= {params.add(start)}", f"ts < {params.add(end)}"]
    if filters.bots != "in":
        parts.append("is_bot" if filters.bots == "only" else "not is_bot")
    parts += scope_condition(scope, params)
    parts += [in_list(name, values, params) for name, values in filters.dimensions]
    return "\n    and ".join(parts)


def scope_condition(scope: Scope, params: Params) -> list[str]:
    """The condition that keeps an asker to their sites; none for who may see all."""
    return [] if scope.sites is None else [in_list("site", tuple(sorted(scope.sites)), params)]


def in_list(dimension: str, values: tuple[str, ...], params: Params) -> str:
    """A dimension has one of some values; 'unknown' stands for a missing or blank one."""
    if not values:
        return "1 = 0"
    left = column(dimension)
    found = f"{left} in ({', '.join(params.add(value) for value in values)})"
    return f"({found} or coalesce({left}, '') = '')" if UNKNOWN in values else found


def bucket(interval: Interval, time_zone: str) -> str:
    """SQL of the start of the local hour, day, week (Monday) or month that ``ts`` falls in."""
    if not re.fullmatch(r"[A-Za-z0-9_+\-/]+", time_zone):
        raise UsageError(f"{time_zone!r} is no time zone; use a name such as Europe/Berlin")
    if time_zone == "UTC":
        return f"date_trunc('{interval}', ts)"  # a zone's rules cost more than all else in the query
    return f"cast(date_trunc('{interval}', ts at time zone 'UTC' at time zone '{time_zone}') as timestamp)"


def milliseconds(expression: str) -> str:
    """SQL of a timestamp as whole milliseconds since 1970: exact, and equal on every engine."""
    return f"cast(round(to_unixtime({expression}) * 1000) as bigint)"


@lru_cache(maxsize=1024)
def to_engine(text: str, engine: str, tables: tuple[tuple[str, str], ...] = ()) -> str:
    """Athena text as an engine's own, with table names replaced; cached by text.

    Placeholders stay placeholders (``:name`` becomes ``$name`` for DuckDB).
    """
    tree = sqlglot.parse_one(text, read="athena")
    names = dict(tables)
    for table in tree.find_all(exp.Table):
        if table.name in names and not table.db:
            alias = table.alias_or_name
            table.replace(exp.alias_(exp.to_table(names[table.name]), alias, table=True))
    return tree.sql(dialect=engine)


def with_span(sql: Sql, filters: Filters) -> Sql:
    """The same question, with the UTC range its WHERE limits it to as a hint for back ends."""
    return replace(sql, span=utc_span(filters))
