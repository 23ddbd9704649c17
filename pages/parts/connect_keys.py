"""A site's write keys: listed for everybody, made, rotated and revoked by admins. A new key is shown once.

The pages Connect your site and Admin both have them: whichever is open has the parts that are filled here.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from data_access import sites
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import MANAGE, VIEW
from data_access.sites import Site, WriteKey
from pages.parts import cards, code_block, controls, numbers
from pages.parts.access import allow, may
from pages.parts.connect_noted import noted
from pages.parts.connect_site import changeable, chosen, head, pressed
from pages.parts.drawing import guarded
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CARD = "connect-keys"
NEW = "connect-key"
"""The store with the key that was just made; it is gone when the page is left."""
DID = "connect-key-did"
SAID = "connect-keys-said"
GRACE = [("1", "1 hour"), (str(sites.GRACE_HOURS), "24 hours"), ("72", "3 days"), ("168", "7 days")]
"""For how long a key may go on working that was rotated, in hours."""


def stores() -> list[Component]:
    """What was done last, and the new key."""
    return [dcc.Store(id=NEW), dcc.Store(id=DID)]


def card() -> Component:
    """The card with the write keys of the URL's site; a page that has it has the stores as well."""
    about = "Who has one can send events of this site, and read nothing. It stands in the pages."
    return html.Section(
        [
            head("Write keys", about),
            html.Div(cards.skeleton(120), id=CARD, className="sg-card-content"),
            html.P(id=SAID, className="sg-connect-said", role="status"),
        ],
        className="sg-card",
        **{"aria-label": "Write keys"},
    )


def new_key(site: Site, made: Any) -> str:
    """The key just made, if it is this site's; else empty."""
    if isinstance(made, dict) and made.get("site") == site.name:
        return str(made.get("key", ""))
    return ""


def register(app: Any, backends: Backends) -> None:
    """The list, and what its buttons do."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(CARD, "children"),
        Input("url", "search"),
        Input("retry", "data"),
        Input(DID, "data"),
        State(NEW, "data"),
        State("url", "pathname"),
    )
    @allow(VIEW)
    def draw_keys(search: Any, _retry: Any, did: Any, made: Any, pathname: Any) -> Component:
        known = isinstance(did, dict) and isinstance(did.get("do"), str) and ctx.triggered_id == DID
        did = did if known else {}
        seen = view(backends, pathname or "/", search)
        return guarded(CARD, seen, lambda seen: draw(seen, did, made))

    @app.callback(  # type: ignore[untyped-decorator]
        Output(NEW, "data"),
        Output(DID, "data"),
        Output(SAID, "children"),
        Input({"type": "connect-key-do", "do": ALL, "about": ALL}, "n_clicks"),
        State({"type": "connect-key-hours", "about": ALL}, "value"),
        prevent_initial_call=True,
    )
    @allow(MANAGE)
    def act(_clicks: Any, hours: Any) -> Any:
        about, do = pressed("about"), pressed("do")
        try:
            made, said = _done(backends, do, about, hours)
        except UsageError as error:
            return no_update, {"do": "failed", "about": about, "at": time.time()}, str(error)
        return made, {"do": do, "about": about, "at": time.time()}, said


def _done(backends: Backends, do: str, about: str, hours: Any) -> tuple[Any, str]:
    """Do what a button says: the new key if there is one, and what is to be said."""
    if do == "make":
        return _made(backends, changeable(backends, about))
    if do not in {"rotate", "revoke"}:
        return no_update, ""
    key = _found(backends, about)
    if do == "rotate":
        return _rotated(backends, key, _grace(hours))
    with noted(backends, "revoked", f"write key {key.id} of site {key.site}"):
        sites.revoke(backends.documents, key.id)
    return no_update, f"Write key {key.start}… revoked."


def _found(backends: Backends, key_id: str) -> WriteKey:
    key = next((key for key in sites.keys(backends.documents) if key.id == key_id), None)
    if key is None:
        raise UsageError("That key is revoked already.")
    changeable(backends, key.site)
    return key


def _made(backends: Backends, site: Site) -> tuple[Any, str]:
    with noted(backends, "made", f"write key of site {site.name}"):
        made = sites.make_key(backends.documents, site.name)
    return {"site": site.name, "key": made}, ""


def _rotated(backends: Backends, key: WriteKey, hours: int) -> tuple[Any, str]:
    with noted(backends, "rotated", f"write key {key.id} of site {key.site}", hours=hours):
        made = sites.rotate(backends.documents, key.id, hours)
    said = f"Write key {key.start}… rotated. It works for {dict(GRACE)[str(hours)]} more."
    return {"site": key.site, "key": made}, said


def _grace(hours: Any) -> int:
    """The hours of the one choice that is on the page."""
    chosen = hours[0] if isinstance(hours, list) and len(hours) == 1 else None
    if not isinstance(chosen, str) or chosen not in dict(GRACE):
        raise UsageError("Choose how long the old key is to work.")
    return int(chosen)


def draw(view: View, did: dict[str, Any], made: Any) -> Component:
    """The key just made, the site's keys, and a button that makes one."""
    site = chosen(view)
    keys = sites.keys(view.backends.documents, site.name)
    zone = view.backends.site_settings.zone_of((site.name,))
    key = new_key(site, made)
    listed = html.Ul([_item(one, zone, did) for one in keys], className="sg-connect-keys")
    return [
        _shown(key, fresh=did.get("do") in {"make", "rotate"}) if key else None,
        listed if keys else html.P("None yet: nobody can send events.", className="sg-hint"),
        _make(site, did, bool(keys)) if may(MANAGE, site.name) else None,
    ]


