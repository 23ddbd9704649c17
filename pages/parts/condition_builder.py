"""The condition builder: a drawer with rows and a text that say the same, applied to ``where``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, MATCH, ClientsideFunction, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from data_access import conditions
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import VIEW
from data_access.sql import NUMBERS
from pages.parts import condition_form, condition_rows, controls
from pages.parts.access import allow
from pages.parts.condition_rows import Block, Draft, Row
from pages.parts.condition_words import name_of
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any


def open_button() -> Component:
    """The button that opens the builder."""
    return html.Button(
        [icon("plus"), "More conditions…"], id="conditions-open", className="sg-button", type="button"
    )


def drawer(seen: View) -> Component:
    """The drawer, filled when it is opened, and the parameter it sets."""
    text = dmc.Textarea(
        id="conditions-text",
        label="The same as text",
        description=[
            "Used in links and on the command line: ",
            html.Code("country=DE,FR;!(page_path~/help)"),
        ],
        value=seen.own("where"),
        debounce=True,
        autosize=True,
        minRows=2,
        maxRows=8,
        size="sm",
        className="sg-conditions-text",
        errorProps={"role": "alert"},
        attributes={"input": {"spellcheck": "false"}},
    )
    buttons = html.Div(
        [
            html.Button("Clear all", id=condition_form.action("clear"), className="sg-button", type="button"),
            dmc.Button("Apply", id="conditions-apply", size="sm"),
        ],
        className="sg-conditions-foot",
    )
    panel = dmc.Drawer(
        [html.Div(id="conditions-rows"), text, buttons],
        id="conditions-drawer",
        title="Conditions",
        opened=False,
        position="right",
        size=660,
        closeButtonProps={"aria-label": "Close without applying"},
        className="sg-drawer",
        # Within the page's main part its header is no second banner of the page.
        withinPortal=False,
    )
    return html.Div([controls.hidden("where", seen.own("where")), panel])


def register(app: Any, backends: Backends) -> None:
    """Rows and text are kept equal, values are offered, and applying writes the parameter."""
    _register_build(app)
    _register_rows(app, backends)
    app.clientside_callback(
        ClientsideFunction("filters", "apply"),
        Output("conditions-drawer", "opened"),
        Output("filters-menu", "opened"),
        Output(controls.param("where"), "value"),
        Input("conditions-open", "n_clicks"),
        Input("conditions-apply", "n_clicks"),
        Input("conditions-text", "value"),
        Input("conditions-text", "error"),
        prevent_initial_call=True,
    )


def _register_build(app: Any) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("conditions-text", "value"),
        Output("conditions-text", "error"),
        Output("conditions-rows", "children"),
        Input("conditions-open", "n_clicks"),
        Input("conditions-text", "value"),
        Input({"type": "cond-match", "block": ALL}, "value"),
        Input({"type": "cond-field", "block": ALL, "row": ALL}, "value"),
        Input({"type": "cond-operator", "block": ALL, "row": ALL}, "value"),
        Input({"type": "cond-value", "block": ALL, "row": ALL}, "value"),
        Input({"type": "cond-action", "do": ALL, "block": ALL, "row": ALL}, "n_clicks"),
        State(controls.param("where"), "value"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def build(_opened: Any, given: Any, *inputs: Any) -> Any:
        text, where = str(given or ""), str(inputs[-1] or "")
        try:
            shown = collect(*ctx.inputs_list[2:6])
            kept, drawn = step_on(text, where, shown, ctx.triggered)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            # Ids that no page of ours has: there is nothing to answer.
            raise PreventUpdate from error
        return no_update if kept == given else kept, condition_rows.problem(kept) or False, drawn


def _register_rows(app: Any, backends: Backends) -> None:
    """What a row offers follows its field and comparison, without drawing it anew under the cursor."""
    place = {"block": MATCH, "row": MATCH}
    field, operator, value = ({"type": f"cond-{part}", **place} for part in ("field", "operator", "value"))
    app.clientside_callback(
        ClientsideFunction("filters", "valuesFor"),
        Output(value, "className"),
        Output(value, "maxTags"),
        Output(value, "placeholder"),
        Input(operator, "value"),
        prevent_initial_call=True,
    )

    @app.callback(  # type: ignore[untyped-decorator]
        Output(value, "data"),
        Output(operator, "data"),
        Input(field, "value"),
        State(value, "value"),
        State(operator, "value"),
    )
    @allow(VIEW)
    def offered(given: Any, chosen: Any, current: Any) -> Any:
        name = name_of(str(given or ""))
        found = choices(view(backends, "", ""), name)
        kept = [str(part) for part in chosen] if isinstance(chosen, list) else []
        return list(dict.fromkeys([*found, *kept])), controls.data(
            condition_rows.operators(name, str(current)).items()
        )


def choices(seen: View, name: str) -> list[str]:
    """Values to offer for a field, most frequent first; none while the field is incomplete."""
    if not name or name in NUMBERS:
        return []
    try:
        found = [row["value"] for row in seen.ask("data.values", dimension=name).rows]
    except (UsageError, QueryError):
        return []
    return [value for value in found if value]


def step_on(
    text: str, where: str, shown: Draft | None, triggered: Sequence[dict[str, Any]]
) -> tuple[str, Any]:
    """The builder's new text, and the form drawn anew or ``no_update``."""
    names = {str(item["prop_id"]).rpartition(".")[0] for item in triggered}
    if "conditions-open" in names:
        return where, condition_form.form(condition_rows.read(where))
    pressed = [_id(item) for item in triggered if item["prop_id"].endswith(".n_clicks") and item["value"]]
    if len(pressed) == 1:
        asked = pressed[0]
        draft, focus = condition_rows.change(
            shown or Draft(), asked["do"], int(asked["block"]), int(asked["row"])
        )
        return draft.text, condition_form.form(draft, focus)
    if "conditions-text" in names:
        same = shown is not None and condition_rows.problem(text) == "" and _canonical(text) == shown.text
        return text, no_update if same or condition_rows.problem(text) else condition_form.form(
            condition_rows.read(text)
        )
    return text if shown is None else shown.text, no_update


def _canonical(text: str) -> str:
    return conditions.write(conditions.read(text))


def _id(item: dict[str, Any]) -> dict[str, Any]:
    name = str(item["prop_id"]).rpartition(".")[0]
    found = json.loads(name) if name.startswith("{") else None
    return found if isinstance(found, dict) else {}


def collect(
    matches: Sequence[Any], fields: Sequence[Any], operators: Sequence[Any], values: Sequence[Any]
) -> Draft | None:
    """The form as it stands in the builder's controls; None when it shows none."""
    rows: dict[int, list[Row]] = {}
    for field, operator, value in zip(fields, operators, values, strict=True):
        name = name_of(str(field.get("value") or ""))
        listed = [str(part).strip() for part in value.get("value") or []]
        row = Row(name, str(operator.get("value") or "="), tuple(filter(None, listed)))
        rows.setdefault(int(field["id"]["block"]), []).append(row)
    chosen = {int(match["id"]["block"]): str(match.get("value") or "all") for match in matches}
    if not rows:
        return None
    how = "any" if chosen.get(condition_form.ROOT) == "any" else "all"
    blocks = (Block(chosen.get(number, "all"), tuple(rows[number])) for number in sorted(rows))
    return Draft("any" if how == "any" else "all", tuple(blocks))
