"""What a card shows when there is nothing to draw: no events, a wrong parameter, a failed query."""

from __future__ import annotations

from math import ceil
from typing import Any

from dash import html

from data_access.spending import Expensive
from pages.parts import address, cards, numbers
from pages.parts.icons import icon
from pages.parts.view import COST, View

Component = Any

_ROOM = 1.5
"""What people agree to, as a multiple of what was expected: the period compared with may cost a bit more."""


def state(
    name: str, title: str, text: Component, actions: Component = None, role: str | None = None
) -> Component:
    """An icon, a title, a sentence and what to do."""
    parts = [
        html.Div(icon(name), className="sg-state-icon"),
        html.P(title, className="sg-state-title"),
        html.P(text, className="sg-state-text"),
        html.Div(actions, className="sg-state-actions"),
    ]
    return html.Div(parts, className="sg-state", **({"role": role} if role else {}))


def empty(view: View) -> Component:
    """No events match: say for which period, and offer what would show some."""
    extent = view.extent
    if not extent["events"]:
        return state(
            "inbox", "No events yet", ["Bring some in with ", html.Code("python -m app import PATH")]
        )
    actions = []
    if any(view.raw.get(key) for key in address.SHARED if key not in {"from", "to"}):
        actions.append(cards.link("Clear filters", _without(view, keep=("from", "to"))))
    if view.raw.get("from") or view.raw.get("to"):
        actions.append(cards.link("Show the latest 30 days", view.link(**{"from": None, "to": None})))
    shown = numbers.days(view.filters.from_day, view.filters.to_day)
    return state("inbox", f"No events in {shown}", _try(view, extent), actions)


def _try(view: View, extent: dict[str, Any]) -> str:
    zone = view.filters.time_zone
    first, last = (numbers.moment(extent[key], zone) for key in ("first_ts", "last_ts"))
    return f"Try fewer filters or another period: there are events from {first} to {last}."


def wrong(view: View, message: str) -> Component:
    """The URL asks for something that does not exist; the message says what is taken."""
    again = cards.link("Start over", view.path)
    return state("alert", "This view cannot be shown", message, again, role="alert")


def failed(card_id: str, message: str) -> Component:
    """A query failed; a button asks again."""
    again = html.Button(
        "Try again", id={"type": "retry", "card": card_id}, className="sg-button", type="button"
    )
    return state("alert", "The answer did not arrive", message, again, role="alert")


def expensive(view: View, error: Expensive) -> Component:
    """A question would cost a lot: say how much, and let people decide."""
    text = (
        f"It is expected to read {numbers.size(error.bytes)}, for about {numbers.dollars(error.dollars)}."
        " A shorter period or one site reads less."
    )
    enough = ceil(error.dollars * _ROOM * 100) / 100
    label = f"Ask anyway, up to {numbers.dollars(enough)}"
    anyway = cards.link(label, view.link(**{COST: f"{enough:.2f}"}))
    return state("alert", "This question costs more than usual", text, anyway)


def spent(message: str) -> Component:
    """There is no money left for today."""
    return state("alert", "Today's budget for questions is used up", message, role="alert")


def _without(view: View, keep: tuple[str, ...]) -> str:
    dropped: dict[str, str | None] = {key: None for key in address.SHARED if key not in keep}
    return view.link(**dropped)
