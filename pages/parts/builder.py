"""The step builder: rows of event name and conditions, kept equal with the ``steps`` parameter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, ctx, html, no_update
from dash.exceptions import PreventUpdate

from data_access.backends import Backends
from data_access.model import Condition
from data_access.roles import VIEW
from data_access.sql import DIMENSIONS, NUMBERS, SESSION_DIMENSIONS
from pages.parts import controls, steps
from pages.parts.access import allow
from pages.parts.condition_words import WORDS
from pages.parts.icons import icon
from pages.parts.steps import Step, Steps
from pages.parts.view import View, view

Component = Any

FIELDS = [
    *(name for name in DIMENSIONS if name != "event_name"),
    *SESSION_DIMENSIONS,
    *NUMBERS,
]
CHOSEN_STEPS = {"type": "param", "key": "steps", "default": ALL, "kind": "text"}


def builder(seen: View) -> Component:
    """The builder, filled from the URL or with steps to start with."""
    start = steps.default(seen)
    text = seen.own("steps", start)
    return html.Div(
        [
            controls.hidden("steps", text, start),
            html.Ol(rows(steps.read(text), steps.event_names(seen)), id="steps-list", className="sg-steps"),
            html.Button(
                [icon("plus"), "Add step"],
                id=_action("add", 0),
                className="sg-button sg-steps-add",
                type="button",
            ),
            html.Div(id="steps-said", className="sg-hidden", role="status"),
        ]
    )


def rows(chosen: Steps, names: list[str]) -> list[Component]:
    """A list item per step."""
    return [_row(number, step, names, len(chosen)) for number, step in enumerate(chosen)]


def _row(number: int, step: Step, names: list[str], count: int) -> Component:
    label = f"Step {number + 1}"
    known = names if not step.name or step.name in names else [step.name, *names]
    select = dmc.Select(
        id={"type": "step-name", "step": number},
        data=known,
        value=step.name or None,
        searchable=True,
        allowDeselect=False,
        selectFirstOptionOnChange=True,
        placeholder="Choose an event",
        nothingFoundMessage="No such event in the data",
        size="sm",
        className="sg-step-name",
        attributes={"input": {"aria-label": label}},
    )
    buttons = [
        controls.icon_button(_action("up", number), "up", f"Move {label} up", number == 0),
        controls.icon_button(_action("down", number), "down", f"Move {label} down", number == count - 1),
        controls.icon_button(_action("remove", number), "trash", f"Remove {label}", count <= steps.MIN_STEPS),
    ]
    head = html.Div(
        [html.Span(str(number + 1), className="sg-step-number"), select, *buttons], className="sg-step-head"
    )
    conditions = [_condition(number, row, condition) for row, condition in enumerate(step.conditions)]
    add = html.Button(
        [icon("plus"), "Condition"],
        id=_action("add-condition", number),
        className="sg-step-add",
        type="button",
        **{"aria-label": f"Add a condition to {label}"},
    )
    return html.Li([head, *conditions, add], className="sg-step")


def _condition(number: int, row: int, condition: Condition) -> Component:
    place = {"step": number, "row": row}
    label = f"Step {number + 1}, condition {row + 1}"
    name = dmc.Autocomplete(
        id={"type": "step-field", **place},
        data=FIELDS,
        value=condition.name,
        placeholder="properties.size",
        size="xs",
        debounce=400,
        attributes={"input": {"aria-label": f"{label}: property"}},
    )
    operator = dmc.Select(
        id={"type": "step-operator", **place},
        data=controls.data(WORDS.items()),
        value=condition.operator,
        allowDeselect=False,
        size="xs",
        attributes={"input": {"aria-label": f"{label}: comparison"}},
    )
    value = dmc.TextInput(
        id={"type": "step-value", **place},
        value="".join(condition.values),
        placeholder="value",
        size="xs",
        debounce=600,
        attributes={"input": {"aria-label": f"{label}: value"}},
    )
    remove = controls.icon_button(_action("remove-condition", number, row), "close", f"Remove {label}")
    return html.Div([name, operator, value, remove], className="sg-condition")


def _action(action: str, step: int, row: int = 0) -> dict[str, Any]:
    return {"type": "step-action", "do": action, "step": step, "row": row}


def register(app: Any, backends: Backends) -> None:
    """One callback keeps rows and parameter equal, whichever of them changed."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(CHOSEN_STEPS, "value"),
        Output("steps-list", "children"),
        Input(CHOSEN_STEPS, "value"),
        Input({"type": "step-name", "step": ALL}, "value"),
        Input({"type": "step-field", "step": ALL, "row": ALL}, "value"),
        Input({"type": "step-operator", "step": ALL, "row": ALL}, "value"),
        Input({"type": "step-value", "step": ALL, "row": ALL}, "value"),
        Input({"type": "step-action", "do": ALL, "step": ALL, "row": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def build(text: list[str], *_inputs: Any) -> Any:
        given = str(text[0] or "") if text else ""
        try:
            kept, drawn = step_on(given, collect(*ctx.inputs_list[1:5]), ctx.triggered)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            # Ids that no page of ours has: there is nothing to answer.
            raise PreventUpdate from error
        new_text = [no_update if kept == given else kept] * len(ctx.outputs_list[0])
        if drawn is None:
            return new_text, no_update
        return new_text, rows(drawn, steps.event_names(view(backends, "", "")))


def step_on(text: str, shown: Steps, triggered: Sequence[dict[str, Any]]) -> tuple[str, Steps | None]:
    """The parameter's new text, and the rows to draw if they have to be drawn anew."""
    pressed = [_id(item) for item in triggered if item["prop_id"].endswith(".n_clicks") and item["value"]]
    if len(pressed) == 1:
        changed = steps.change(shown, pressed[0]["do"], int(pressed[0]["step"]), int(pressed[0]["row"]))
        return steps.write(changed), changed
    from_url = any(_id(item).get("key") == "steps" for item in triggered)
    if from_url and text != steps.write(shown):
        return text, steps.read(text)
    return (text, None) if from_url else (steps.write(shown), None)


def _id(item: dict[str, Any]) -> dict[str, Any]:
    name = str(item["prop_id"]).rpartition(".")[0]
    found = json.loads(name) if name.startswith("{") else None
    return found if isinstance(found, dict) else {}


def collect(
    names: Sequence[Any], fields: Sequence[Any], operators: Sequence[Any], values: Sequence[Any]
) -> Steps:
    """The rows as they stand in the builder's controls."""
    conditions: dict[int, list[Condition]] = {}
    for field, operator, value in zip(fields, operators, values, strict=True):
        values = (_text(value),) if _text(value) else ()
        condition = Condition(_text(field).strip(), _text(operator) or "=", values)
        conditions.setdefault(int(field["id"]["step"]), []).append(condition)
    return tuple(Step(_text(name), tuple(conditions.get(int(name["id"]["step"]), ()))) for name in names)


def _text(part: Any) -> str:
    value = part.get("value")
    return value if isinstance(value, str) else ""
