"""The SQL of a funnel; what it computes and why it is exact stands in funnel.py."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from data_access.questions.base import Ask
from data_access.questions.funnel_steps import Funnel
from data_access.sql import Params, milliseconds, value_or_unknown, where

NEVER = -9_000_000_000_000_000
"""Milliseconds before every event: stands for "no chain" inside greatest()."""

UNIT_COLUMNS = {"user": "visitor_id", "session": "session_key"}


def _counter(kinds: tuple[int, ...]) -> str:
    """The column that counts a moment's events that match any of some kinds."""
    return "m" + "_".join(str(kind) for kind in kinds)


@dataclass(frozen=True)
class FunnelSql:
    """Writes the text of one funnel. Steps are numbered from 1.

    Columns of a moment t: ``m…`` counts of matching events; ``h3`` the latest start of a chain that
    reaches step 3 here; ``s3``, ``l3`` the same and the time of it at the latest earlier moment; ``e3``
    milliseconds from the previous step; ``f3`` that, at the unit's first arrival at step 3. Strict
    order has besides: ``place`` in the unit's moments, ``o3`` the latest start of a chain that reaches
    step 3 as the last event here, ``c3`` the ``o3`` of the moment just before, and its time ``q``.
    """

    funnel: Funnel

    @cached_property
    def rivals(self) -> list[tuple[int, ...]]:
        """Sets of kinds that one event can match several of."""
        return self.funnel.rivals()

    @property
    def last(self) -> int:
        """The number of the last step."""
        return len(self.funnel.steps)

    @property
    def part(self) -> str:
        """The columns a chain stays within."""
        return "unit, value" if self.funnel.breakdown else "unit"

    @property
    def in_time(self) -> str:
        """The window of a unit's moments."""
        return f"(partition by {self.part} order by t)"

    @property
    def earlier(self) -> str:
        """The window of a unit's earlier moments."""
        return f"(partition by {self.part} order by t rows between unbounded preceding and 1 preceding)"

    @property
    def counters(self) -> list[tuple[int, ...]]:
        """Every set of kinds whose events are counted."""
        return [(kind,) for kind in range(len(self.funnel.kinds))] + self.rivals

    def text(self, ask: Ask, params: Params) -> str:
        """The whole query: a row for each step that was reached (and value of the breakdown)."""
        parts = [self._matched(ask, params), *self._spread(), self._moments()]
        parts += self._any_order() if self.funnel.order == "any" else self._in_order()
        return "with\n" + ",\n".join([*parts, *self._summary()]) + self._answer()

    # Events to moments

    def _matched(self, ask: Ask, params: Params) -> str:
        unit = UNIT_COLUMNS[self.funnel.unit]
        value = [f"{value_or_unknown(self.funnel.breakdown)} as value"] if self.funnel.breakdown else []
        flags = [
            f"case when {kind.sql(params)} then 1 else 0 end as m{i}"
            for i, kind in enumerate(self.funnel.kinds)
        ]
        columns = ",\n        ".join([f"{unit} as unit", f"{milliseconds('ts')} as t", *value, *flags])
        names = ", ".join(params.add(name) for name in dict.fromkeys(k.event_name for k in self.funnel.kinds))
        only = "" if self.funnel.order == "strict" else f"\n    and event_name in ({names})"
        return f"""matched as (
    select
        {columns}
    from events
    where {where(ask.filters, ask.scope, params)}
    and {unit} is not null{only}
)"""

    def _spread(self) -> list[str]:
        """With a breakdown: a unit's events once for every value that one of its first steps has."""
        if not self.funnel.breakdown:
            return []
        others = "".join(f",\n        matched.m{i}" for i in range(1, len(self.funnel.kinds)))
        return [
            "starts as (\n    select distinct unit, value from matched where m0 = 1\n)",
            f"""spread as (
    select
        matched.unit,
        starts.value,
        matched.t,
        case when matched.value = starts.value then matched.m0 else 0 end as m0{others}
    from matched
    join starts on starts.unit = matched.unit
)""",
        ]

    def _moments(self) -> str:
        counts = [f"{self._counted(kinds)} as {_counter(kinds)}" for kinds in self.counters]
        source = "spread" if self.funnel.breakdown else "matched"
        columns = [self.part, "t", *counts, "count(*) as all_events"]
        return _stage("moments", columns, f"{source}\n    group by {self.part}, t")

    def _counted(self, kinds: tuple[int, ...]) -> str:
        """How many events of a moment match any of some kinds; 0 or 1 where one is all that is needed,
        which halves the cost of the whole funnel."""
        flag = f"m{kinds[0]}" if len(kinds) == 1 else f"greatest({', '.join(f'm{kind}' for kind in kinds)})"
        needed = sum(self.funnel.kind(step) in kinds for step in range(1, self.last + 1))
        return f"max({flag})" if needed == 1 else f"cast(sum({flag}) as bigint)"

    # Chains

    def _needs(self, first: int, last: int, prefix: str = "") -> str:
        """Hall's condition: there are different events for all the steps first..last."""
        kinds = [self.funnel.kind(step) for step in range(first, last + 1)]
        return " and ".join(
            f"{prefix}{_counter(group)} >= {sum(kinds.count(kind) for kind in group)}"
            for group in self.counters
            if set(group) <= set(kinds)
        )

    def _here(self, start: str) -> str:
        """A chain began at ``start`` and t is within its window."""
        window = self.funnel.window
        return f"{start} is not null" if window is None else f"t - {start} <= {window}"

    def _goes_on(self, step: int, depth: int) -> str:
        """A chain that reached ``depth`` before goes on to ``step`` here."""
        run = self._needs(depth + 1, step)
        return run if depth == 0 else f"{run} and {self._here(self._start(depth))}"

    def _start(self, depth: int) -> str:
        """The start of the chain that a moment can continue at ``depth``."""
        if depth == 0:
            return "t"
        return f"c{depth}" if self.funnel.order == "strict" else f"s{depth}"

    def _latest(self, candidates: list[tuple[str, str]]) -> str:
        """The greatest value whose condition holds, or NULL."""
        cases = [f"case when {condition} then {value} else {NEVER} end" for condition, value in candidates]
        best = cases[0] if len(cases) == 1 else f"greatest({', '.join(cases)})"
        return f"nullif({best}, {NEVER})"

    def _reached(self, step: int) -> str:
        """h: the latest start of a chain that reaches the step here."""
        return self._latest([(self._goes_on(step, d), self._start(d)) for d in range(step)])

    def _open(self, step: int) -> str:
        """o: as h, but every event here belongs to the chain, unless the chain begins here."""
        candidates = [(self._goes_on(step, 0), "t")]
        candidates += [
            (f"all_events = {step - d} and {self._goes_on(step, d)}", self._start(d)) for d in range(1, step)
        ]
        return self._latest(candidates)

    def _elapsed(self, step: int) -> str:
        """e: from the previous step: 0 if that can be here too, else from its latest earlier moment."""
        if step == 1:
            return "0"
        here = " or ".join(f"({self._goes_on(step, depth)})" for depth in range(step - 1))
        before = "s1" if step == 2 else f"l{step - 1}"
        if self.funnel.order == "strict":
            before = "q"
        return f"case when {here} then 0 else t - {before} end"

    def _in_order(self) -> list[str]:
        parts = [self._chains(1, "moments")]
        for step in range(2, self.last + 1):
            parts += [self._looking_back(step - 1), self._chains(step, f"before_{step}")]
        last = self._looking_back(self.last)
        return [*parts, last, self._firsts(f"before_{self.last + 1}")]

    def _chains(self, step: int, source: str) -> str:
        """Pass ``step``: which moments reach it, and (for the step before) which was the first to."""
        columns = [f"{self._reached(step)} as h{step}", f"{self._elapsed(step)} as e{step}"]
        if step > 1:
            columns.append(f"{_first_arrival(step - 1)} as f{step - 1}")
        if self.funnel.order == "strict":
            columns.append(f"{self._open(step)} as o{step}")
            if step == 1:
                columns += [f"row_number() over {self.in_time} as place", f"lag(t) over {self.in_time} as q"]
        return _stage(f"reached_{step}", ["*", *columns], source)

    def _looking_back(self, step: int) -> str:
        """What each moment still of use knows of earlier ones about ``step``."""
        columns = [f"max(h{step}) over {self.earlier} as s{step}"]
        if 1 < step < self.last:  # a first step starts where it is reached: l1 would be s1
            columns.append(f"max(case when h{step} is not null then t end) over {self.earlier} as l{step}")
        if self.funnel.order == "strict" and step < self.last:
            just_before = f"lag(place) over {self.in_time} = place - 1"
            columns.append(f"case when {just_before} then lag(o{step}) over {self.in_time} end as c{step}")
        source = f"reached_{step}\n    where {self._of_use(step)}"
        return _stage(f"before_{step + 1}", ["*", *columns], source)

    def _of_use(self, step: int) -> str:
        """Moments that reach the step, may reach a later one, or hold a unit's first arrival."""
        keep = [f"h{step} is not null"] + [f"f{done} is not null" for done in range(1, step)]
        later = self._matches(range(step + 1, self.last + 1))
        if later:
            begun = f" and s{step - 1} is not null" if step > 1 else ""
            keep.append(f"{later} > 0{begun}")
        return " or ".join(keep)

    def _firsts(self, source: str) -> str:
        columns = [*self.part.split(", ")]
        columns += [f"f{step}" for step in range(1, self.last)]
        return _stage("firsts", [*columns, f"{_first_arrival(self.last)} as f{self.last}"], source)

    # Any order

    def _any_order(self) -> list[str]:
        window = self.funnel.window
        frame = "range between unbounded preceding and current row"
        if window is not None:
            frame = f"range between {window} preceding and current row"
        spans = [
            f"sum({_counter(k)}) over (partition by {self.part} order by t {frame}) as c{_counter(k)}"
            for k in self.counters
        ]
        steps = range(1, self.last + 1)
        hits = [f"case when {self._all_done(step)} then t end as h{step}" for step in steps]
        backs = [f"max(h{step}) over {self.earlier} as s{step}" for step in steps]
        firsts = [
            f"case when h{s} is not null and s{s} is null then {self._any_elapsed(s)} end as f{s}"
            for s in steps
        ]
        return [
            _stage("spans", ["*", *spans], "moments"),
            _stage("done", [self.part, "t", *hits], "spans"),
            _stage("looked_back", ["*", *backs], "done"),
            _stage("firsts", [self.part, *firsts], "looked_back"),
        ]

    def _all_done(self, step: int) -> str:
        """Steps 1..step are done within the window that ends here, one of them here."""
        return f"{self._needs(1, step, 'c')} and {self._matches(range(1, step + 1))} > 0"

    def _matches(self, steps: range) -> str:
        """How often any of some steps is matched, 0 for never; empty for no steps."""
        return " + ".join(f"m{kind}" for kind in sorted({self.funnel.kind(step) for step in steps}))

    def _any_elapsed(self, step: int) -> str:
        if step == 1:
            return "0"
        if self.funnel.exclusive(step):
            return f"case when h{step - 1} is not null then 0 else t - s{step - 1} end"
        return f"case when {self._here(f's{step - 1}')} then t - s{step - 1} else 0 end"

    # Summary

    def _summary(self) -> list[str]:
        value = "value, " if self.funnel.breakdown else ""
        steps = ", ".join(f"({step})" for step in range(1, self.last + 1))
        chosen = " ".join(f"when {step} then f{step}" for step in range(1, self.last + 1))
        group = f"partition by {value}step"
        return [
            f"""arrivals as (
    select {value}step, case step {chosen} end as elapsed
    from firsts
    cross join (values {steps}) as steps (step)
)""",
            f"""ranked as (
    select
        {value}step,
        elapsed,
        row_number() over ({group} order by elapsed) - 1 as rank,
        count(*) over ({group}) as reached
    from arrivals
    where elapsed is not null
)""",
        ]

    def _answer(self) -> str:
        """The two neighbours of the median and of the 90th percentile; finish() interpolates."""
        value = "value, " if self.funnel.breakdown else ""
        return f"""
select
    {value}step,
    max(reached) as reached,
    max(case when 2 * rank <= reached - 1 then elapsed end) as median_low,
    min(case when 2 * rank >= reached - 1 then elapsed end) as median_high,
    max(case when 10 * rank <= 9 * (reached - 1) then elapsed end) as p90_low,
    min(case when 10 * rank >= 9 * (reached - 1) then elapsed end) as p90_high
from ranked
group by {value}step
order by {value}step
"""


def _first_arrival(step: int) -> str:
    return f"case when h{step} is not null and s{step} is null then e{step} end"


def _stage(name: str, columns: list[str], source: str) -> str:
    listed = ",\n        ".join(columns)
    return f"{name} as (\n    select\n        {listed}\n    from {source}\n)"
