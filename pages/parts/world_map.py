"""A world map coloured by a metric. ``assets/js/world_map.js`` draws it; the shapes are a file of our own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from dash import get_asset_url, html
from flask import current_app

from pages.parts import address, countries, numbers
from pages.parts.links import stay
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]

SHAPES = "vendor/world_map.json"
STEPS = 5
_LADDER = [round(base * 10.0**power, 6) for power in range(-3, 13) for base in (1, 2, 5)]
_NAMED = 6


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is mapped: its column, its unit, and whether its values are all whole numbers."""

    value: str
    unit: str
    whole: bool

    def of(self, row: Row) -> float:
        """A row's value; nothing counts as 0."""
        return row.get(self.value) or 0

    def text(self, value: float) -> str:
        """A value with its unit."""
        if self.unit == "%":
            return numbers.percent(value)
        return f"{numbers.whole(value)} {self.unit}" if self.whole else numbers.money(value, self.unit)


def world_map(
    view: View, rows: Sequence[Row], *, value: str, label: str, unit: str, shares: bool = True
) -> Component:
    """Countries coloured by the column ``value`` of rows whose ``value`` is an alpha-2 code or 'unknown'.

    ``label`` names the metric, ``unit`` is that of its values ("%" for percentages). ``shares`` says
    whether a part of the sum means something. With a column ``<value>_previous`` the tooltips tell it
    too. A click filters as a row of a table would, a second one takes the filter away.
    """
    measure = _Measure(value, unit, all(float(row.get(value) or 0).is_integer() for row in rows))
    ranked = sorted(rows, key=measure.of, reverse=True)
    shown = [row for row in ranked if row["value"] in _on_map() and measure.of(row)]
    total = sum(map(measure.of, ranked)) if shares and unit != "%" else 0
    limits = breaks([measure.of(row) for row in shown])
    filtered = bool(view.own("country"))
    nothing = f"No {label.lower()}" if measure.whole else f"{label}: none"
    drawing = html.Div(
        className="sg-map",
        role="img",
        **{
            "aria-label": _summary(shown, measure, label),
            "data-shapes": _address(),
            "data-values": _values(view, shown, measure, limits, total),
            "data-nothing": "Left out by the country filter" if filtered else nothing,
        },
    )
    texts = _ranges(limits) if limits else [measure.text(measure.of(row)) for row in shown[:1]]
    legend = _legend(f"{label}, {unit}" if unit != label.lower() else label, filtered, texts)
    rest = [row for row in ranked if row["value"] not in _on_map() and measure.of(row)]
    return html.Div([drawing, legend, _elsewhere(view, rest, measure)], className="sg-map-box")


def breaks(values: Sequence[float]) -> list[float]:
    """Readable limits between up to 5 steps: 10, 50, 200, 1,000; none for one value.

    A limit is the least value of its step; neither the highest nor the lowest step is empty. Steps grow
    by about the same factor, or by the same number where all values are of one order of magnitude. What
    is less than a thousandth of the greatest value is in the lowest.
    """
    positive = [value for value in values if value > 0]
    if not positive:
        return []
    least, most = max(min(positive), max(positive) / 1000), max(positive)
    between = [limit for limit in _LADDER if least < limit <= most]
    if len(between) < STEPS - 1:
        return _even(least, most, whole=all(float(value).is_integer() for value in positive))
    stride = max(1, round(len(between) / (STEPS - 1)))
    return between[::-1][: (STEPS - 1) * stride : stride][::-1]


def _even(least: float, most: float, whole: bool) -> list[float]:
    """Up to 4 multiples of the smallest readable number that is large enough for it."""
    for size in _LADDER:
        first, last = math.floor(least / size) + 1, math.floor(most / size)
        if last - first < STEPS - 1 and (size >= 1 or not whole):
            return [round(n * size, 6) for n in range(first, last + 1)]
    return []


