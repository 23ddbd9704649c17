"""Working on findings: changing one and many, the progress of a long change, and undoing it."""

from __future__ import annotations

import re
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from data_access import moments
from data_access.backends import Backends
from data_access.finding_changes import Progress, interrupted
from data_access.findings import Changed
from data_access.model import UsageError
from data_access.roles import OPERATE
from pages.parts import controls, numbers
from pages.parts.access import allow, scope
from pages.parts.finding_desk import PATH, VIEW_STORE, Desk, desk
from pages.parts.finding_form import FIELDS, MANY, ONE, change_of, form, is_text, part
from pages.parts.view import View, view

Component = Any


def said_of(done: Changed) -> str:
    """What a change of one finding came to, in words."""
    if done.conflicts:
        return "Somebody changed it in the meantime. It is shown as it is now; look, and apply again."
    return "Changed." if done.done else "It was like that already."


def modal(seen: View) -> Component:
    """The form for many findings, with the bar of its progress."""
    progress = html.Div(id="work-progress", className="sg-work-progress", role="status")
    return dmc.Modal(
        [html.P(id="work-count", className="sg-work-count"), form(seen, MANY), progress],
        id="work-modal",
        title="Change findings",
        withinPortal=False,
        # The default one leaves a transform, which drop-downs would be placed by.
        transitionProps={"transition": "fade"},
        size=460,
        className="sg-drawer",
        closeButtonProps={"aria-label": "Close"},
    )


def bar() -> Component:
    """What opens the form for many, and what it needs to know."""
    return html.Span(
        [
            html.Button("Change…", id="work-open", className="sg-button", type="button"),
            dcc.Store(id="findings-picked", data={}),
            # Kept over a reload, so that what goes on can be followed, and undone.
            dcc.Store(id="work-job", storage_type="session"),
            dcc.Store(id="work-changed"),
            dcc.Interval(id="work-tick", interval=400, disabled=True),
        ]
    )


def register(app: Any, backends: Backends) -> None:
    """Changing one and many, progress and undo."""
    for way in (_change_one, _undo_one, _change_many, _undo_many, _follow):
        way(app, backends)
    _register_clientside(app)


def _register_clientside(app: Any) -> None:
    clientside: list[tuple[Any, ...]] = [
        ("mute", Output(part(where, "mute"), "hidden"), Input(part(where, "status"), "value"))
        for where in (ONE, MANY)
    ]
    picked, total = "findings-picked", "findings-total"
    clientside += [
        (
            "opening",
            Output("work-modal", "opened"),
            Input("work-open", "n_clicks"),
            State("work-tick", "disabled"),
        ),
        (
            "count",
            Output("work-open", "children"),
            Output("work-count", "children"),
            Input(picked, "data"),
            Input(total, "data"),
        ),
        # Without outputs: what they change, other callbacks change too.
        ("redrawn", Input("findings-table", "children")),
        ("fresh", Input(controls.param("finding"), "value")),
        ("changed", Input("work-changed", "data")),
    ]
    for name, *parts in clientside:
        app.clientside_callback(ClientsideFunction("findings", name), *parts)


def _fields(where: str) -> list[State]:
    return [State(part(where, name), "value") for name in FIELDS]


