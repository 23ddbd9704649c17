"""Findings by control, standard, account and so on: how many resources have the problem, and the score."""

from __future__ import annotations

from typing import Any

from dash import html

from data_access.finding_columns import SEVERITIES
from data_access.finding_index import Group
from pages.parts import address, controls, numbers, tables
from pages.parts.finding_cards import nothing_open
from pages.parts.finding_desk import FIELDS, NONE, Desk
from pages.parts.finding_words import SEVERITY
from pages.parts.links import stay
from pages.parts.tips import tip

Component = Any

CARD = "findings-groups"
BY = [
    (name, FIELDS[name][1])
    for name in ("control", "standard", "service", "account", "cloud_region", "resource_type")
]
MOST = 200
_CUT = 300
"""Characters of a name."""
_SCORE = (
    "Passed of 100 checks that passed or found a problem, whatever people made of it: 100 · passed ÷ "
    "(passed + problems). Every severity counts the same."
)
_RESOURCES = "Different resources with a problem, of all that were looked at."


def draw(desk: Desk) -> Component:
    """A row a value, most and worst open findings first; a row filters by its value."""
    by = controls.chosen(desk.view, "by", BY)
    found = desk.index.groups(desk.select(desk.every), FIELDS[by][0])
    if not found:
        return nothing_open(desk)
    opened = tables.is_open(desk.view, CARD)
    shown = found[: MOST if opened else tables.SHORT]
    most = max(group.open for group in shown) or 1
    heads = [
        html.Th(dict(BY)[by], scope="col"),
        html.Th("Open", scope="col"),
        html.Th(tip("Resources", _RESOURCES, "sg-ranked-metric", f"Resources: {_RESOURCES}"), scope="col"),
        html.Th(tip("Score", _SCORE, "sg-ranked-metric", f"Score: {_SCORE}"), scope="col"),
    ]
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody([_row(desk, by, group, most) for group in shown])],
        className="sg-ranked sg-groups",
        **{"aria-label": f"Findings by {dict(BY)[by].lower()}"},
    )
    box = html.Div(html.Div(table, className="sg-ranked-box"), className="sg-ranked-all" if opened else None)
    return [box, _more(desk, len(found), opened)]


def _row(desk: Desk, by: str, group: Group, most: int) -> Component:
    name = html.Th(
        _name(desk, by, group), scope="row", style={"--sg-part": f"{100 * group.open / most:.2f}%"}
    )
    told = ", ".join(
        f"{SEVERITY[one][0]} {count:,}"
        for one, count in zip(SEVERITIES, group.open_by_severity, strict=True)
        if count
    )
    resources = f"{numbers.whole(group.problem_resources)} of {numbers.whole(group.resources)}"
    cells = [
        html.Td(numbers.whole(group.open), title=told or "Nothing open"),
        html.Td(resources, title=f"{resources} resources have a problem"),
        html.Td(numbers.percent(group.score, 0), title=_SCORE),
    ]
    return html.Tr([name, *cells], className=None if group.open else "sg-ranked-gone")


def _name(desk: Desk, by: str, group: Group) -> Component:
    text, value = group.value[:_CUT] or "(none)", group.value or NONE
    if address.split(desk.view.own(by)) == [value]:
        link, name, title = desk.link(**{by: None}), "sg-ranked-name sg-ranked-chosen", "remove this filter"
    else:
        link, name, title = desk.link(**{by: address.join([value])}), "sg-ranked-name", "see only this"
    return stay(text, link, name, title=f"{text}: {title}")


def _more(desk: Desk, count: int, opened: bool) -> Component:
    if count <= tables.SHORT:
        return None
    link = desk.link(**{tables.OPEN: None if opened else CARD})
    text = f"The worst {MOST} of {numbers.whole(count)}. " if opened and count > MOST else ""
    words = "Show fewer" if opened else f"Show more: there are {numbers.whole(count)}"
    return html.P([text, stay(words, link, "sg-link")], className="sg-ranked-more")
