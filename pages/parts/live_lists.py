"""What there is most of right now: pages, countries and errors of the last minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dash import html

from data_access.live import OTHER
from data_access.realtime import Window
from pages.parts import countries, numbers

Component = Any
Counts = tuple[tuple[str, int], ...]

ROWS = 8


@dataclass(frozen=True, slots=True)
class List:
    """A list: its name, title, the head of its first column, what it counts, and what it says when empty."""

    name: str
    title: str
    head: str
    help: str
    nothing: str
    of: Callable[[Window], Counts]
    named: Callable[[str], str] = str


LISTS = (
    List(
        "pages",
        "Top pages",
        "Page",
        "Page views by page; those with most in the last 5 minutes first.",
        "No page views",
        lambda window: window.pages,
    ),
    List(
        "countries",
        "Top countries",
        "Country",
        "Events by the country they came from, where it is known.",
        "No events with a country",
        lambda window: window.countries,
        countries.name,
    ),
    List(
        "messages",
        "Errors",
        "Message",
        "Error events by their message, or their code where they have none.",
        "No errors",
        lambda window: window.messages,
    ),
)


def draw(of: List, short: Window, long: Window) -> Component:
    """The largest values of both windows, most of the shorter first."""
    now, all_of = dict(of.of(short)), dict(of.of(long))
    if not all_of:
        text = f"{of.nothing} in the last {long.minutes} minutes"
        return html.P(text, className="sg-live-nothing")
    ordered = sorted(all_of, key=lambda value: (-now.get(value, 0), -all_of[value], value))
    rows = ordered[:ROWS]
    most = max(now.get(value, 0) for value in rows) or 1
    heads = (of.head, *(f"{window.minutes}\u202fmin" for window in (short, long)))
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody([_row(of, value, now.get(value, 0), all_of[value], most) for value in rows]),
        ],
        className="sg-ranked",
        **{"aria-label": of.title},
    )
    return [table, _more(len(ordered) - len(rows))]


def _row(of: List, value: str, now: int, then: int, most: int) -> Component:
    text = "All others" if value == OTHER else of.named(value)
    name = html.Th(
        html.Span(text, className="sg-ranked-name", title=text),
        scope="row",
        style={"--sg-part": f"{100 * now / most:.1f}%"},
        className=None if now else "sg-live-none",
    )
    return html.Tr([name, html.Td(numbers.whole(now)), html.Td(numbers.whole(then))])


def _more(count: int) -> Component:
    return html.P(f"and {numbers.whole(count)} more", className="sg-ranked-more") if count else None
