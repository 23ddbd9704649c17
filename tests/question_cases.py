"""Every question over every class of its options and filters, for suites that read or run all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import get_args

from data_access.conditions import OPERATORS
from data_access.conditions import ORDERS as ORDERS_OF_NUMBERS
from data_access.local_time import Interval
from data_access.metrics import METRICS
from data_access.model import Bots, Condition, Filters, Group, Scope, Sql
from data_access.questions import QUESTIONS, Ask, products, traffic
from data_access.questions.figures import dimension_key, grouped, total
from data_access.sql import NUMBERS

INTERVALS = ("auto", *get_args(Interval))
WINDOWS = (("7d", "user"), ("period", "session"))
MORE_WINDOWS = (("30m", "user"), ("1d", "session"), ("period", "user"))
ORDERS = ("ordered", "strict", "any")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)


@dataclass(frozen=True)
class Ground:
    """What questions are asked about: a period, the one before, and what is there to be asked for.

    ``values`` has some values of every dimension and property; ``steps`` are texts of funnels;
    ``breakdowns`` what funnels are broken down by, "" for nothing.
    """

    filters: Filters
    earlier: Filters
    scope: Scope
    sites: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    steps: tuple[str, ...]
    breakdowns: tuple[str, ...]
    session: str
    cursor: str
    since: str

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions of events and sessions, and the properties."""
        return tuple(self.values)

    def ask(self, name: str, values: Mapping[str, str] | None = None) -> Ask:
        """The question with some of its own parameters, the others as they are by default."""
        defaults = {param.name: param.default for param in QUESTIONS[name].params}
        needed = {
            "data.values": {"dimension": self.dimensions[0]},
            "funnel.steps": {"steps": self.steps[0]},
            "sessions.timeline": {"session": self.session},
        }
        return Ask(self.filters, self.scope, defaults | needed.get(name, {}) | dict(values or {}))


def options(ground: Ground) -> dict[str, list[dict[str, str]]]:
    """Every question's own parameters, one of each class."""
    site, dimensions = ",".join(ground.sites), ground.dimensions
    found: dict[str, list[dict[str, str]]] = {
        "data.extent": [{}, {"site": site}],
        "data.values": [{"dimension": d} for d in dimensions],
        "data.quality": [{}],
        "overview.kpis": [{}],
        "traffic.kpis": [{}],
        "traffic.over_time": [{"interval": "week"}],
        "traffic.by": [{"by": "page_path"}, *({"by": "entry_page", "sort": s} for s in traffic.SORTS)],
        "traffic.new_and_returning": [{}],
        "traffic.by_weekday_and_hour": [{}],
        "products.kpis": [{}],
        "products.over_time": [{"interval": "day"}],
        "products.by": [{"by": "product_brand", "sort": s} for s in ("product_views", "revenue")],
        "products.missing": [{}],
        "products.top": [{"by": "product_brand"}],
        "products.searches": [{"only": "all"}, {"only": "unanswered"}],
        "events.over_time": [{"interval": i} for i in INTERVALS],
        "events.mix": [{"by": d, "limit": "7"} for d in dimensions],
        "events.by_login_state": [{}],
        "funnel.steps": _funnels(ground.steps, WINDOWS, ground.breakdowns[:2]),
        "explore.events": [{}, {"before": ground.cursor}, {"after": ground.cursor}],
        "sessions.timeline": [{"session": ground.session}],
        "sessions.busiest": [{}],
        "events.by_hour_and_type": [{}],
        "events.errors": [{"limit": "7"}],
        "reconciliation.minutes": [{"since": ground.since}],
        "reconciliation.extent": [{}, {"site": site}],
    }
    assert found.keys() == QUESTIONS.keys(), "a question has no options here"
    return found


def _funnels(
    steps: tuple[str, ...], windows: tuple[tuple[str, str], ...], breakdowns: tuple[str, ...]
) -> list[dict[str, str]]:
    return [
        {"steps": s, "window": w, "unit": u, "order": o, "breakdown": b}
        for s, (w, u), o, b in product(steps, windows, ORDERS, breakdowns)
    ]


