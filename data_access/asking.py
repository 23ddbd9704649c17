"""From a question's name and text parameters to its answer: the one path every reader takes.

Pages, CSV exports and the command line all call ``ask`` or ``export`` with the same text parameters
(they are also the URL's), so a number on a page can always be had in a script.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from data_access import comparison, lists, privacy, raw_filters
from data_access.asked import Asked, Batches, Export, Work, after, batches_of, each, parts, with_header
from data_access.local_time import utc_span
from data_access.model import Answer, Filters, Scope, Sql, Stamp, UsageError, Version
from data_access.ports import Cache, Documents, Lake, Scanned, Warehouse
from data_access.questions import COMPARE, PERIOD_PARAMS, QUESTIONS, Ask, Question
from data_access.settings import Settings
from data_access.site_settings import SiteSettings
from data_access.spending import Spending
from data_access.sql import ALL_DIMENSIONS, chosen_sites

DEFAULT_DAYS = 30

Today = Callable[[ZoneInfo], date]


def today_in(zone: ZoneInfo) -> date:
    """The current day in a zone."""
    return datetime.now(zone).date()


@dataclass(frozen=True, slots=True)
class Asking:
    """Answers questions over one lake, warehouse and cache; ``documents`` hold the saved segments."""

    lake: Lake
    warehouse: Warehouse
    cache: Cache
    documents: Documents
    settings: Settings
    site_settings: SiteSettings
    today: Today = today_in
    spending: Spending | None = None

    def ask(self, name: str, raw: Mapping[str, str], scope: Scope, agreed: float = inf) -> Answer:
        """Answer a question. ``raw`` holds its parameters and filters as text, ``agreed`` is what it may cost
        in US dollars without anybody being asked.

        Raises UsageError for an unknown question, parameter or value, QueryError when the engine fails, and
        of those Expensive and BudgetSpent where it charges for what it reads.
        """
        started = time.perf_counter()
        version, work = self.lake.snapshot(), Work(agreed=agreed)
        asked = self._prepare(name, raw, scope, version)
        table, truncated = self._answer(asked, version, work)
        table = self._masked(table, asked)
        return Answer(name, table, self._stamp(asked, version, work, started, table.num_rows, truncated))

    def export(self, name: str, raw: Mapping[str, str], scope: Scope) -> Export:
        """All rows of a question in record batches, over one data version.

        Raises as ``ask`` does, usage errors before the first batch is asked for.
        """
        started = time.perf_counter()
        version, work = self.lake.snapshot(), Work()
        asked = self._prepare(name, raw, scope, version)
        if (sizes := asked.question.sizes) is not None:
            schema, rows = self._all(sizes(asked.ask), asked, version, work)
            rows = each(lambda batch: self._masked(batch, asked), rows)
            truncated, count = False, 0
        else:
            table, truncated = self._answer(asked, version, work)
            table = self._masked(table, asked)
            schema, rows, count = table.schema, batches_of(table), table.num_rows
        stamp = self._stamp(asked, version, work, started, count, truncated)
        return Export(with_header(schema, rows), asked, stamp, work, self.spending)

    def filters(self, raw: Mapping[str, str], scope: Scope) -> Filters:
        """The filters that ``raw`` asks for, with the default period filled in."""
        return self._filters(raw, scope, self.lake.snapshot())

    def before(self, raw: Mapping[str, str], scope: Scope) -> Filters | None:
        """The filters over the period that answers are compared with; None without a comparison or
        where the data does not reach back over it."""
        version = self.lake.snapshot()
        filters = self._filters({k: v for k, v in raw.items() if k != "compare"}, scope, version)
        return self._before(filters, raw.get("compare") or COMPARE.default, scope, version)

    def _answer(self, asked: Asked, version: Version, work: Work) -> tuple[pa.Table, bool]:
        """The finished table, compared and limited; True when the limit left out rows."""
        question, ask = asked.question, asked.ask
        table = self._one(question, ask, version, work)
        if ask.before is not None and question.pair != "sql":
            earlier = self._one(question, replace(ask, filters=ask.before, before=None), version, work)
            pair = comparison.aligned if question.pair == "position" else comparison.joined
            table = pair(table, earlier, question.metrics)
        if question.metrics and asked.compare != "none":
            table = question.after(comparison.with_changes(table, question.metrics))
        limit = question.limit(ask) if question.limit else table.num_rows
        return table.slice(0, limit), table.num_rows > limit

    def _one(self, question: Question, ask: Ask, version: Version, work: Work) -> pa.Table:
        table = self._run(question.sql(ask), ask, version, work)
        return question.finish(table, ask)

    def _run(self, sql: Sql, ask: Ask, version: Version, work: Work) -> pa.Table:
        self._check_personal(sql, ask)
        key = self._key(sql, ask.scope, version)
        table, cached = self.cache.get_or_compute(key, lambda: self._fresh(sql, ask, version, work))
        work.cached = work.cached and cached
        return table

    def _fresh(self, sql: Sql, ask: Ask, version: Version, work: Work) -> pa.Table:
        """An answer from the engine, paid for where it charges."""
        self._check(sql, ask, version, work)
        with self._paid(ask, work) as scanned:
            return self.warehouse.table(sql, version, scanned)

    def _masked(self, rows: privacy.Rows, asked: Asked) -> privacy.Rows:
        """Rows as the asker may see them. Answers are kept as they are, and masked on their way out."""
        ask, raw = asked.ask, asked.ask.scope.raw
        if asked.question.rows:
            return privacy.masked(rows, raw, self._personal)
        return rows if privacy.is_open(raw, _sites(ask)) else privacy.without_mail(rows)

    def _check_personal(self, sql: Sql, ask: Ask) -> None:
        privacy.check_read(sql, ask.scope, _sites(ask), self._personal)

    @property
    def _personal(self) -> frozenset[str]:
        return privacy.names_of(self.settings.personal_properties)

    def _check(self, sql: Sql, ask: Ask, version: Version, work: Work) -> None:
        if self.spending is not None:
            self.spending.check(_sites(ask), lambda: self.lake.scan_bytes(sql, version), work.agreed)

    @contextmanager
    def _paid(self, ask: Ask, work: Work) -> Iterator[Scanned]:
        """A query that is told what it reads: it is charged also when it fails or is left half-way."""
        read: list[int] = []
        try:
            yield read.append
        finally:
            work.scanned += read
            if self.spending is not None:
                self.spending.add(_sites(ask), sum(read))

    def _all(self, sizes: Sql, asked: Asked, version: Version, work: Work) -> tuple[pa.Schema, Batches]:
        """The columns and all rows of an answer too large to be held.

        An engine that sorts any size is asked once, and at once: what it has against the question is said
        while there still is somebody to say it to. Another one is asked part by part, when it is their turn.
        """
        question, ask = asked.question, asked.ask
        whole = question.sql(replace(ask, part=utc_span(ask.filters)))
        self._check_personal(whole, ask)
        self._check(whole, ask, version, work)
        work.cached = False
        if not self.warehouse.sorts_any_size:
            schema = self.warehouse.schema(whole, version)
            return schema, self._rows(self._parts(sizes, asked, version), ask, version, work)
        rows = self._rows([whole], ask, version, work)
        first = next(rows, None)
        if first is None:
            return self.warehouse.schema(whole, version), rows
        return first.schema, after(first, rows)

    def _parts(self, sizes: Sql, asked: Asked, version: Version) -> Iterator[Sql]:
        """The question part by part, each small enough to be sorted in little memory."""
        for part in parts(self.warehouse.table(sizes, version).to_pylist()):
            yield asked.question.sql(replace(asked.ask, part=part))

    def _rows(self, texts: Iterable[Sql], ask: Ask, version: Version, work: Work) -> Batches:
        """The rows of some queries, one after another; what they read is known when all are over."""
        done = Work()
        try:
            for sql in texts:
                with self._paid(ask, done) as scanned:
                    yield from self.warehouse.stream(sql, version, scanned)
        finally:
            work.scanned += done.scanned

    def _prepare(self, name: str, raw: Mapping[str, str], scope: Scope, version: Version) -> Asked:
        question = QUESTIONS.get(name)
        if question is None:
            raise UsageError(f"{name!r} is no question; it takes one of {', '.join(QUESTIONS)}")
        scope = privacy.of_rows(scope, name) if question.rows else scope
        own = {param.name: param.default for param in question.params}
        _check_names(question, own, raw)
        values = own | {key: value for key, value in raw.items() if key in own and value != ""}
        if not question.about_period:
            return Asked(question, Ask(Filters(date.min, date.max), scope, values), "none")
        shared = {k: v for k, v in raw.items() if k not in own and k != COMPARE.name}
        filters = self._filters(shared, scope, version)
        compare = (raw.get(COMPARE.name) or COMPARE.default) if question.metrics else "none"
        before = self._before(filters, compare, scope, version)
        return Asked(question, question.settle(Ask(filters, scope, values, before)), compare)

    def _before(self, filters: Filters, compare: str, scope: Scope, version: Version) -> Filters | None:
        before = comparison.before(filters, compare)
        return before if before is not None and self._reaches(before, filters, scope, version) else None

    def _reaches(self, before: Filters, now: Filters, scope: Scope, version: Version) -> bool:
        """Whether the data reaches back over a whole period; else a change would mislead."""
        first = self._extent(scope, chosen_sites(now.where), version)["first_ts"]
        start, end = utc_span(before)[0], utc_span(now)[1]
        # Data that starts within the period's first day covers it as days are counted.
        return first is not None and first < end and first - start < timedelta(days=1)

    def _filters(self, raw: Mapping[str, str], scope: Scope, version: Version) -> Filters:
        where = raw_filters.where(raw, self.documents)
        sites = chosen_sites(where)
        own = self.site_settings
        zone = own.zone_of(sites)
        from_day, to_day = self._period(raw, zone, scope, sites, version)
        return Filters(
            from_day,
            to_day,
            zone,
            raw_filters.bots(raw),
            where,
            own.week_start_of(sites),
            own.currency_of(sites),
            self.settings.roles,
            own.other_currencies_of(sites, scope.sites),
        )

    def _period(
        self, raw: Mapping[str, str], zone: str, scope: Scope, sites: tuple[str, ...], version: Version
    ) -> tuple[date, date]:
        given_from, given_to = raw_filters.day(raw, "from"), raw_filters.day(raw, "to")
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
        last = self._extent(scope, sites, version)["last_ts"]
        if last is None:
            return today
        last_day: date = last.replace(tzinfo=UTC).astimezone(zone).date()
        return today if last_day > today - timedelta(days=DEFAULT_DAYS) else last_day

    def _extent(self, scope: Scope, sites: tuple[str, ...], version: Version) -> dict[str, Any]:
        """First and last event and their number, over some sites; over all when none is named."""
        asked = Ask(Filters(date.min, date.max), scope, {"site": lists.text(sites)})
        sql = QUESTIONS["data.extent"].sql(asked)
        row: dict[str, Any] = self._run(sql, asked, version, Work()).to_pylist()[0]
        return row

    def _quality(self, ask: Ask, version: Version) -> tuple[float | None, float | None]:
        """Shares of late and of repeated rows among those received for the period and its sites."""
        sql = QUESTIONS["data.quality"].sql(ask)
        (row,) = self._run(sql, ask, version, Work()).to_pylist()
        received = row["received"]
        return (row["late"] / received, row["duplicates"] / received) if received else (None, None)

    def _key(self, sql: Sql, scope: Scope, version: Version) -> str:
        parts = (sql.text, repr(sorted(sql.params.items())), scope.key, version.key)
        return sha256("\x1f".join(parts).encode()).hexdigest()

    def _stamp(
        self, asked: Asked, version: Version, work: Work, started: float, rows: int, truncated: bool
    ) -> Stamp:
        filters, before = asked.ask.filters, asked.ask.before
        about_period = asked.question.about_period
        late, duplicates = self._quality(asked.ask, version) if about_period else (None, None)
        return Stamp(
            data_version=version.key,
            complete_to=version.complete_to,
            from_day=filters.from_day if about_period else None,
            to_day=filters.to_day if about_period else None,
            time_zone=filters.time_zone,
            engine=self.warehouse.engine,
            rows=rows,
            milliseconds=round((time.perf_counter() - started) * 1000, 3),
            cached=work.cached,
            truncated=truncated,
            bytes_scanned=work.bytes_scanned,
            late_share=late,
            duplicate_share=duplicates,
            compared_from=before.from_day if before else None,
            compared_to=before.to_day if before else None,
            dollars=work.dollars(self.spending),
        )


def _sites(ask: Ask) -> tuple[str, ...]:
    """The sites a question is about; none when it is about all there are."""
    named = chosen_sites(ask.filters.where) or lists.values(ask.values.get("site", ""))
    return named or tuple(sorted(ask.scope.sites or ()))


def _check_names(question: Question, own: Mapping[str, str], raw: Mapping[str, str]) -> None:
    taken = [*own]
    if question.about_period:
        taken += [param.name for param in PERIOD_PARAMS] + [*ALL_DIMENSIONS]
    if question.metrics:
        taken.append(COMPARE.name)
    if halves := [key for key, value in raw.items() if any("\ud800" <= one <= "\udfff" for one in value)]:
        raise UsageError(f"{halves[0]} has half of a character in it; it takes text in UTF-8")
    unknown = [key for key in raw if key not in taken]
    if unknown:
        known = ", ".join([*own, *sorted(set(taken) - set(own))])
        raise UsageError(f"{question.name} takes no {unknown[0]!r}; it takes {known or 'nothing'}")
