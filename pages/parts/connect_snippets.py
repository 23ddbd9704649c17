"""What to paste to send events: for a website, and for servers with curl or Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from dash import Input, Output, State, html

from data_access.backends import Backends
from data_access.roles import VIEW
from pages.parts import code_block, controls
from pages.parts.access import allow
from pages.parts.connect_keys import NEW, new_key
from pages.parts.connect_site import chosen
from pages.parts.drawing import guarded
from pages.parts.view import View, view

Component = Any

CARD = "connect-snippets"
PLACEHOLDER = "YOUR_WRITE_KEY"
WAYS = [("website", "Website"), ("curl", "Server: curl"), ("python", "Server: Python")]
EVENT = {
    "event_type": "page_view",
    "session_id": "session-1",
    "source": "server",
    "properties": {"page": "/hello"},
}


def choice(view: View) -> Component:
    """Which snippet is shown."""
    return controls.choice("via", "How events are sent", WAYS, view.own("via", "website"), "website")


def register(app: Any, backends: Backends) -> None:
    """The snippet of the URL, with the key that was just made."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(CARD, "children"),
        Input("url", "search"),
        Input("retry", "data"),
        Input(NEW, "data"),
        State("url", "pathname"),
    )
    @allow(VIEW)
    def draw_snippets(search: Any, _retry: Any, made: Any, pathname: Any) -> Component:
        seen = view(backends, pathname or "/", search)
        return guarded(CARD, seen, lambda seen: draw(seen, made))


def draw(view: View, made: Any) -> Component:
    """The chosen snippet in its steps."""
    site, way = chosen(view), controls.chosen(view, "via", WAYS)
    key = new_key(site, made)
    steps = _STEPS[way](view.backends.settings.base_url, key or PLACEHOLDER)
    return html.Div([_about_key(site.name, key), *steps], className="sg-card-content")


def _about_key(site: str, key: str) -> Component:
    if key:
        return html.P("Your new write key is filled in.", className="sg-hint")
    text = [f"Put a write key of {site} in the place of ", html.Code(PLACEHOLDER), "."]
    return html.P(text, className="sg-hint")


def _website(base: str, key: str) -> list[Component]:
    tag = f'<script async src="{base}/assets/tracker.js" data-key="{key}"></script>'
    own = (
        "<script>\n"
        "window.streamgauge = window.streamgauge || function () "
        "{ (streamgauge.q = streamgauge.q || []).push(arguments) };\n"
        'streamgauge("add_to_cart_click", {product: {id: "42", price: 9.5}});\n'
        "</script>"
    )
    host = f"{urlsplit(base).scheme}://{urlsplit(base).netloc}"
    return [
        _step("Put this into every page, after <title>. It sends page views and clicks.", tag, "the tag"),
        _step("Send events of your own with whatever belongs to them.", own, "the script"),
        html.P(
            [
                "If your pages have a content security policy, let it allow ",
                html.Code(f"script-src {host}; connect-src {host}"),
                ". The tracker sets no cookies and respects Do Not Track.",
            ],
            className="sg-hint",
        ),
    ]


def _curl(base: str, key: str) -> list[Component]:
    text = (
        f'curl -H "Authorization: Bearer {key}" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(EVENT)}' \\\n"
        f"  {base}/v1/events"
    )
    return [_step("Run this to send one event.", text, "the command"), _batches()]


def _python(base: str, key: str) -> list[Component]:
    event = json.dumps(EVENT, indent=4).replace("\n", "\n    ")
    text = (
        "import requests\n\n"
        "answer = requests.post(\n"
        f'    "{base}/v1/events",\n'
        f'    headers={{"Authorization": "Bearer {key}"}},\n'
        f"    json={event},\n"
        "    timeout=10,\n"
        ")\n"
        "print(answer.status_code, answer.json())"
    )
    return [_step("Send one event.", text, "the program"), _batches()]


def _batches() -> Component:
    return html.P(
        [
            "Up to 1,000 events at once go to ",
            html.Code("/v1/events/batch"),
            ". 200 means that an event is on disk; 422 says what is wrong with it; after 429 and 503 send it "
            "again. An event with an ",
            html.Code("event_id"),
            " counts once, however often it is sent.",
        ],
        className="sg-hint",
    )


def _step(text: str, code: str, about: str) -> Component:
    return html.Div([html.P(text, className="sg-connect-step"), code_block.block(code, about)])


_STEPS: dict[str, Callable[[str, str], list[Component]]] = {
    "website": _website,
    "curl": _curl,
    "python": _python,
}
