"""How a funnel's numbers changed against the period before, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from data_access.metrics import METRICS
from data_access.significance import CHANCE, FEW, MIN_UNITS, MORE
from pages.parts import kpis, numbers
from pages.parts.tips import tip

Component = Any
Row = Mapping[str, Any]

WHAT_IT_SAYS = (
    "“More than chance” means that the 95\u202f% confidence interval of the change leaves out zero. That "
    "says nothing about causes, and of twenty changes that are pure chance about one looks like more."
)
_BECAUSE = {
    MORE: "It leaves out zero: chance alone seldom does that.",
    CHANCE: "It includes zero: chance alone could do that.",
    FEW: f"With fewer than {MIN_UNITS} at the step it is a part of, in either period, that says too little.",
}


def compared(rows: Sequence[Row]) -> bool:
    """Whether the answer has a period before to compare with."""
    return bool(rows) and rows[0].get("reached_previous") is not None


def cell(name: str, row: Row) -> Component:
    """A value with its change and the value before under it, as far as there are any."""
    now, before = numbers.metric(METRICS[name], row[name]), row.get(f"{name}_previous")
    if before is None:
        return now
    was = numbers.metric(METRICS[name], before)
    return [now, _small(_by(name, row[f"{name}_change"])), _small(f"from {was}")]


def rate_cell(rate: str, row: Row) -> Component:
    """A rate and what it was; its change stands beside it, in the ``interval_cell``."""
    now, before = numbers.share(row[rate]), row.get(f"{rate}_previous")
    return now if before is None else [now, _small(f"from {numbers.share(before)}")]


def reached(row: Row) -> Component:
    """The change of how many reach a step; nothing without a period before."""
    if row.get("reached_previous") is None:
        return None
    before = f"{numbers.whole(row['reached_previous'])} in the period before"
    return html.Span(_by("reached", row["reached_change"]), className="sg-funnel-change", title=before)


def interval_cell(rate: str, row: Row) -> Component:
    """A rate's change in percentage points, its confidence interval and the verdict, line by line."""
    if row[f"{rate}_verdict"] is None:
        return [numbers.NO_VALUE, _small("Nobody to compare")]
    tone = _tone(rate, row)
    by = html.Div(_by(rate, row[f"{rate}_change"]), className=tone)
    said = html.Div(row[f"{rate}_verdict"].capitalize(), className=f"sg-small {tone}")
    return [by, _small(interval(rate, row)), said]


def interval(rate: str, row: Row) -> str:
    """+0.4 to +3.8 pp"""
    low, high = row[f"{rate}_change_low"], row[f"{rate}_change_high"]
    return f"{_signed(low)} to {_signed(high)}\u202fpp"


def verdict(rate: str, row: Row, whole: Row) -> Component:
    """A badge: the rate's change and whether it is more than chance; its tooltip says why."""
    said = row.get(f"{rate}_verdict")
    if said is None:
        return None
    why = explained(rate, row, whole)
    parts = [
        _by(rate, row[f"{rate}_change"]),
        html.Span(said.capitalize()),
        html.Span(f". {why}", className="sg-hidden"),
    ]
    return tip(parts, why, f"sg-verdict {_tone(rate, row)}")


def explained(rate: str, row: Row, whole: Row) -> str:
    """What a verdict rests on: both rates with their numbers, the interval, and what it means."""
    now = f"{numbers.share(row[rate])} ({_of(row, whole, 'reached')})"
    before = f"{numbers.share(row[f'{rate}_previous'])} ({_of(row, whole, 'reached_previous')})"
    reason = _BECAUSE[row[f"{rate}_verdict"]]
    around = f"The 95\u202f% confidence interval of the change is {interval(rate, row)}."
    return f"From {before} to {now}. {around} {reason}"


def _of(row: Row, whole: Row, column: str) -> str:
    return f"{numbers.whole(row[column])} of {numbers.whole(whole[column])}"


def _tone(rate: str, row: Row) -> str:
    if row[f"{rate}_verdict"] != MORE:
        return "sg-verdict-open"
    return "sg-verdict-up" if row[f"{rate}_change"] > 0 else "sg-verdict-down"


def _by(name: str, by: float | None) -> Component:
    return html.Span("none before") if by is None else kpis.difference(METRICS[name], by)


def _signed(value: float) -> str:
    return f"{'−' if value < -0.05 else '+' if value > 0.05 else '±'}{abs(value):.1f}"


def _small(text: Component) -> Component:
    return html.Div(text, className="sg-small")