def _shown(key: str, fresh: bool) -> Component:
    """The new key; ``fresh`` when it was made right now: then the focus goes to it."""
    return html.Div(
        [
            html.P("Your new write key", className="sg-connect-new-title"),
            code_block.block(key, "the write key", focus=fresh),
            html.P(
                "It is shown this once: only its first letters are kept. Copy it before you leave this page.",
                className="sg-connect-new-note",
            ),
        ],
        className="sg-connect-new",
    )


def _make(site: Site, did: dict[str, Any], more: bool) -> Component:
    mark = _focus() if did.get("do") in {"revoke", "failed"} else {}
    label = "Make another write key" if more else "Make a write key"
    return html.Button(
        [icon("plus"), label], id=_button_id("make", site.name), className="sg-button", type="button", **mark
    )


def _item(key: WriteKey, zone: str, did: dict[str, Any]) -> Component:
    do = did.get("do") if did.get("about") == key.id else None
    if do in _ASKED and may(MANAGE, key.site):
        return html.Li(_ASKED[do](key), className="sg-connect-key sg-connect-key-ask")
    ends = ["works until ", _moment(key.expires_at, zone)] if key.expires_at else None
    words = [
        html.Code(f"{key.start}…", className="sg-connect-start"),
        html.Span(["made ", _moment(key.made_at, zone)], className="sg-dim"),
        html.Span(ends, className="sg-connect-ends") if ends else None,
        html.Span(["id ", html.Code(key.id)], className="sg-dim"),
    ]
    tools = _tools(key, "keep" if do == "keep" else "") if may(MANAGE, key.site) else None
    return html.Li([html.Div(words, className="sg-connect-key-words"), tools], className="sg-connect-key")


def _moment(text: str, zone: str) -> str:
    return numbers.moment(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None), zone)


def _tools(key: WriteKey, did: str) -> Component:
    """The buttons of a key; one that was kept has the focus again."""
    named, mark = f"write key {key.start}…, id {key.id}", _focus() if did else {}
    rotate = None if key.expires_at else _button("ask-rotate", key, "Rotate", f"Rotate {named}", mark)
    revoke = _button("ask", key, "Revoke", f"Revoke {named}", {} if rotate else mark)
    return html.Div([rotate, revoke], className="sg-tools")


def _ask_to_revoke(key: WriteKey) -> list[Component]:
    text = ["Revoke ", html.Code(f"{key.start}…"), "? Whoever sends with it is refused within seconds."]
    return [
        html.Span(text, className="sg-connect-key-words"),
        html.Div(
            [
                _button("revoke", key, "Revoke", f"Revoke write key {key.start}… for good", _focus()),
                _button("keep", key, "Keep", f"Keep write key {key.start}…"),
            ],
            className="sg-tools",
        ),
    ]


def _ask_to_rotate(key: WriteKey) -> list[Component]:
    text = ["Rotate ", html.Code(f"{key.start}…"), "? A new key is made and shown. The old one works for"]
    hours = dmc.Select(
        id={"type": "connect-key-hours", "about": key.id},
        data=controls.data(GRACE),
        value=str(sites.GRACE_HOURS),
        allowDeselect=False,
        size="xs",
        comboboxProps={"withinPortal": False},
        attributes={"input": {"aria-label": "How long the old key works"}},
        className="sg-connect-hours",
    )
    return [
        html.Div([html.Span(text), hours, html.Span("more.")], className="sg-connect-grace"),
        html.Div(
            [
                _button("rotate", key, "Rotate", f"Rotate write key {key.start}… now", _focus()),
                _button("keep", key, "Keep", f"Keep write key {key.start}… as it is"),
            ],
            className="sg-tools",
        ),
    ]


_ASKED = {"ask": _ask_to_revoke, "ask-rotate": _ask_to_rotate}
"""What is asked before something is done to a key."""


def _button(do: str, key: WriteKey, text: str, said: str, mark: dict[str, str] | None = None) -> Component:
    look = "sg-button sg-connect-revoke" if do == "revoke" else "sg-button"
    return html.Button(
        text,
        id=_button_id(do, key.id),
        className=look,
        type="button",
        **{"aria-label": said},
        **(mark or {}),
    )


def _button_id(do: str, about: str) -> dict[str, str]:
    return {"type": "connect-key-do", "do": do, "about": about}


def _focus() -> dict[str, str]:
    """The mark of where work goes on."""
    return {"data-sg-focus": str(time.monotonic_ns())}
