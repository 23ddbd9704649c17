"""Buttons of the tabs about people and keys: which one was pressed, what came of it, where that is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from data_access.audit import AuditError
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import ADMIN
from pages.parts.access import allow
from pages.parts.admin_table import sentence
from pages.parts.drawing import guarded
from pages.parts.view import View, view

Component = Any

NOT_NOTED = "It could not be noted in the audit log, so nothing was changed. Try again."


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that was pressed: what it does, what it is about, and the version of that which was drawn."""

    do: str
    about: str
    version: int


@dataclass(frozen=True, slots=True)
class Did:
    """What was done last in a tab, and to whom; empty where nothing was."""

    do: str = ""
    about: str = ""

    def of(self, about: str) -> str:
        """What was done, if it was about this."""
        return self.do if self.about == about else ""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a button: what is to be said, and a secret to show once."""

    said: str = ""
    made: Component = None


class FieldError(UsageError):
    """What is wrong with a field of a form."""

    def __init__(self, field: str, error: UsageError) -> None:
        super().__init__(str(error))
        self.field = field


Given = Mapping[str, str | list[str]]
"""What the fields of an open form hold."""
Act = Callable[[Backends, Pressed, Given], Done]
Draw = Callable[[View, Did], Component]


def checked(field: str, check: Callable[[], Any]) -> Any:
    """What a check gives. Raises FieldError where it finds something wrong with a field."""
    try:
        return check()
    except UsageError as error:
        raise FieldError(field, error) from error


def store(card: str) -> Component:
    """What was done last in a tab."""
    return dcc.Store(id=f"{card}-did")


def field(card: str, name: str) -> dict[str, str]:
    """The id of a field of a form."""
    return {"type": f"{card}-field", "field": name}


def register(app: Any, backends: Backends, card: str, draw: Draw, acts: Mapping[str, Act]) -> None:
    """Draw a tab's card, and do what its buttons say. Those that are not in ``acts`` change only what is
    drawn."""
    _register_draw(app, backends, card, draw)

    @app.callback(  # type: ignore[untyped-decorator]
        Output({"type": f"{card}-field", "field": ALL}, "error"),
        Output(f"{card}-did", "data"),
        Output(f"{card}-said", "children"),
        Output(f"{card}-problem", "children"),
        Output(f"{card}-made", "children"),
        Input({"type": f"{card}-do", "do": ALL, "about": ALL, "version": ALL}, "n_clicks"),
        State({"type": f"{card}-field", "field": ALL}, "value"),
        prevent_initial_call=True,
    )
    @allow(ADMIN)
    def act(_clicks: Any, _values: Any) -> Any:
        button, names = _pressed(), [str(one["id"]["field"]) for one in ctx.outputs_list[0]]
        given = {str(one["id"]["field"]): _value(one.get("value")) for one in ctx.states_list[0]}
        wrong, *rest = _answer(backends, acts, button, given)
        return [wrong.get(name, "") for name in names], *rest


def _register_draw(app: Any, backends: Backends, card: str, draw: Draw) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output(card, "children"),
        Input("url", "search"),
        Input("retry", "data"),
        Input(f"{card}-did", "data"),
        State("url", "pathname"),
    )
    @allow(ADMIN)
    def redraw(search: Any, _retry: Any, given: Any, pathname: Any) -> Component:
        known = ctx.triggered_id == f"{card}-did" and isinstance(given, dict)
        did = Did(str(given.get("do", "")), str(given.get("about", ""))) if known else Did()
        return guarded(card, view(backends, pathname or "/", search), lambda seen: draw(seen, did))


def _pressed() -> Pressed:
    """The one button that was pressed. Raises PreventUpdate where buttons were only drawn."""
    found, button = [item for item in ctx.triggered if item["value"]], ctx.triggered_id
    if len(found) != 1 or not isinstance(button, dict):
        raise PreventUpdate
    version = button["version"]
    return Pressed(str(button["do"]), str(button["about"]), version if isinstance(version, int) else 0)


def _value(given: Any) -> str | list[str]:
    """What a field holds: a text, or texts; as bodies come that no page of ours sends."""
    return [str(one) for one in given] if isinstance(given, list) else str(given or "")


def _answer(
    backends: Backends, acts: Mapping[str, Act], button: Pressed, given: Given
) -> tuple[Mapping[str, str], Any, Any, Any, Any]:
    """What is wrong with fields, what was done, what is to be said, what is a problem, and what was made."""
    act = acts.get(button.do)
    if act is None:
        return {}, _did(button.do, button), "", "", None if button.do == "hide" else no_update
    try:
        done = act(backends, button, given)
    except FieldError as error:
        text = sentence(str(error))
        return {error.field: text}, no_update, "", html.Span(text, className="sg-hidden"), no_update
    except UsageError as error:
        return {}, _did("failed", button), "", sentence(str(error)), None
    except AuditError:
        return {}, _did("failed", button), "", NOT_NOTED, None
    return {}, _did(button.do, button), done.said, "", done.made


def _did(do: str, button: Pressed) -> dict[str, Any]:
    return {"do": do, "about": button.about, "at": time.time()}
