"""Ranked tables: a row a value, with an inline bar, its metrics and their change. A row filters by its value.

``assets/js/links.js`` makes the whole row clickable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Required, TypedDict, Unpack

from dash import html

from data_access.metrics import METRICS, Metric
from data_access.model import Stamp
from data_access.questions.figures import MAX_LIMIT
from data_access.sql import ALL_DIMENSIONS
from pages.parts import address, cards, kpis, numbers, states
from pages.parts.icons import icon
from pages.parts.links import stay
from pages.parts.tips import tip
from pages.parts.view import View

Component = Any
Row = Mapping[str, Any]
Name = Callable[[Row], str]

SHORT = 10
"""Rows of a table that has not been opened."""

OPEN = "more"
"""The URL parameter that holds the id of the card whose table is opened."""


class Look(TypedDict, total=False):
    """How a table's rows are shown; see ``table``."""

    label: Required[str]
    dimension: Required[str | None]
    key: str
    head: str
    name: Name
    then: Mapping[str, str | None]
    wide: bool


def ranked(
    view: View,
    card_id: str,
    question: str,
    own: Mapping[str, str],
    *,
    metrics: Sequence[str],
    opened_metrics: Sequence[str] = (),
    **look: Unpack[Look],
) -> Component:
    """A card's body: the table of a ranked question, as many rows as the URL asks for, and the same CSV.

    ``own`` are the question's parameters besides ``limit``. An opened table shows ``opened_metrics``, if
    there are any.
    """
    opened = is_open(view, card_id)
    asked = {**own, "limit": str(MAX_LIMIT if opened else SHORT)}
    answer = view.ask(question, **asked)
    if not answer.rows:
        return states.empty(view)
    columns = opened_metrics if opened and opened_metrics else metrics
    shown = table(view, answer.rows, metrics=columns, **look)
    box = html.Div(shown, className="sg-ranked-all" if opened else None)
    return cards.shown([box, more(view, card_id, answer.stamp)], answer.stamp, view.csv(question, **asked))


def table(view: View, rows: Sequence[Row], *, metrics: Sequence[str], **look: Unpack[Look]) -> Component:
    """Rows of an answer as a table of their ``metrics``, the bars as long as the first of them.

    The first is shown with what it was before and its change, if the rows have those. Where the table
    is narrow, the last metrics are not shown.

    ``label`` says what the table is about. The column ``key`` ("value") holds what a row's link filters
    ``dimension`` by; with None there are no links. ``name`` writes it as people read it, ``head`` names
    its column (the dimension's label), and ``then`` are more changes that come with filtering. A ``wide``
    table shows every metric, also where it is narrow, each over its change and what it was before.
    """
    compared = any(row.get(f"{metrics[0]}_previous") is not None for row in rows)
    plan = _Plan(view, [METRICS[name] for name in metrics], look, compared)
    most = max((row[metrics[0]] or 0 for row in rows), default=0) or 1
    made = html.Table(
        [html.Thead(_heads(plan)), html.Tbody([_row(plan, row, most) for row in rows])],
        className=_class(plan),
        **{"aria-label": look["label"]},
    )
    return html.Div(made, className="sg-ranked-box")


def _class(plan: _Plan) -> str:
    if plan.wide:
        return "sg-ranked sg-ranked-wide"
    return "sg-ranked sg-ranked-compared" if plan.compared else "sg-ranked"


def is_open(view: View, card_id: str) -> bool:
    """Whether the URL asks for all rows of this card."""
    return view.own(OPEN) == card_id


def more(view: View, card_id: str, stamp: Stamp) -> Component:
    """How many of the rows are shown, and the link to all of them or back; nothing where all fit."""
    opened = is_open(view, card_id)
    if not opened and not stamp.truncated:
        return None
    count = numbers.whole(stamp.rows)
    text = f"The {count} largest; there are more." if stamp.truncated else f"All {count} rows."
    change = view.link(**{OPEN: None if opened else card_id})
    link = stay("Show fewer" if opened else "Show more", change, "sg-link")
    return html.P([text, " ", link], className="sg-ranked-more")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all rows of a table are made by."""

    view: View
    metrics: Sequence[Metric]
    look: Look
    compared: bool

    @property
    def wide(self) -> bool:
        """Whether every metric has its change under it."""
        return self.look.get("wide", False)

    def value(self, row: Row) -> str:
        """What the row's link filters by."""
        return str(row[self.look.get("key", "value")])

    def named(self, row: Row) -> str:
        """The row's value as people read it."""
        return self.look["name"](row) if "name" in self.look else self.value(row)


