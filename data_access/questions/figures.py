"""Metrics to SQL: totals, ranked lists and series of any metrics, with one definition of each.

A text has up to three parts, joined by their keys: ``figures`` over the events that match the filters,
``visits`` over the whole sessions those belong to, and ``sales``, one row an order. Only the parts that
the metrics need are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from data_access.local_time import utc_span
from data_access.metrics import METRICS, Metric, needed
from data_access.model import Filters, Group, Scope, Sql, UsageError
from data_access.questions.base import Ask
from data_access.sql import (
    SESSION_DIMENSIONS,
    UNKNOWN,
    Params,
    holds,
    in_list,
    milliseconds,
    value_or_unknown,
    where,
)

Row = Mapping[str, Any]

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """What rows are grouped by: its column, its SQL over ``relation``, and that relation of events."""

    name: str
    sql: Callable[[Filters], str]
    relation: Callable[[Filters, Scope, Params], str] = lambda _filters, _scope, _params: "events"


def dimension_key(dimension: str, name: str = "value") -> Key:
    """The key for a dimension of the event or, for the SESSION_DIMENSIONS, of its session.

    Missing and blank values are 'unknown'. Raises UsageError for no dimension.
    """
    if dimension in SESSION_DIMENSIONS:
        return Key(
            name, lambda _: f"coalesce(nullif({dimension}, ''), '{UNKNOWN}')", _with_session(dimension)
        )
    text = value_or_unknown(dimension)
    return Key(name, lambda _: text)


def _with_session(dimension: str) -> Callable[[Filters, Scope, Params], str]:
    text = f"""(
        select events.*, sessions.{dimension} as {dimension}
        from events
        left join sessions on sessions.session_key = events.session_key
    ) told"""
    return lambda _filters, _scope, _params: text


def total(ask: Ask, metrics: tuple[str, ...]) -> Sql:
    """One row: the metrics over everything that matches."""
    return grouped(ask, metrics, ())


def grouped(ask: Ask, metrics: tuple[str, ...], keys: tuple[Key, ...]) -> Sql:
    """A row for each combination of keys that has events, in their order."""
    params = Params({})
    text = selection(ask.filters, ask.scope, params, metrics, keys)
    order = f"\norder by {', '.join(key.name for key in keys)}" if keys else ""
    return Sql(text + order, params.values, utc_span(ask.filters))


def filled(table: pa.Table, keys: Iterable[Row]) -> pa.Table:
    """A row for each of ``keys``, in their order: the table's, or one in which nothing happened."""
    nothing = {name: METRICS[name].nothing for name in table.column_names if name in METRICS}
    names = [name for name in table.column_names if name not in METRICS]
    rows = {tuple(row[name] for name in names): row for row in table.to_pylist()}
    found = [rows.get(tuple(key[name] for name in names), {**key, **nothing}) for key in keys]
    return pa.Table.from_pylist(found, schema=table.schema)


def ranked(ask: Ask, metrics: tuple[str, ...], key: Key, by: str) -> Sql:
    """The rows with most of the metric ``by``, one more than the limit, with those of the period before.

    A value that only the period before has is a row of zeros.
    """
    params = Params({})

    def side(filters: Filters) -> str:
        return selection(filters, ask.scope, params, metrics, (key,))

    return compared(ask, params, metrics, key.name, by, side)


def compared(
    ask: Ask,
    params: Params,
    metrics: tuple[str, ...],
    key: str,
    by: str,
    side: Callable[[Filters], str],
    keep: str = "1 = 1",
) -> Sql:
    """A ranked list of what ``side`` gives for the period, beside what it gives for the one before.

    ``keep`` is a condition on ``present``, the period's own rows.
    """
    order = f"order by {by} desc, {key}\nlimit {limit(ask) + 1}"
    span = utc_span(ask.filters)
    if ask.before is None:
        columns = ", ".join(f"present.{name} as {name}" for name in (key, *metrics))
        text = f"select {columns}\nfrom ({side(ask.filters)}) present\nwhere {keep}\n{order}"
        return Sql(text, params.values, span)
    columns = ",\n    ".join(_pair(METRICS[name]) for name in metrics)
    text = f"""
select coalesce(present.{key}, past.{key}) as {key},
    {columns}
from ({side(ask.filters)}) present
full outer join ({side(ask.before)}) past on past.{key} = present.{key}
where {keep}
{order}
"""
    return Sql(text, params.values, _hull(span, utc_span(ask.before)))


def _pair(metric: Metric) -> str:
    name = metric.name
    if metric.nothing is None:
        return f"present.{name} as {name}, past.{name} as {name}_previous"
    return f"coalesce(present.{name}, 0) as {name}, coalesce(past.{name}, 0) as {name}_previous"