def step(value: float, limits: Sequence[float]) -> int:
    """The colour step of a value, 1 to 5; with fewer limits the lightest colours are left out."""
    return STEPS - len(limits) + sum(value >= limit for limit in limits)


@cache
def _on_map() -> frozenset[str]:
    path = Path(__file__).resolve().parents[2] / "assets" / SHAPES
    return frozenset(json.loads(path.read_text("utf-8"))["countries"])


def _address() -> str:
    return f"{get_asset_url(SHAPES)}?v={current_app.config['ASSET_VERSIONS'][SHAPES]}"


def _summary(shown: Sequence[Row], measure: _Measure, label: str) -> str:
    """The map in words: how many countries, and the first three."""
    if not shown:
        return f"World map of {label.lower()}: no country has any."
    first = ", ".join(f"{countries.name(row['value'])} {measure.text(measure.of(row))}" for row in shown[:3])
    many = "1 country" if len(shown) == 1 else f"{len(shown)} countries"
    return f"World map of {label.lower()} in {many}. Most: {first}."


def _values(
    view: View, shown: Sequence[Row], measure: _Measure, limits: Sequence[float], total: float
) -> str:
    """What the script needs of each country: colour step, link, whether chosen, lines of the tooltip."""
    chosen = address.split(view.own("country"))
    return json.dumps(
        {
            row["value"]: {
                "step": step(measure.of(row), limits),
                "chosen": row["value"] in chosen,
                "href": _link(view, row["value"], chosen),
                "lines": _lines(row, measure, total),
            }
            for row in shown
        }
    )


def _link(view: View, code: str, chosen: Sequence[str]) -> str:
    """The page with this country only; if it is chosen, without it."""
    if code not in chosen:
        return view.link(country=address.join([code]))
    return view.link(country=address.join(other for other in chosen if other != code) or None)


def _lines(row: Row, measure: _Measure, total: float) -> list[str]:
    value = measure.of(row)
    lines = [measure.text(value) + (f" · {numbers.share(value / total)}" if total else "")]
    before = row.get(f"{measure.value}_previous")
    return [*lines, f"Before: {measure.text(before)}"] if before is not None else lines


def _legend(heading: str, filtered: bool, texts: Sequence[str]) -> Component:
    """A patch for the countries without a number, and one with its numbers for each step."""
    first = STEPS - len(texts)
    patches = [_patch("left out" if filtered else "none", 0)]
    patches += [_patch(text, first + n) for n, text in enumerate(texts, 1)]
    return html.Div([html.Span(f"{heading}:"), *patches], className="sg-map-legend")


def _ranges(limits: Sequence[float]) -> list[str]:
    """Below the first limit, from each to the next, and from the last."""
    texts = [_short(limit, limits[-1]) for limit in limits]
    between = [f"{low} to {high}" for low, high in pairwise(texts)]
    return [f"under {texts[0]}", *between, f"{texts[-1]} and more"]


def _short(limit: float, highest: float) -> str:
    """2k beside 10k, but 2,000 beside 5,000."""
    if limit < 10_000 <= highest and limit >= 1000:
        return f"{limit / 1000:g}k"
    return numbers.compact(limit) if float(limit).is_integer() else f"{limit:,g}"


def _patch(text: str, number: int) -> Component:
    return html.Span(text, className=f"sg-map-key sg-map-key-{number}")


def _elsewhere(view: View, rest: Sequence[Row], measure: _Measure) -> Component:
    """Who is on no shape, by name."""
    if not rest:
        return None
    named = [
        item
        for row in rest[:_NAMED]
        for item in (
            ", ",
            stay(
                countries.name(row["value"]),
                _link(view, row["value"], address.split(view.own("country"))),
                "sg-link",
            ),
            f" {measure.text(measure.of(row))}",
        )
    ]
    more = f", and {len(rest) - _NAMED} more codes" if len(rest) > _NAMED else ""
    return html.P(["Not on the map: ", *named[1:], more], className="sg-map-off")
