"""Working on findings: the form for one and for many, progress of a long change, and undoing it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html, no_update

from data_access import moments
from data_access.backends import Backends
from data_access.finding_changes import Progress, interrupted
from data_access.findings import Change, Changed, Status
from data_access.model import UsageError
from pages.parts import controls, numbers
from pages.parts.access import OPERATE, allow, scope
from pages.parts.finding_bar import options as choices
from pages.parts.finding_desk import NONE, PATH, VIEW_STORE, Desk, desk
from pages.parts.finding_words import STATUS
from pages.parts.view import View, view

Component = Any

ONE, MANY = "one", "many"
KEEP = "keep"
_MUTE = "Why it may stay quiet; needed to mute"
_PARTS = ("status", "reason", "until", "assignee", "note")


def part(where: str, name: str) -> str:
    """The id of a part of a form."""
    return f"work-{where}-{name}"


def form(seen: View, where: str) -> Component:
    """What can be changed; what is left alone stays."""
    status = dmc.Select(
        id=part(where, "status"),
        label="Status",
        data=controls.data([(KEEP, "Leave as it is"), *((str(one), word) for one, word in STATUS.items())]),
        value=KEEP,
        allowDeselect=False,
        size="sm",
        comboboxProps={"withinPortal": False},
    )
    reason = dmc.TextInput(
        id=part(where, "reason"),
        label="Reason",
        placeholder=_MUTE,
        attributes={"input": {"maxLength": 200}},
        size="sm",
    )
    until = dmc.DatePickerInput(
        id=part(where, "until"),
        label="Muted until the end of",
        placeholder="Without an end",
        valueFormat="D MMM YYYY",
        minDate=numbers.local(moments.utc(moments.now()), seen.filters.time_zone).date().isoformat(),
        clearable=True,
        clearButtonProps={"aria-label": "Without an end"},
        popoverProps={"withinPortal": False},
        size="sm",
    )
    mute = html.Div([reason, until], id=part(where, "mute"), className="sg-work-mute", hidden=True)
    assignee = dmc.Select(
        id=part(where, "assignee"),
        label="Assign to",
        data=controls.data(people(seen)),
        value=KEEP,
        allowDeselect=False,
        searchable=True,
        size="sm",
        comboboxProps={"withinPortal": False},
    )
    note = dmc.Textarea(
        id=part(where, "note"),
        label="Note",
        placeholder="Leave as it is",
        autosize=True,
        minRows=2,
        maxRows=8,
        attributes={"input": {"maxLength": 4000}},
        size="sm",
    )
    apply = html.Button("Apply", id=part(where, "apply"), className="sg-button sg-apply", type="button")
    undo = html.Button("Undo", id=part(where, "undo"), className="sg-button", type="button", hidden=True)
    said = html.Div(id=part(where, "said"), role="status", className="sg-work-said")
    foot = html.Div([apply, undo, said], className="sg-tools sg-work-foot")
    last = dcc.Store(id=part(where, "last"))
    return html.Div([status, mute, assignee, note, last, foot], className="sg-work")


def people(seen: View) -> list[tuple[str, str]]:
    """Whom findings can be assigned to: nobody, whoever asks, the app's users, and those who have some."""
    me = seen.scope.user
    users = [str(document.value["name"]) for _, document in seen.backends.documents.list("user")]
    known = [one["value"] for one in choices(seen, "assignee")]
    names = [one for one in dict.fromkeys([*users, *known]) if one not in {me, NONE}]
    first = [(KEEP, "Leave as it is"), (NONE, "Nobody"), (me, f"{me} (me)")]
    return [*first, *((one, one) for one in sorted(names, key=str.casefold))]


def change_of(seen: View, status: Any, reason: Any, until: Any, assignee: Any, note: Any) -> Change:
    """The change a form asks for. Raises UsageError for none, and for what no form sends."""
    texts = [one for one in (status, reason, until, assignee, note) if one is not None]
    if not all(isinstance(one, str) for one in texts):
        raise UsageError("the form was not understood; load the page again")
    wanted = _status(status or KEEP)
    muting = wanted is Status.SUPPRESSED
    change = Change(
        wanted,
        None if assignee in {None, "", KEEP} else "" if assignee == NONE else str(assignee),
        str(note).strip() if note and str(note).strip() else None,
        str(reason or "").strip() if muting else "",
        _end(str(until), seen.filters.time_zone) if muting and until else None,
    )
    if change == Change():
        raise UsageError("Choose what to change first.")
    return change


def _status(text: str) -> Status | None:
    if text != KEEP and text not in list(Status):
        raise UsageError(f"status={text[:20]!r}; it takes {', '.join(Status)}")
    return None if text == KEEP else Status(text)