def more_options(ground: Ground) -> dict[str, list[dict[str, str]]]:
    """Options that are written alike and may be answered differently."""
    dimensions = ground.dimensions
    by_product = [{"by": d, "limit": "5"} for d in products.DIMENSIONS]
    by_product += [{"by": "product_id", "sort": s, "limit": "5"} for s in products.METRICS]
    return {
        "traffic.over_time": [{"interval": i} for i in INTERVALS],
        "products.over_time": [{"interval": i} for i in INTERVALS],
        "traffic.by": [{"by": d, "limit": "1000"} for d in dimensions],
        "events.mix": [{"by": d, "limit": "1000"} for d in dimensions],
        "products.by": by_product,
        "products.missing": [{"by": d} for d in products.DIMENSIONS],
        "products.top": [{"by": d} for d in products.DIMENSIONS],
        "products.searches": [{"limit": "1"}],
        "sessions.busiest": [{"limit": "1000"}],
        "funnel.steps": _funnels(ground.steps[:1], MORE_WINDOWS, ground.breakdowns[:1])
        + _funnels(ground.steps[:1], WINDOWS[:1], ground.breakdowns[2:]),
        "explore.events": [{"limit": "1"}, {"limit": "1000"}],
        "reconciliation.minutes": [{}],
    }


def asked(ground: Ground, chosen: Mapping[str, list[dict[str, str]]]) -> Iterator[tuple[str, Sql]]:
    """Questions with some of their options, also compared, and as an export asks them."""
    for name, every in chosen.items():
        question = QUESTIONS[name]
        for values in every:
            label, ask = f"{name} {values}", ground.ask(name, values)
            yield label, question.sql(ask)
            if question.pair == "sql":
                yield f"{label} compared", question.sql(replace(ask, before=ground.earlier))
            if question.sizes:
                yield f"{label} sizes", question.sizes(ask)
                start = datetime.combine(ask.filters.from_day, datetime.min.time())
                yield f"{label} part", question.sql(replace(ask, part=(start, start + timedelta(days=1))))


# Filters


def filtered(ground: Ground) -> Iterator[tuple[str, Sql]]:
    """Questions about a period under every class of filters."""
    names = [name for name, question in QUESTIONS.items() if question.about_period]
    for label, other in (*_bots(ground), *_scopes(ground), *_wheres(ground), *_money(ground)):
        for name in names:
            yield f"{name} {label}", QUESTIONS[name].sql(other.ask(name))
    for label, other in _comparisons(ground):
        yield f"overview.kpis {label}", QUESTIONS["overview.kpis"].sql(other.ask("overview.kpis"))
    for label, other in _calendars(ground):
        yield from ((f"{said} {label}", sql) for said, sql in asked(other, _over_time()))


def _over_time() -> dict[str, list[dict[str, str]]]:
    every = [{"interval": interval} for interval in get_args(Interval)]
    return {"events.over_time": every, "traffic.over_time": every[:1], "traffic.by_weekday_and_hour": [{}]}


def _bots(ground: Ground) -> Iterator[tuple[str, Ground]]:
    for bots in get_args(Bots)[1:]:
        yield f"bots={bots}", _with(ground, bots=bots)


def _scopes(ground: Ground) -> Iterator[tuple[str, Ground]]:
    for sites in (None, frozenset(ground.sites[:1]), frozenset({"no such site"}), frozenset[str]()):
        yield f"scope={sites}", replace(ground, scope=Scope("u", sites))


def _calendars(ground: Ground) -> Iterator[tuple[str, Ground]]:
    whole = _with(ground, from_day=ground.earlier.from_day)
    for zone in ZONES:
        yield f"zone={zone}", _with(whole, time_zone=zone)
    for first in range(7):
        yield f"week_start={first}", _with(whole, week_start=first, time_zone="Europe/Berlin")


