"""A site's write keys: listed for everybody, made and revoked by admins. A new key is shown once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from data_access import sites
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import MANAGE, VIEW
from data_access.sites import Site, WriteKey
from pages.parts import code_block, numbers
from pages.parts.access import allow, may
from pages.parts.connect_site import changeable, chosen, pressed
from pages.parts.drawing import guarded
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

CARD = "connect-keys"
NEW = "connect-key"
"""The store with the key that was just made; it is gone when the page is left."""
DID = "connect-key-did"


def stores() -> list[Component]:
    """What was done last, and the new key."""
    return [dcc.Store(id=NEW), dcc.Store(id=DID)]


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
        did = did if isinstance(did, dict) and ctx.triggered_id == DID else {}
        seen = view(backends, pathname or "/", search)
        return guarded(CARD, seen, lambda seen: draw(seen, did, made))

    @app.callback(  # type: ignore[untyped-decorator]
        Output(NEW, "data"),
        Output(DID, "data"),
        Output("connect-keys-said", "children"),
        Input({"type": "connect-key-do", "do": ALL, "about": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @allow(MANAGE)
    def act(_clicks: Any) -> Any:
        about, do = pressed("about"), pressed("do")
        try:
            made, said = _done(backends, do, about)
        except UsageError as error:
            return no_update, {"do": "failed", "about": about, "at": time.time()}, str(error)
        return made, {"do": do, "about": about, "at": time.time()}, said


def _done(backends: Backends, do: str, about: str) -> tuple[Any, str]:
    """Do what a button says: the new key if there is one, and what is to be said."""
    documents = backends.documents
    if do == "make":
        site = changeable(backends, about)
        return {"site": site.name, "key": sites.make_key(documents, site.name)}, ""
    if do == "revoke":
        key = next((key for key in sites.keys(documents) if key.id == about), None)
        if key is None:
            raise UsageError("That key is revoked already.")
        changeable(backends, key.site)
        sites.revoke(documents, key.id)
        return no_update, f"Write key {key.start}… revoked."
    return no_update, ""


def draw(view: View, did: dict[str, Any], made: Any) -> Component:
    """The key just made, the site's keys, and a button that makes one."""
    site = chosen(view)
    keys = sites.keys(view.backends.documents, site.name)
    zone = view.backends.settings.zone_of((site.name,))
    key = new_key(site, made)
    listed = html.Ul([_item(one, zone, did) for one in keys], className="sg-connect-keys")
    return [
        _shown(key, fresh=did.get("do") == "make") if key else None,
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
    if do == "ask" and may(MANAGE, key.site):
        return _confirmation(key)
    made = numbers.moment(datetime.fromisoformat(key.made_at).astimezone(UTC).replace(tzinfo=None), zone)
    words = [
        html.Code(f"{key.start}…", className="sg-connect-start"),
        html.Span(["made ", made], className="sg-dim"),
        html.Span(["id ", html.Code(key.id)], className="sg-dim"),
    ]
    mark = _focus() if do == "keep" else {}
    revoke = (
        _button("ask", key, "Revoke", f"Revoke write key {key.start}…, id {key.id}", mark)
        if may(MANAGE, key.site)
        else None
    )
    return html.Li([html.Div(words, className="sg-connect-key-words"), revoke], className="sg-connect-key")


def _confirmation(key: WriteKey) -> Component:
    return html.Li(
        [
            html.Span(
                ["Revoke ", html.Code(f"{key.start}…"), "? Whoever sends with it is refused within seconds."],
                className="sg-connect-key-words",
            ),
            html.Div(
                [
                    _button("revoke", key, "Revoke", f"Revoke write key {key.start}… for good", _focus()),
                    _button("keep", key, "Keep", f"Keep write key {key.start}…"),
                ],
                className="sg-tools",
            ),
        ],
        className="sg-connect-key sg-connect-key-ask",
    )


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
