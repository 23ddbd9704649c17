"""The form to change findings with, for one and for many, and the change it asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import dcc, html

from data_access import moments
from data_access.findings import MAX_NOTE, MAX_WORDS, Change, Status
from data_access.model import UsageError
from pages.parts import controls, numbers
from pages.parts.finding_bar import options as choices
from pages.parts.finding_desk import NONE
from pages.parts.finding_words import STATUS
from pages.parts.view import View

Component = Any

ONE, MANY = "one", "many"
KEEP = "keep"
_HERE = {"withinPortal": False, "floatingStrategy": "fixed"}
"""Drop-downs inside of the dialog's focus, over its edges."""
FIELDS = ("status", "reason", "until", "assignee", "note")
"""What can be changed."""


def part(where: str, name: str) -> str:
    """The id of a part of a form."""
    return f"work-{where}-{name}"


def form(seen: View, where: str) -> Component:
    """What can be changed; what is left alone stays."""
    mute = html.Div(
        [_reason(where), _until(seen, where)], id=part(where, "mute"), className="sg-work-mute", hidden=True
    )
    status = [(KEEP, "Leave as it is"), *((str(one), word) for one, word in STATUS.items())]
    return html.Div(
        [
            _select(where, "status", "Status", status),
            mute,
            _select(where, "assignee", "Assign to", people(seen), searchable=True),
            _note(where),
            dcc.Store(id=part(where, "last")),
            _foot(where),
        ],
        className="sg-work",
    )


def _select(where: str, name: str, label: str, options: controls.Options, **more: Any) -> Component:
    return dmc.Select(
        id=part(where, name),
        label=label,
        data=controls.data(options),
        value=KEEP,
        allowDeselect=False,
        size="sm",
        comboboxProps=_HERE,
        **more,
    )


def _reason(where: str) -> Component:
    return dmc.TextInput(
        id=part(where, "reason"),
        label="Reason",
        placeholder="Why it may stay quiet; needed to mute",
        attributes={"input": {"maxLength": MAX_WORDS}},
        size="sm",
    )


def _until(seen: View, where: str) -> Component:
    today = numbers.local(moments.utc(moments.now()), seen.backends.site_settings.zone_of(())).date()
    return dmc.DatePickerInput(
        id=part(where, "until"),
        label="Muted until the end of",
        placeholder="Without an end",
        valueFormat="D MMM YYYY",
        minDate=today.isoformat(),
        clearable=True,
        clearButtonProps={"aria-label": "Without an end"},
        popoverProps=_HERE,
        size="sm",
    )


def _note(where: str) -> Component:
    return dmc.Textarea(
        id=part(where, "note"),
        label="Note",
        placeholder=f"Leave as it is; a lone {NONE} takes the note away",
        autosize=True,
        minRows=2,
        maxRows=8,
        attributes={"input": {"maxLength": MAX_NOTE}},
        size="sm",
    )


def _foot(where: str) -> Component:
    apply = html.Button("Apply", id=part(where, "apply"), className="sg-button sg-apply", type="button")
    undo = html.Button("Undo", id=part(where, "undo"), className="sg-button", type="button", hidden=True)
    said = html.Div(id=part(where, "said"), role="status", className="sg-work-said")
    return html.Div([apply, undo, said], className="sg-tools sg-work-foot")


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
    if not all(map(is_text, texts)):
        raise UsageError("the form was not understood; load the page again")
    wanted = _status(status or KEEP)
    muting = wanted is Status.SUPPRESSED
    change = Change(
        wanted,
        None if assignee in {None, "", KEEP} else "" if assignee == NONE else str(assignee),
        _note_of(str(note or "").strip()),
        str(reason or "").strip() if muting else "",
        _end(str(until), seen.filters.time_zone) if muting and until else None,
    )
    if change == Change():
        raise UsageError("Choose what to change first.")
    return change


def _note_of(text: str) -> str | None:
    return "" if text == NONE else text or None


def is_text(value: Any) -> bool:
    """Whether a value is text that can be kept: not half of a character, which JSON can hold."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _status(text: str) -> Status | None:
    if text != KEEP and text not in list(Status):
        raise UsageError(f"status={text[:20]!r}; it takes {', '.join(Status)}")
    return None if text == KEEP else Status(text)


def _end(text: str, zone: str) -> int:
    """The last moment of a local day."""
    try:
        day = datetime.fromisoformat(text[:10])
        return moments.of(day.replace(hour=23, minute=59, second=59, tzinfo=ZoneInfo(zone)))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"until={text[:20]!r}; it takes a day such as 2026-12-31") from error