def _end(text: str, zone: str) -> int:
    """The last moment of a local day."""
    try:
        day = datetime.fromisoformat(text[:10])
    except ValueError as error:
        raise UsageError(f"until={text[:20]!r}; it takes a day such as 2026-12-31") from error
    return moments.of(day.replace(hour=23, minute=59, second=59, tzinfo=ZoneInfo(zone)))


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
            dcc.Store(id="work-job"),
            dcc.Store(id="work-changed"),
            dcc.Interval(id="work-tick", interval=400, disabled=True),
        ]
    )


def register(app: Any, backends: Backends) -> None:
    """Changing one and many, progress and undo."""
    _register_one(app, backends)
    _register_many(app, backends)
    _register_progress(app, backends)
    clientside: list[tuple[Any, ...]] = [
        ("mute", Output(part(where, "mute"), "hidden"), Input(part(where, "status"), "value"))
        for where in (ONE, MANY)
    ]
    picked, total = "findings-picked", "findings-total"
    clientside += [
        ("opening", Output("work-modal", "opened"), Input("work-open", "n_clicks")),
        (
            "count",
            Output("work-open", "children"),
            Output("work-count", "children"),
            Input(picked, "data"),
            Input(total, "data"),
        ),
        # Without outputs: what they change, other callbacks change too.
        ("redrawn", Input("findings-table", "children")),
        ("changed", Input("work-changed", "data")),
    ]
    for name, *parts in clientside:
        app.clientside_callback(ClientsideFunction("findings", name), *parts)


def _fields(where: str) -> list[State]:
    return [State(part(where, name), "value") for name in _PARTS]


def _register_one(app: Any, backends: Backends) -> None:
    shown = [Output(part(ONE, "said"), "children"), Output(part(ONE, "undo"), "hidden")]
    after = [Output(part(ONE, "last"), "data"), Output("work-changed", "data", allow_duplicate=True)]

    @app.callback(  # type: ignore[untyped-decorator]
        *shown,
        *after,
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
    if (
        isinstance(known, list)
        and len(known) == 2
        and isinstance(known[0], str)
        and isinstance(known[1], int)
    ):
        return known[0], known[1]
    raise UsageError("no finding is open")


def _number(number: Any) -> int:
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise UsageError("there is nothing to undo")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _register_many(app: Any, backends: Backends) -> None:
    started = [
        Output("work-job", "data", allow_duplicate=True),
        Output("work-tick", "disabled", allow_duplicate=True),
        Output(part(MANY, "said"), "children", allow_duplicate=True),
    ]

    @app.callback(  # type: ignore[untyped-decorator]
        *started,
        Input(part(MANY, "apply"), "n_clicks"),
        *_fields(MANY),
        State("findings-picked", "data"),
        State(VIEW_STORE, "data"),
        prevent_initial_call=True,
    )
    @allow(OPERATE)
    def apply(_clicks: int | None, *given: Any) -> Any:
        *fields, picked, query = given
        try:
            found = desk(view(backends, PATH, _query(query)))
            change = change_of(found.view, *fields)
            chosen = versions(found, picked)
            return backends.finding_changes.start(chosen, change, scope().user, found.now), False, ""
        except UsageError as error:
            return no_update, True, _sentence(str(error))

    @app.callback(  # type: ignore[untyped-decorator]
        *started,
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


def versions(found: Desk, picked: Any) -> dict[str, int]:
    """The findings to change with the workflow they were seen with: the chosen ones, else all that match."""
    if isinstance(picked, dict) and picked:
        if all(isinstance(key, str) and isinstance(one, int) for key, one in picked.items()):
            return dict(picked)
        raise UsageError("the choice was not understood; load the page again")
    return found.index.versions(found.select(found.wanted))


def _register_progress(app: Any, backends: Backends) -> None:
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
        found = backends.finding_changes.progress(job) if isinstance(job, str) else None
        if found is None:
            return None, True, no_update, True, False, no_update
        over = found.finished or interrupted(found, moments.now())
        can_undo = over and found.what == "change" and bool(found.done)
        return drawn(found), over, found.number, not can_undo, not over, moments.now() if over else no_update


def drawn(progress: Progress) -> Component:
    """How far a change of many findings is."""
    seen = progress.done + progress.same + progress.conflicts
    part = 100 * seen / progress.total if progress.total else 100
    bar = dmc.Progress(value=part, size="sm", attributes={"section": {"aria-label": "Findings changed"}})
    return [bar, html.P(_told(progress), className="sg-work-told")]


def _told(progress: Progress) -> str:
    verb = "undone" if progress.what == "undo" else "changed"
    parts = [f"{numbers.whole(progress.done)} of {numbers.counted(progress.total, 'finding')} {verb}"]
    parts += [f"{numbers.whole(progress.same)} were like that already"] if progress.same else []
    if progress.conflicts:
        parts.append(f"{numbers.whole(progress.conflicts)} left alone: somebody changed them in the meantime")
    if interrupted(progress, moments.now()):
        parts.append("it was interrupted; apply again for the rest")
    if progress.error:
        parts.append("it broke off and has been logged; apply again for the rest")
    return "; ".join(parts) + "."