def _change_one(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output(part(ONE, "said"), "children"),
        Output(part(ONE, "undo"), "hidden"),
        Output(part(ONE, "last"), "data"),
        Output("work-changed", "data", allow_duplicate=True),
        Input(part(ONE, "apply"), "n_clicks"),
        *_fields(ONE),
        State("finding-version", "data"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def apply(_clicks: int | None, *given: Any) -> Any:
        *fields, known, search = given
        try:
            change = change_of(view(backends, PATH, search), *fields)
            key, version = _known(known)
            done = backends.findings.change({key: version}, change, scope().user, moments.now())
        except UsageError as error:
            return _sentence(str(error)), True, no_update, no_update
        number = done.number if done.done else None
        return said_of(done), number is None, number, moments.now()


def _undo_one(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output(part(ONE, "said"), "children", allow_duplicate=True),
        Output(part(ONE, "undo"), "hidden", allow_duplicate=True),
        Output("work-changed", "data", allow_duplicate=True),
        Input(part(ONE, "undo"), "n_clicks"),
        State(part(ONE, "last"), "data"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def undo(_clicks: int | None, number: Any) -> Any:
        try:
            done = backends.findings.undo(_number(number), scope().user, moments.now())
        except UsageError as error:
            return _sentence(str(error)), True, no_update
        words = "Undone." if done.done else "Somebody changed it in the meantime, so it stays as it is."
        return words, True, moments.now()


def _known(known: Any) -> tuple[str, int]:
    if isinstance(known, list) and len(known) == 2 and is_text(known[0]) and isinstance(known[1], int):
        return known[0], known[1]
    raise UsageError("no finding is open")


def _number(number: Any) -> int:
    if isinstance(number, int) and 0 < number < 2**63:
        return number
    raise UsageError("there is nothing to undo")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _started() -> list[Output]:
    """What starting to change many, or to undo it, writes."""
    return [
        Output("work-job", "data", allow_duplicate=True),
        Output("work-tick", "disabled", allow_duplicate=True),
        Output(part(MANY, "said"), "children", allow_duplicate=True),
    ]


def _change_many(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        *_started(),
        Input(part(MANY, "apply"), "n_clicks"),
        *_fields(MANY),
        State("findings-picked", "data"),
        State("findings-total", "data"),
        State(VIEW_STORE, "data"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def apply(_clicks: int | None, *given: Any) -> Any:
        *fields, picked, total, query = given
        try:
            found = desk(view(backends, PATH, _query(query)))
            change = change_of(found.view, *fields)
            chosen = versions(found, picked, total)
            return backends.finding_changes.start(chosen, change, scope().user, found.now), False, ""
        except UsageError as error:
            return no_update, True, _sentence(str(error))


def _undo_many(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        *_started(),
        Input(part(MANY, "undo"), "n_clicks"),
        State(part(MANY, "last"), "data"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def undo(_clicks: int | None, number: Any) -> Any:
        try:
            return backends.finding_changes.undo(_number(number), scope().user, moments.now()), False, ""
        except UsageError as error:
            return no_update, True, _sentence(str(error))


def _query(query: Any) -> str:
    """What the list is drawn from: without it nobody knows what "all that match" are. Raises UsageError."""
    if not isinstance(query, str):
        raise UsageError("the list was not drawn yet; try again")
    return query


def versions(found: Desk, picked: Any, total: Any) -> dict[str, int]:
    """The findings to change by key, with the version of their workflow: the chosen ones as they were seen,
    else all that match now. Raises UsageError when those are not as many as the list says (``total``)."""
    if isinstance(picked, dict) and picked:
        if all(is_text(key) and isinstance(one, int) for key, one in picked.items()):
            return dict(picked)
        raise UsageError("the choice was not understood; load the page again")
    chosen = found.index.versions(found.select(found.wanted))
    if len(chosen) != total:
        matching = numbers.counted(len(chosen), "finding")
        raise UsageError(f"{matching} match now, which is not what the list says; load the page again")
    return chosen


def _follow(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("work-progress", "children"),
        Output("work-tick", "disabled"),
        Output(part(MANY, "last"), "data"),
        Output(part(MANY, "undo"), "hidden"),
        Output(part(MANY, "apply"), "disabled"),
        Output("work-changed", "data", allow_duplicate=True),
        Input("work-tick", "n_intervals"),
        Input("work-job", "data"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def look(_ticks: int | None, job: Any) -> Any:
        known = isinstance(job, str) and re.fullmatch(r"[0-9a-f]{1,64}", job)
        found = backends.finding_changes.progress(str(job)) if known else None
        if found is None:
            return None, True, no_update, True, no_update, no_update
        over = found.finished or interrupted(found, moments.now())
        can_undo = over and found.what == "change" and bool(found.done)
        # Applying again is for who opens the form anew and sees what would be changed.
        return drawn(found), over, found.number, not can_undo, True, moments.now() if over else no_update


def drawn(progress: Progress) -> Component:
    """How far a change of many findings is."""
    part = 100 * progress.handled / progress.total if progress.total else 100
    bar = dmc.Progress(value=part, size="sm", attributes={"section": {"aria-label": "Findings changed"}})
    return [bar, html.P(_told(progress), className="sg-work-told")]


def _told(progress: Progress) -> str:
    verb = "undone" if progress.what == "undo" else "changed"
    parts = [f"{numbers.whole(progress.done)} of {numbers.counted(progress.total, 'finding')} {verb}"]
    parts += [f"{numbers.whole(progress.same)} were like that already"] if progress.same else []
    if progress.conflicts:
        parts.append(f"{numbers.whole(progress.conflicts)} left alone: somebody changed them in the meantime")
    if interrupted(progress, moments.now()):
        parts.append("it was interrupted; the rest is as it was")
    if progress.error:
        parts.append(f"it broke off, and the rest is as it was: {progress.error}")
    return "; ".join(parts) + "."
