"""Funnels: how many get from step to step, how fast, and for whom it works better."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, html, no_update

from data_access.backends import Backends
from data_access.model import Answer
from data_access.roles import VIEW
from data_access.sql import DIMENSIONS
from pages.parts import builder, cards, controls, filters, funnel_chart, states, steps, windows
from pages.parts.access import allow
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any

PATH = "/funnels"
NAME = "Funnels"
ICON = "funnel"
PERMISSION = VIEW
NEEDS: frozenset[str] = frozenset()

UNITS = [("user", "Visitors"), ("session", "Sessions")]
ORDERS = [("ordered", "In order"), ("strict", "Strict"), ("any", "Any order")]
ORDER_HELP = {
    "ordered": "Steps follow each other in time; other events may happen in between.",
    "strict": "Steps follow each other with no other event of the same visitor or session in between.",
    "any": "All steps happen within the window, in whichever order.",
}


def layout(view: View) -> Component:
    """The builder beside what it finds."""
    chart = cards.card(
        "funnel-chart",
        "Funnel",
        "How many reach each step within the window of their first step; every start counts.",
        height=320,
    )
    split = cards.card(
        "funnel-breakdown",
        "Breakdown",
        "The same funnel for each value that the first step's event has.",
        height=120,
    )
    return html.Div(
        [
            html.H1(NAME, className="sg-title"),
            filters.bar(view),
            html.Div([_options(view), html.Div([chart, split], className="sg-stack")], className="sg-split"),
        ]
    )


def _options(view: View) -> Component:
    breakdown = [("", "None"), *((name, label) for name, label in DIMENSIONS.items())]
    parts = [
        html.Div([html.H2("Steps", className="sg-card-title")], className="sg-card-head"),
        builder.builder(view),
        html.Hr(className="sg-rule"),
        windows.picker(view.own("window", windows.DEFAULT)),
        _choice("Count", "unit", UNITS, view.own("unit", "user"), "user"),
        _choice("Order", "order", ORDERS, view.own("order", "ordered"), "ordered"),
        html.P(id="funnel-order-help", className="sg-hint"),
        controls.select(
            "breakdown",
            "Break down by",
            breakdown,
            view.own("breakdown"),
            "",
            searchable=True,
            clearable=False,
        ),
    ]
    return html.Section(parts, className="sg-card sg-options", **{"aria-label": "Funnel options"})


def _choice(label: str, key: str, options: list[tuple[str, str]], value: str, default: str) -> Component:
    return html.Div(
        [html.Div(label, className="sg-label"), controls.choice(key, label, options, value, default)],
        className="sg-field",
    )


def register(app: Any, backends: Backends) -> None:
    """The builder, the window picker and the two cards."""
    builder.register(app, backends)
    _register_window(app)
    drawn(app, backends, "funnel-order-help", draw_order_help)
    drawn(app, backends, "funnel-chart", draw_funnel)
    drawn(app, backends, "funnel-breakdown", draw_breakdown)


def _register_window(app: Any) -> None:
    window = controls.param("window", windows.DEFAULT)

    @app.callback(Output(window, "data"), Input(window, "value"))  # type: ignore[untyped-decorator]
    @allow(VIEW)
    def offer(value: str | None) -> Any:
        return windows.options(str(value or windows.DEFAULT))

    @app.callback(  # type: ignore[untyped-decorator]
        Output(window, "value"),
        Output("window-custom", "opened"),
        Input("window-apply", "n_clicks"),
        State("window-number", "value"),
        State("window-unit", "value"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def apply(clicks: int | None, number: Any, unit: Any) -> Any:
        text = f"{number}{unit}"
        return (text, False) if clicks and windows.valid(text) else (no_update, no_update)


def draw_order_help(view: View) -> Component:
    """What the chosen order means."""
    return ORDER_HELP.get(view.own("order", "ordered"), "")


def chosen(view: View) -> dict[str, str]:
    """The funnel's own parameters as the URL has them, with the steps to start with."""
    own = {name: view.own(name) for name in ("window", "unit", "order") if view.own(name)}
    return {"steps": view.own("steps") or steps.default(view), **own}


def draw_funnel(view: View) -> Component:
    """Bars and table of the whole funnel."""
    own = chosen(view)
    if len(steps.read(own["steps"])) < steps.MIN_STEPS or "," not in own["steps"]:
        return states.state(
            "funnel", "Choose at least two steps", "Pick an event name for each step on the left."
        )
    answer = view.ask("funnel.steps", **own)
    if not answer.rows[0]["reached"]:
        return _nobody(view, own)
    unit = dict(UNITS)[own.get("unit", "user")].lower()
    within = windows.label(own.get("window", windows.DEFAULT))
    content = [
        funnel_chart.summary(answer.rows, unit, within, answer.stamp),
        funnel_chart.bars(answer.rows, unit),
        funnel_chart.table(answer.rows),
    ]
    return cards.shown(content, answer.stamp, view.csv("funnel.steps", **own))


def _nobody(view: View, own: dict[str, str]) -> Component:
    if not view.ask("overview.kpis").rows[0]["events"]:
        return states.empty(view)
    first = steps.read(own["steps"])[0]
    text = (
        f"No event matches {first.name}"
        + (" with its conditions" if first.conditions else "")
        + " in this period."
    )
    return states.state(
        "funnel", "Nobody starts this funnel", text + " Change the first step or the filters."
    )


def draw_breakdown(view: View) -> Component:
    """The funnel for each value of a dimension."""
    own = chosen(view) | {"breakdown": view.own("breakdown")}
    if not own["breakdown"]:
        return html.P("Choose a dimension under “Break down by” to compare its values.", className="sg-hint")
    answer: Answer = view.ask("funnel.steps", **own)
    if not answer.rows:
        return states.state("funnel", "Nothing to compare", "Nobody starts this funnel in this period.")
    content = funnel_chart.breakdown(answer.rows, own["breakdown"])
    return cards.shown(content, answer.stamp, view.csv("funnel.steps", **own))