def _money(ground: Ground) -> Iterator[tuple[str, Ground]]:
    site = ground.sites[0]
    yield "currency=USD", _with(ground, currency="USD", site_currencies=((site, "EUR"),))


def _comparisons(ground: Ground) -> Iterator[tuple[str, Ground]]:
    """Every dimension and number with every operator."""
    for name, values in ground.values.items():
        for operator in OPERATORS:
            for given in _given(operator, values):
                yield from _compared(ground, Condition(name, operator, given))
    for name, operator in product(NUMBERS, OPERATORS):
        if "~" not in operator:
            yield from _compared(ground, Condition(name, operator, ("19",)))
    for name in NUMBERS:
        yield from _compared(ground, Condition(name, "=", ("119", "unknown")))


def _given(operator: str, values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    if operator in ORDERS_OF_NUMBERS:
        return (("12",),)
    return (values,) if "~" in operator else ((), values[:1], (*values, "unknown"))


def _compared(ground: Ground, condition: Condition) -> Iterator[tuple[str, Ground]]:
    label = f"{condition.name}{condition.operator}{','.join(condition.values)}"
    yield label, _with(ground, where=Group("all", (condition,)))


def _wheres(ground: Ground) -> Iterator[tuple[str, Ground]]:
    """Groups in groups, as segments are; every dimension at once; sites."""
    country = Condition("country", "=", (*ground.values.get("country", ())[:1], "unknown"))
    page = Condition("page_path", "~", ("/", "a"))
    entry = Condition("entry_page", "=", ground.values.get("entry_page", ())[:1])
    path = next(name for name in ground.values if name.startswith("properties."))
    prop = Condition(path, "!=", ground.values[path][:1])
    either = Group("any", (country, Group("all", (page, Condition("exit_page", "!=")), negated=True)))
    every = (Condition(n, "=", (*v, "unknown")) for n, v in ground.values.items())
    yield "either", _with(ground, where=either)
    yield "neither", _with(ground, where=replace(either, negated=True))
    yield "of session", _with(ground, where=Group("all", (entry, Condition("entry_channel", "="))))
    yield "property", _with(ground, where=Group("all", (prop, Condition("revenue", "!="))))
    yield "nothing", _with(ground, where=Group("any", (), negated=True))
    yield "everything", _with(ground, where=Group("all", tuple(every)))
    yield "site", _with(ground, where=Group("all", (Condition("site", "=", ground.sites[:1]),)))


def _with(ground: Ground, **changes: object) -> Ground:
    """The ground with other filters, in both of its periods."""
    own = {name: value for name, value in changes.items() if name != "from_day"}
    filters = replace(ground.filters, **changes)  # type: ignore[arg-type]
    return replace(ground, filters=filters, earlier=replace(ground.earlier, **own))  # type: ignore[arg-type]


# Metrics


def measured(ground: Ground) -> Iterator[tuple[str, Sql]]:
    """Every metric alone, over everything and by a dimension of the event and of the session."""
    ask = Ask(ground.filters, ground.scope, {})
    for name, metric in METRICS.items():
        if metric.source != "question":
            yield f"metric {name}", total(ask, (name,))
            for dimension in ("country", "entry_page"):
                yield f"metric {name} by {dimension}", grouped(ask, (name,), (dimension_key(dimension),))


def texts(ground: Ground) -> list[dict[str, str]]:
    """Parameters as text for every question, with the comparisons and segments that a text can name."""
    period = {"from": str(ground.filters.from_day), "to": str(ground.filters.to_day)}
    other = f"{ground.earlier.from_day}..{ground.earlier.to_day}"
    compares = ({"compare": c} for c in ("previous", "week", "year", "none", other))
    wheres = ({"where": "country=;!(page_path~/)"}, {"segment": "known"}, {"segment": "!known"})
    return [period | more for more in ({}, *compares, *wheres, {"bots": "in"}, {"bots": "only"})]
