"""Funnel steps while they are being built: rows that may be incomplete, and their text in the URL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from data_access.model import Condition, UsageError
from data_access.questions.funnel_steps import MAX_STEPS, parse_steps
from pages.parts.view import View

SHOP = ("product_view", "add_to_cart_click", "checkout_start", "checkout_complete")
"""The steps of a shop: the first suggestion where the data has them."""

MIN_STEPS = 2

_SPECIAL = re.compile(r"([\\,;\[\]])")


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the builder; blank names and values are still to be filled in."""

    name: str = ""
    conditions: tuple[Condition, ...] = ()

    @property
    def text(self) -> str:
        """The step in the question's form, or nothing while it has no event name."""
        conditions = ";".join(filter(None, map(_written, self.conditions)))
        name = _escaped(self.name)
        return f"{name}[{conditions}]" if name and conditions else name


Steps = tuple[Step, ...]


def write(steps: Sequence[Step]) -> str:
    """The complete steps as the question's ``steps`` parameter."""
    return ",".join(filter(None, (step.text for step in steps)))


def read(text: str) -> Steps:
    """The rows for a ``steps`` parameter; at least two, so that there is something to fill in."""
    try:
        parsed = parse_steps(text)
    except UsageError:
        parsed = ()
    rows = tuple(Step(step.event_name, step.conditions) for step in parsed[:MAX_STEPS])
    return rows + (Step(),) * (MIN_STEPS - len(rows))


def change(steps: Steps, action: str, step: int, row: int) -> Steps:
    """The rows after someone pressed a button of the builder."""
    rows = list(steps)
    match action:
        case "add" if len(rows) < MAX_STEPS:
            rows.append(Step())
        case "remove" if len(rows) > MIN_STEPS:
            del rows[step]
        case "up" if step > 0:
            rows[step - 1], rows[step] = rows[step], rows[step - 1]
        case "down" if step < len(rows) - 1:
            rows[step + 1], rows[step] = rows[step], rows[step + 1]
        case "add-condition":
            rows[step] = replace(rows[step], conditions=(*rows[step].conditions, Condition("", "=")))
        case "remove-condition":
            left = tuple(c for index, c in enumerate(rows[step].conditions) if index != row)
            rows[step] = replace(rows[step], conditions=left)
    return tuple(rows)


def default(view: View) -> str:
    """Steps to start with: the shop's where at least two exist, else the most frequent events."""
    names = event_names(view)
    shop = [name for name in SHOP if name in names]
    return write([Step(name) for name in (shop if len(shop) >= MIN_STEPS else names[:4])])


def event_names(view: View) -> list[str]:
    """Every event name, most frequent first."""
    return [row["value"] for row in view.ask("data.values", dimension="event_name").rows]


def _written(condition: Condition) -> str:
    """The condition in the question's form, or nothing while it is incomplete."""
    value = _escaped("".join(condition.values))
    return f"{condition.name}{condition.operator}{value}" if condition.name and value else ""


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.strip())
