"""The filter bar of the Findings page: search, state, severity and the rest, all kept in the URL."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, html, no_update

from data_access.backends import Backends
from data_access.finding_columns import SEVERITIES
from data_access.finding_index import Wanted
from data_access.roles import FINDINGS
from pages.parts import address, controls, filters
from pages.parts.access import allow
from pages.parts.filter_chips import removable
from pages.parts.finding_desk import FIELDS, NONE, OUTCOMES, PATH, STATE_WORDS, Desk
from pages.parts.finding_words import SEVERITY, STATUS
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CHOICES = tuple(name for name in FIELDS if name not in {"severity", "resource"})
"""Fields with a choice in the menu; the severity has one of its own, a resource is set by a link."""
MOST = 1000
"""Values a choice offers."""


def bar(seen: View) -> Component:
    """The filter bar."""
    search = dmc.TextInput(
        id=controls.param("q"),
        value=seen.own("q"),
        debounce=400,
        placeholder="Search title, control, resource",
        leftSection=icon("search"),
        size="sm",
        className="sg-search",
        attributes={"input": {"aria-label": "Search findings", "type": "search"}},
    )
    state = controls.choice("state", "State", list(STATE_WORDS.items()), seen.own("state", "open"), "open")
    tools = [search, state, _severity(seen), _menu(seen), filters.period(seen, "Last 90 days")]
    return html.Div(
        [
            html.Div(tools, className="sg-filters-controls sg-findings-controls"),
            html.Div(id="findings-chips", className="sg-filters-shown", **{"aria-live": "polite"}),
        ],
        className="sg-filters",
        role="group",
        **{"aria-label": "Filters"},
    )


def register(app: Any, backends: Backends) -> None:
    """What the menu offers when it opens."""
    for name in CHOICES:
        _register_choices(app, backends, name)


def _severity(seen: View) -> Component:
    chosen = address.split(seen.own("severity"))
    return dmc.MultiSelect(
        id=controls.param("severity", kind="list"),
        data=controls.data((str(one), SEVERITY[one][0]) for one in SEVERITIES),
        value=chosen,
        clearable=True,
        placeholder="" if chosen else "Any severity",
        clearButtonProps={"aria-label": "Clear Severity"},
        comboboxProps={"withinPortal": False},
        size="sm",
        className="sg-findings-severity",
        attributes={"inputField": {"aria-label": "Severity"}},
    )


def _menu(seen: View) -> Component:
    button = dmc.Button(
        "Filters", leftSection=icon("filter"), variant="default", size="sm", id="findings-filters"
    )
    content = dmc.Stack([_field(seen, name) for name in CHOICES], gap="sm")
    return controls.popover(
        button, content, "sg-filters-menu", id="findings-menu", position="bottom-start", width=340
    )


def _field(seen: View, name: str) -> Component:
    chosen = address.split(seen.own(name))
    return controls.several(name, FIELDS[name][1], _named(name, chosen), chosen)


def _register_choices(app: Any, backends: Backends, name: str) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output(controls.param(name, kind="list"), "data"),
        Input("findings-menu", "opened"),
        Input("url", "search"),
        prevent_initial_call=True,
    )
    @allow(FINDINGS)
    def choices(opened: bool | None, search: str | None) -> Any:
        return options(view(backends, PATH, search), name) if opened else no_update


def options(seen: View, name: str) -> list[dict[str, str]]:
    """What a field can be filtered by, worst first; chosen values are always among them."""
    index = seen.backends.finding_index
    groups = index.groups(index.select(Wanted("all"), 0, {}), FIELDS[name][0], MOST)
    values = [group.value or NONE for group in groups]
    return controls.data(_named(name, dict.fromkeys([*values, *address.split(seen.own(name))])))


def _named(name: str, values: Any) -> list[tuple[str, str]]:
    words: dict[str, str] = {str(one): word for one, word in STATUS.items()} if name == "status" else {}
    nobody = "(nobody)" if name == "assignee" else "(none)"
    return [(value, nobody if value == NONE else words.get(value, value)) for value in values]


def draw_chips(desk: Desk) -> Component:
    """A chip for each filter that is set, which takes it away."""
    seen = desk.view
    chips = [
        removable(f"{label}: {word}", desk.link(**{name: address.join(_without(seen, name, value)) or None}))
        for name, (_, label) in FIELDS.items()
        for value, word in _worded(name, address.split(seen.own(name)))
    ]
    for name, word in (("opened", "New this week"), ("overdue", "Overdue")):
        if seen.own(name):
            chips.append(removable(word, desk.link(**{name: None})))
    if outcome := seen.own("outcome"):
        label = f"Between scans: {OUTCOMES.get(outcome, outcome)}"
        chips.append(removable(label, desk.link(outcome=None)))
    if seen.own("q"):
        chips.append(removable(f"Search: {seen.own('q')}", desk.link(q=None)))
    return chips


def _worded(name: str, values: list[str]) -> list[tuple[str, str]]:
    if name == "severity":
        return [(one, SEVERITY[one][0] if one in SEVERITY else one) for one in values]  # type: ignore[index]
    return _named(name, values)


def _without(seen: View, name: str, value: str) -> list[str]:
    return [other for other in address.split(seen.own(name)) if other != value]


def summary(found: Desk) -> str:
    """The filters in words, for manifests."""
    seen = found.view
    parts = [f"state: {STATE_WORDS[found.wanted.state].lower()}"]
    parts += [
        f"{FIELDS[name][1].lower()}: {', '.join(address.split(seen.own(name)))}"
        for name in FIELDS
        if seen.own(name)
    ]
    parts += [f"text: {seen.own('q')}"] if seen.own("q") else []
    parts += ["opened in the last 7 days"] if seen.own("opened") else []
    parts += ["over their target"] if seen.own("overdue") else []
    if found.scans and seen.own("outcome"):
        earlier, later = (scan[:12] for scan in found.scans)
        parts.append(f"{OUTCOMES[seen.own('outcome')].lower()} from scan {earlier} to scan {later}")
    return "; ".join(parts)
