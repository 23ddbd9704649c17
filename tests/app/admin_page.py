"""The tabs People and Keys of the Admin page as a browser uses them."""

from __future__ import annotations

import json
import re
from typing import Any

from flask.testing import FlaskClient

from tests.app.callbacks import URL
from tests.app.conftest import SAME
from tests.app.live_parts import said

PATH = "/admin"
PEOPLE, KEYS = "admin-people", "admin-keys"
FIELDS = {PEOPLE: ("name", "viewer", "analyst", "ops", "admin"), KEYS: ("name", "role", "sites")}


class Answer:
    """What a button came to: its status, what is said, what is a problem, fields with what is wrong, and the
    secret that is shown once."""

    def __init__(self, card: str, status: int, sent: Any) -> None:
        self.status = status
        parts = sent or {}
        self.did = parts.get(f"{card}-did", {}).get("data", {})
        self.said = _words(parts.get(f"{card}-said"))
        self.problem = _words(parts.get(f"{card}-problem"))
        errors = {json.loads(name)["field"]: value for name, value in parts.items() if name[0] == "{"}
        self.wrong = {name: value["error"] for name, value in errors.items() if value["error"]}
        self.made = _words(parts.get(f"{card}-made"))
        self.secret = next(iter(re.findall(r"token=(\S+)|\b(sg_\S+)", self.made)), ("", ""))
        self.secret = "".join(self.secret)


def _words(part: Any) -> str:
    return said(part["children"]) if part and part["children"] else ""


def press(
    client: FlaskClient, card: str, do: Any, about: Any = "", version: Any = 0, **fields: Any
) -> Answer:
    """Press a button; ``fields`` are those of an open form."""
    named = f"{card}-field"
    shown = [{"type": named, "field": name} for name in FIELDS[card]] if fields else []
    outputs = [
        [{"id": one, "property": "error"} for one in shown],
        *({"id": f"{card}-did", "property": "data"},),
        *({"id": f"{card}-{part}", "property": "children"} for part in ("said", "problem", "made")),
    ]
    button = {"type": f"{card}-do", "do": do, "about": about, "version": version}
    rest = "...".join(
        [f"{card}-did.data", *(f"{card}-{part}.children" for part in ("said", "problem", "made"))]
    )
    state = [{"id": one, "property": "value", "value": fields.get(str(one["field"]))} for one in shown]
    body = {
        "output": f'..{{"field":["ALL"],"type":"{named}"}}.error...{rest}..',
        "outputs": outputs,
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [state],
        "changedPropIds": [f"{json.dumps(button, sort_keys=True, separators=(',', ':'))}.n_clicks"],
    }
    answer = client.post(URL, json=body, headers=SAME)
    sent = json.loads(answer.text)["response"] if answer.status_code == 200 else None
    return Answer(card, answer.status_code, sent)


def drawn(client: FlaskClient, card: str, did: Any = None) -> Any:
    """A card as it is drawn, after something was done."""
    body = {
        "output": f"{card}.children",
        "outputs": {"id": card, "property": "children"},
        "inputs": [
            {"id": "url", "property": "search", "value": ""},
            {"id": "retry", "property": "data"},
            {"id": f"{card}-did", "property": "data", "value": did},
        ],
        "state": [{"id": "url", "property": "pathname", "value": PATH}],
        "changedPropIds": [f"{card}-did.data" if did else "url.search"],
    }
    answer = client.post(URL, json=body, headers=SAME)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)["response"][card]["children"]


def listed(client: FlaskClient, card: str) -> str:
    """The words of a card."""
    return said(drawn(client, card))


def buttons(content: Any, card: str) -> list[tuple[str, str, bool]]:
    """What the buttons of a drawn card do and are about, and whether the focus goes there."""
    found: list[tuple[str, str, bool]] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            name = part.get("id")
            if isinstance(name, dict) and name.get("type") == f"{card}-do":
                found.append((name["do"], name["about"], "data-sg-focus" in part))
        for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(one)

    walk(content)
    return found
