"""The Segments menu: apply, exclude, save and delete named conditions."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from data_access import segments
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import ADMIN, VIEW
from data_access.segments import Segment
from data_access.sql import ALL_DIMENSIONS
from pages.parts import address, controls
from pages.parts.access import allow, may
from pages.parts.condition_words import said
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

KINDS = [("personal", "Only me"), ("shared", "Everyone")]


def menu() -> Component:
    """The button and its drop-down; the list is drawn when it opens."""
    button = dmc.Button(
        "Segments", leftSection=icon("segment"), variant="default", size="sm", id="segments-open"
    )
    content = [
        html.Div(id="segments-list"),
        html.Details(
            [html.Summary("Save current filters as a segment…"), _form()], className="sg-segment-save"
        ),
        dcc.Store(id="segments-next"),
    ]
    popover = controls.popover(
        button, content, "sg-filters-menu", id="segments-menu", position="bottom-start", width=320
    )
    return html.Div([popover, html.Div(id="segments-said", className="sg-hidden", role="status")])


def _form() -> Component:
    return html.Div(
        [
            dmc.TextInput(
                id="segment-name",
                label="Name",
                size="sm",
                # Enter and leaving the field then send the name along, however fast they come.
                debounce=True,
                attributes={"input": {"maxLength": 60}},
            ),
            html.Div("Who sees it in their list", className="sg-label", id="segment-kind-label"),
            dmc.SegmentedControl(
                id="segment-kind",
                data=controls.data(KINDS),
                value=KINDS[0][0],
                size="xs",
                fullWidth=True,
                attributes={"root": {"aria-labelledby": "segment-kind-label"}},
            ),
            html.Div(id="segments-problem", className="sg-problem", role="alert"),
            dmc.Button("Save", id="segment-save", size="sm"),
        ],
        className="sg-segment-form",
    )


def register(app: Any, backends: Backends) -> None:
    """Draws the list, saves and deletes, and goes where that leads."""
    app.clientside_callback(ClientsideFunction("filters", "go"), Input("segments-next", "data"))
    app.clientside_callback(
        ClientsideFunction("streamgauge", "close"),
        Output("segments-menu", "opened"),
        Input("url", "search"),
        prevent_initial_call=True,
    )

    @app.callback(  # type: ignore[untyped-decorator]
        Output("segments-list", "children"),
        Output("segments-problem", "children"),
        Output("segments-said", "children"),
        Output("segments-next", "data"),
        Input("segments-menu", "opened"),
        Input({"type": "segment-action", "do": ALL, "segment": ALL}, "n_clicks"),
        Input("segment-save", "n_clicks"),
        Input("segment-name", "n_submit"),
        State("segment-name", "value"),
        State("segment-kind", "value"),
        State("segments-next", "data"),
        State("url", "search"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    @allow(VIEW)
    def act(opened: Any, *given: Any) -> Any:
        *_, name, kind, asked, search, pathname = given
        seen = view(backends, pathname or "/", search)
        if not opened:
            raise PreventUpdate
        try:
            if ctx.triggered_id in ("segment-save", "segment-name"):
                return _saved(seen, str(name or ""), kind == "shared", asked)
            return _pressed(seen, ctx.triggered)
        except UsageError as error:
            return no_update, str(error), "", no_update
        except (KeyError, TypeError) as error:
            # Ids that no page of ours has: there is nothing to answer.
            raise PreventUpdate from error


def _saved(seen: View, name: str, shared: bool, asked: Any) -> tuple[Any, ...]:
    """Save what is filtered now. A name in use is replaced when Save is pressed once more."""
    documents, user = seen.backends.documents, seen.scope.user
    where = seen.filters.where
    known = segments.named(documents, user, name, shared)
    if known and not (isinstance(asked, dict) and asked.get("replace") == known.id):
        segments.check(known, user, admin=may(ADMIN))
        question = f"There is a segment “{known.name}” already. Save again to replace it."
        return no_update, question, "", {"replace": known.id}
    saved = segments.save(documents, user, name, where, shared, admin=may(ADMIN))
    done = f"Segment “{saved.name}” {'replaced' if known else 'saved'} and applied."
    return no_update, "", done, {"search": _search(seen, saved.id, clear=True)}


def _pressed(seen: View, triggered: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """The menu was opened, or a button of the list pressed."""
    found = [item for item in triggered if item["prop_id"].startswith("{") and item["value"]]
    if len(found) != 1:
        return listed(seen), "", "", no_update
    button = json.loads(found[0]["prop_id"].rpartition(".")[0])
    if button["do"] != "delete":
        return listed(seen, button["do"], str(button["segment"])), "", "", no_update
    gone = segments.delete(seen.backends.documents, seen.scope.user, str(button["segment"]), admin=may(ADMIN))
    used = {part.removeprefix("!") for part in address.split(seen.own("segment"))}
    leave = {"search": _search(seen, _without(seen, gone.id))} if gone.id in used else no_update
    return listed(seen, "deleted"), "", f"Segment “{gone.name}” deleted.", leave


def _search(seen: View, chosen: str, clear: bool = False) -> str:
    """The URL's query with other segments, and without the filters that a new one stands for."""
    dropped: dict[str, str | None] = dict.fromkeys([*ALL_DIMENSIONS, "where"]) if clear else {}
    return address.write("", seen.raw | dropped | {"segment": chosen})


