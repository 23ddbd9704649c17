"""From a question's name and text parameters to its answer: the one path every reader takes.

Pages, CSV exports and the command line all call ``ask`` or ``stream`` with the same text parameters
(they are also the URL's), so a number on a page can always be had in a script.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from data_access import lists
from data_access.model import Answer, Bots, Filters, Scope, Sql, Stamp, UsageError, Version
from data_access.ports import Cache, Lake, Warehouse
from data_access.questions import PERIOD_PARAMS, QUESTIONS, Ask, Question
from data_access.settings import Settings
from data_access.sql import DIMENSIONS

DEFAULT_DAYS = 30
PART_ROWS = 15_000

Today = Callable[[ZoneInfo], date]


def today_in(zone: ZoneInfo) -> date:
    """The current day in a zone."""
    return datetime.now(zone).date()


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers questions over one lake, warehouse and cache."""

    lake: Lake
    warehouse: Warehouse
    cache: Cache
    settings: Settings
    today: Today = today_in

    def ask(self, name: str, raw: Mapping[str, str], scope: Scope) -> Answer:
        """Answer a question. ``raw`` holds its parameters and filters as text.

        Raises UsageError for an unknown question, parameter or value, QueryError when the engine
        fails.
        """
        started = time.perf_counter()
        version = self.lake.snapshot()
        question, asked = self._prepare(name, raw, scope, version)
        sql = question.sql(asked)
        table, cached = self.cache.get_or_compute(
            self._key(sql, scope, version), lambda: self.warehouse.table(sql, version)
        )
        table = question.finish(table, asked)
        return Answer(name, table, self._stamp(asked, version, table.num_rows, started, cached))

    def stream(self, name: str, raw: Mapping[str, str], scope: Scope) -> Iterator[pa.RecordBatch]:
        """All rows of a question in record batches, past the cache, over one data version.

        There is always a first batch, if need be without rows. Raises as ``ask`` does, usage errors
        before the first batch is asked for.
        """
        version = self.lake.snapshot()
        question, asked = self._prepare(name, raw, scope, version)
        if question.sizes is None:
            table = question.finish(self.warehouse.table(question.sql(asked), version), asked)
            return chain([_no_rows(table.schema)], table.to_batches())
        schema = self.warehouse.schema(question.sql(asked), version)
        return chain([_no_rows(schema)], self._parts(question, question.sizes(asked), asked, version))

    def _parts(
        self, question: Question, sizes: Sql, asked: Ask, version: Version
    ) -> Iterator[pa.RecordBatch]:
        """The answer part by part, each small enough to be sorted in little memory."""
        for part in parts(self.warehouse.table(sizes, version).to_pylist()):
            yield from self.warehouse.stream(question.sql(replace(asked, part=part)), version)

    def filters(self, raw: Mapping[str, str], scope: Scope) -> Filters:
        """The filters that ``raw`` asks for, with the default period filled in."""
        return self._filters(raw, scope, self.lake.snapshot())

    def _prepare(
        self, name: str, raw: Mapping[str, str], scope: Scope, version: Version
    ) -> tuple[Question, Ask]:
        question = QUESTIONS.get(name)
        if question is None:
            raise UsageError(f"{name!r} is no question; it takes one of {', '.join(QUESTIONS)}")
        own = {param.name: param.default for param in question.params}
        shared = {param.name for param in PERIOD_PARAMS} | set(DIMENSIONS) if question.about_period else set()
        unknown = [key for key in raw if key not in own and key not in shared]
        if unknown:
            raise UsageError(
                f"{name} takes no {unknown[0]!r}; it takes {', '.join([*own, *sorted(shared)]) or 'nothing'}"
            )
        values = own | {key: value for key, value in raw.items() if key in own and value != ""}
        filters = (
            self._filters({k: v for k, v in raw.items() if k in shared}, scope, version)
            if question.about_period
            else Filters(date.min, date.max)
        )
        return question, Ask(filters, scope, values)

    def _filters(self, raw: Mapping[str, str], scope: Scope, version: Version) -> Filters:
        dimensions = tuple((name, lists.values(raw[name])) for name in sorted(DIMENSIONS) if raw.get(name))
        sites = dict(dimensions).get("site", ())
        zone = self.settings.zone_of(sites)
        from_day, to_day = self._period(raw, zone, scope, sites, version)
        return Filters(from_day, to_day, zone, _bots(raw.get("bots") or "out"), dimensions)

    def _period(
        self, raw: Mapping[str, str], zone: str, scope: Scope, sites: tuple[str, ...], version: Version
    ) -> tuple[date, date]:
        given_from, given_to = _day(raw.get("from"), "from"), _day(raw.get("to"), "to")
        if given_from is not None and given_to is not None:
            period = given_from, given_to
        else:
            last = given_to or self._last_day(ZoneInfo(zone), scope, sites, version)
            period = given_from or last - timedelta(days=DEFAULT_DAYS - 1), max(last, given_from or last)
        if period[0] > period[1]:
            raise UsageError(f"from={period[0]} is after to={period[1]}; swap them")
        return period

    def _last_day(self, zone: ZoneInfo, scope: Scope, sites: tuple[str, ...], version: Version) -> date:
        """Today if the last 30 days have data, else the last day that has."""
        today = self.today(zone)
        question = QUESTIONS["data.extent"]
        asked = Ask(Filters(date.min, date.max), scope, {"site": lists.text(sites)})
        sql = question.sql(asked)
        extent, _ = self.cache.get_or_compute(
            self._key(sql, scope, version), lambda: self.warehouse.table(sql, version)
        )
        last = extent.to_pylist()[0]["last_ts"]
        if last is None:
            return today
        last_day: date = last.replace(tzinfo=UTC).astimezone(zone).date()
        return today if last_day > today - timedelta(days=DEFAULT_DAYS) else last_day

    def _key(self, sql: Sql, scope: Scope, version: Version) -> str:
        parts = (sql.text, repr(sorted(sql.params.items())), scope.key, version.key)
        return sha256("\x1f".join(parts).encode()).hexdigest()

    def _stamp(self, asked: Ask, version: Version, rows: int, started: float, cached: bool) -> Stamp:
        about_period = asked.filters.from_day != date.min
        return Stamp(
            data_version=version.key,
            complete_to=version.complete_to,
            from_day=asked.filters.from_day if about_period else None,
            to_day=asked.filters.to_day if about_period else None,
            time_zone=asked.filters.time_zone,
            engine=self.warehouse.engine,
            rows=rows,
            milliseconds=round((time.perf_counter() - started) * 1000, 3),
            cached=cached,
        )


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """An export's first batch: its header can go out before the first row is found."""
    return pa.RecordBatch.from_pylist([], schema=schema)


def parts(hours: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    """UTC ranges of about PART_ROWS rows that cover some hours (``hour``, ``rows``), newest first."""
    group: list[dict[str, Any]] = []
    for entry in hours:
        if group and sum(e["rows"] for e in group) + entry["rows"] > PART_ROWS:
            yield _range(group)
            group = []
        group.append(entry)
    if group:
        yield _range(group)


def _range(hours: list[dict[str, Any]]) -> tuple[datetime, datetime]:
    return hours[-1]["hour"], hours[0]["hour"] + timedelta(hours=1)


def previous(filters: Filters) -> Filters:
    """The period of the same length that ends the day before."""
    days = (filters.to_day - filters.from_day).days + 1
    return replace(
        filters,
        from_day=filters.from_day - timedelta(days=days),
        to_day=filters.from_day - timedelta(days=1),
    )


def _bots(text: str) -> Bots:
    match text:
        case "out" | "in" | "only":
            return text
    raise UsageError(f"bots={text!r}; it takes out, in or only")


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{name}={text!r} is no day; write it as YYYY-MM-DD") from error
    if not date(1970, 1, 1) <= day <= date(2999, 12, 31):
        raise UsageError(f"{name}={text} is out of range; it takes 1970-01-01 to 2999-12-31")
    return day