def _hull(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    return min(one[0], other[0]), max(one[1], other[1])


def limit(ask: Ask) -> int:
    """The row limit asked for."""
    return limit_of(ask.values["limit"])


def limit_of(text: str) -> int:
    """A row limit of 1 to 1,000."""
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= MAX_LIMIT:
        raise UsageError(f"limit={text!r}; it takes a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def selection(
    filters: Filters, scope: Scope, params: Params, metrics: tuple[str, ...], keys: tuple[Key, ...]
) -> str:
    """A query of the keys and metrics over one period; a row for each combination that has events."""
    chosen = needed(metrics)
    names = [key.name for key in keys]
    relation = next(
        (r for r in (key.relation(filters, scope, params) for key in keys) if r != "events"), "events"
    )
    make = _Maker(filters, scope, params, relation, keys)
    parts = [f"({make.figures(_of(chosen, 'events'))}) figures"]
    for source, text in (("visits", make.visits), ("sales", make.sales)):
        if _of(chosen, source):
            on = " and ".join(f"{source}.{name} = figures.{name}" for name in names) or "1 = 1"
            parts.append(f"left join ({text(_of(chosen, source))}) {source} on {on}")
    columns = [f"figures.{name} as {name}" for name in names]
    columns += [_plain(metric) for metric in chosen if metric.source != "metrics"]
    base = f"select {', '.join(columns)}\nfrom " + "\n".join(parts)
    shown = [_shown(METRICS[name]) for name in metrics]
    return f"\nselect {', '.join([*names, *shown])}\nfrom ({base}) measured"


def _plain(metric: Metric) -> str:
    # A key without any order has no row to join.
    zero = metric.source == "sales" and metric.nothing == 0
    return f"coalesce({metric.name}, 0) as {metric.name}" if zero else metric.name


def _shown(metric: Metric) -> str:
    return f"{metric.sql} as {metric.name}" if metric.source == "metrics" else metric.name


def _of(metrics: list[Metric], source: str) -> list[Metric]:
    return [metric for metric in metrics if metric.source == source]


@dataclass(frozen=True, slots=True)
class _Maker:
    """Writes the parts of one period's text."""

    filters: Filters
    scope: Scope
    params: Params
    relation: str
    keys: tuple[Key, ...]

    def figures(self, metrics: list[Metric]) -> str:
        """Aggregates over the matching events; which keys there are comes from here."""
        columns = self._keyed() + self._aggregates(metrics) or ["count(*) as events"]
        return f"select {', '.join(columns)} from {self.relation} where {self._where()}{self._group()}"

    def visits(self, metrics: list[Metric]) -> str:
        """Aggregates over the whole sessions that have a matching event."""
        names = self._names()
        parted = f"partition by {', '.join(names)}" if names else ""
        seen = ", ".join([*self._keyed(), "session_key"])
        shown = ", ".join([f"seen.{name} as {name}" for name in names] + ["whole.page_views as page_views"])
        return f"""
    select {", ".join([*names, *self._aggregates(metrics)])}
    from (
        select {shown}, whole.seconds as seconds,
            row_number() over ({parted} order by whole.seconds) as place,
            count(*) over ({parted}) as total
        from (select distinct {seen} from {self.relation} where {self._where()}) seen
        join (
            select session_key, page_views,
                cast({milliseconds("session_end")} - {milliseconds("session_start")} as double)
                    / 1000 as seconds
            from sessions
        ) whole on whole.session_key = seen.session_key
    ) placed{self._group()}"""

    def sales(self, metrics: list[Metric]) -> str:
        """Aggregates over orders: of each the first purchase event of the period, if it matches.

        Which event that is does not depend on the filters, so that an order is never in two rows.
        """
        anything = replace(self.filters, where=Group())
        matches = holds(self.filters.where, self.params)
        return f"""
    select {", ".join([*self._keyed(), *self._aggregates(metrics)])}
    from (
        select *,
            row_number() over (
                partition by site, coalesce(nullif(order_id, ''), event_id) order by ts, event_id
            ) as place
        from {self.relation}
        where {where(anything, self.scope, self.params)} and {self._fill("{purchases}")}
    ) named
    where place = 1 and {matches}{self._group()}"""

    def _names(self) -> list[str]:
        return [key.name for key in self.keys]

    def _keyed(self) -> list[str]:
        return [f"{key.sql(self.filters)} as {key.name}" for key in self.keys]

    def _group(self) -> str:
        numbers = ", ".join(str(n) for n in range(1, len(self.keys) + 1))
        return f" group by {numbers}" if numbers else ""

    def _where(self) -> str:
        return where(self.filters, self.scope, self.params)

    def _aggregates(self, metrics: list[Metric]) -> list[str]:
        return [f"{self._fill(metric.sql)} as {metric.name}" for metric in metrics]

    def _fill(self, text: str) -> str:
        """The text with the conditions that stand in braces written out, and no value without a use."""
        roles = self.filters.roles
        for role in ("views", "carts", "checkouts", "purchases"):
            if f"{{{role}}}" in text:
                text = text.replace(f"{{{role}}}", in_list("event_name", getattr(roles, role), self.params))
        if "{same}" in text:
            own = self.params.add(self.filters.currency)
            text = text.replace("{same}", f"coalesce(nullif(currency, ''), {self._usual(own)}) = {own}")
        return text

    def _usual(self, own: str) -> str:
        """SQL of the currency of an event that names none: its site's."""
        add = self.params.add
        others = (
            f"when site = {add(site)} then {add(other)}" for site, other in self.filters.site_currencies
        )
        return f"case {' '.join(others)} else {own} end" if self.filters.site_currencies else own