def _without(seen: View, segment_id: str) -> str:
    parts = address.split(seen.own("segment"))
    return address.join(part for part in parts if part.removeprefix("!") != segment_id)


def listed(seen: View, did: str = "", about: str = "") -> list[Component]:
    """The segments somebody sees. ``did`` is the button just pressed, of the segment ``about``."""
    found = segments.visible(seen.backends.documents, seen.scope.user)
    mark = {"data-sg-focus": str(time.monotonic_ns())}
    if not found:
        hint = "None yet. Set some filters, then save them here under a name to use them on every page."
        return [html.P(hint, className="sg-hint", tabIndex=-1, **(mark if did else {}))]
    parts: list[Component] = []
    for title, group in (
        ("Personal", [segment for segment in found if not segment.shared]),
        ("Shared", [segment for segment in found if segment.shared]),
    ):
        if group:
            heading = mark if did == "deleted" and not parts else {}
            items = [_item(seen, segment, did if segment.id == about else "") for segment in group]
            parts += [html.H2(title, className="sg-segment-group", tabIndex=-1, **heading)]
            parts += [html.Ul(items, className="sg-segments")]
    return parts


def _item(seen: View, segment: Segment, did: str) -> Component:
    if did == "ask":
        return _confirmation(segment)
    now = _state(seen, segment)
    rest = _without(seen, segment.id)
    links = [
        _link(seen, segment, rest, "" if now == "in" else segment.id, now == "in"),
        _exclude(seen, segment, rest, now == "out"),
    ]
    if segment.owner == seen.scope.user or may(ADMIN):
        mark = {"data-sg-focus": str(time.monotonic_ns())} if did == "keep" else {}
        links.append(_button("ask", segment, icon("trash"), f"Delete {segment.name}", "sg-icon-button", mark))
    return html.Li(links, className="sg-segment")


def _state(seen: View, segment: Segment) -> str:
    parts = address.split(seen.own("segment"))
    return "in" if segment.id in parts else "out" if f"!{segment.id}" in parts else ""


def _link(seen: View, segment: Segment, rest: str, wanted: str, on: bool) -> Component:
    href = seen.link(segment=",".join(filter(None, (rest, wanted))) or None)
    hidden = html.Span("Remove segment " if on else "Apply segment ", className="sg-hidden")
    parts = [hidden, html.Span(segment.name, className="sg-segment-name"), icon("check") if on else None]
    where = said(segment.where)
    return dcc.Link(parts, href=href, className="sg-segment-link", title=f"{segment.name}: {where}")


def _exclude(seen: View, segment: Segment, rest: str, on: bool) -> Component:
    href = seen.link(segment=",".join(filter(None, (rest, "" if on else f"!{segment.id}"))) or None)
    words = "Excluded" if on else "Exclude"
    hidden = html.Span(f" {segment.name}{': remove' if on else ''}", className="sg-hidden")
    return dcc.Link(
        [words, hidden], href=href, className="sg-segment-exclude" + (" sg-segment-on" if on else "")
    )


def _confirmation(segment: Segment) -> Component:
    mark = {"data-sg-focus": str(time.monotonic_ns())}
    who = " It disappears for everyone." if segment.shared else ""
    return html.Li(
        [
            html.Span(f"Delete “{segment.name}”?{who}", className="sg-segment-ask"),
            _button("delete", segment, "Delete", f"Delete {segment.name} for good", "sg-button", mark),
            _button("keep", segment, "Keep", f"Keep {segment.name}", "sg-button"),
        ],
        className="sg-segment",
    )


def _button(
    action: str,
    segment: Segment,
    content: Component,
    words: str,
    look: str,
    mark: dict[str, str] | None = None,
) -> Component:
    return html.Button(
        content,
        id={"type": "segment-action", "do": action, "segment": segment.id},
        className=look,
        type="button",
        title=words,
        **{"aria-label": words},
        **(mark or {}),
    )