def _heads(plan: _Plan) -> Component:
    heads = [_head(plan.view, metric) for metric in plan.metrics]
    if plan.compared and not plan.wide:
        heads[1:1] = [html.Th("Before", scope="col"), html.Th("Change", scope="col")]
    first = plan.look.get("head") or ALL_DIMENSIONS[plan.look["dimension"] or ""]
    return html.Tr([html.Th(first, scope="col"), *heads])


def _head(view: View, metric: Metric) -> Component:
    about = numbers.about(metric, view.filters)
    return html.Th(tip(metric.label, about, "sg-ranked-metric", f"{metric.label}: {about}"), scope="col")


def _row(plan: _Plan, row: Row, most: float) -> Component:
    value = row[plan.metrics[0].name] or 0
    name = html.Th(_name(plan, row), scope="row", style={"--sg-part": f"{100 * value / most:.2f}%"})
    cells = [html.Td(_cell(plan, metric, row), title=_told(plan, metric, row)) for metric in plan.metrics]
    if plan.compared and not plan.wide:
        cells[1:1] = [html.Td(part, title=cells[0].title) for part in _earlier(plan, plan.metrics[0], row)]
    return html.Tr([name, *cells], className=None if value else "sg-ranked-gone")


def _name(plan: _Plan, row: Row) -> Component:
    text, value, dimension = plan.named(row), plan.value(row), plan.look["dimension"]
    if dimension is None:
        return html.Span(text, className="sg-ranked-name", title=text)
    if address.split(plan.view.own(dimension)) == [value]:
        return stay(
            [text, icon("close"), html.Span(", remove this filter", className="sg-hidden")],
            plan.view.link(**{dimension: None}),
            "sg-ranked-name sg-ranked-chosen",
            title=f"{text}: remove this filter",
        )
    changes = {dimension: address.join([value]), **plan.look.get("then", {})}
    return stay(text, plan.view.link(**changes), "sg-ranked-name", title=f"{text}: see only this")


def _text(plan: _Plan, metric: Metric, row: Row) -> str:
    return numbers.metric(metric, row[metric.name], plan.view.filters.currency)


def _cell(plan: _Plan, metric: Metric, row: Row) -> Component:
    text = _text(plan, metric, row)
    if not plan.wide or row.get(f"{metric.name}_previous") is None:
        return text
    before, change = _earlier(plan, metric, row)
    return [
        text,
        html.Div(change, className="sg-ranked-small"),
        html.Div(f"from {before}", className="sg-ranked-small"),
    ]


def _earlier(plan: _Plan, metric: Metric, row: Row) -> tuple[Component, Component]:
    """What a metric was before, and its change."""
    before, by = row[f"{metric.name}_previous"], row[f"{metric.name}_change"]
    new = None if before else "new"
    change = new if by is None else kpis.difference(metric, by)
    return numbers.metric(metric, before, plan.view.filters.currency), change


def _told(plan: _Plan, metric: Metric, row: Row) -> str:
    return f"{metric.label}: {in_full(plan.view, metric, row)}"


def in_full(view: View, metric: Metric, row: Row) -> str:
    """A number of an answer's row, what it was and how much it changed: 120; before: 100 (+20.0 %)"""
    text = numbers.metric(metric, row[metric.name], view.filters.currency)
    before, by = row.get(f"{metric.name}_previous"), row.get(f"{metric.name}_change")
    if before is None:
        return text
    change = f" ({by:+,.1f}\u202f{metric.change_unit})" if by is not None else ""
    return f"{text}; before: {numbers.metric(metric, before, view.filters.currency)}{change}"
