"""Callback requests as the browser sends them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask.testing import FlaskClient

from app.callback_bodies import MANY, Declared
from tests.app.conftest import SAME

URL = "/_dash-update-component"


def card_body(card_id: str, search: str = "", pathname: str = "/") -> dict[str, Any]:
    """The request of a card's drawing callback."""
    return {
        "output": f"{card_id}.children",
        "outputs": {"id": card_id, "property": "children"},
        "inputs": [
            {"id": "url", "property": "search", "value": search},
            {"id": "retry", "property": "data"},
        ],
        "state": [{"id": "url", "property": "pathname", "value": pathname}],
        "changedPropIds": ["url.search"],
    }


def body_of(output: str, declared: Declared, values: Mapping[str, Any]) -> dict[str, Any]:
    """A request of any callback whose inputs have values by property, None for others."""

    def part(declared_id: str, prop: str, **more: Any) -> Any:
        one = {"id": _concrete(declared_id), "property": prop, **more}
        return [one] if MANY in declared_id else one

    def filled(parts: Iterable[tuple[str, str]]) -> list[Any]:
        return [part(*one, value=values.get(one[1])) for one in parts]

    outputs = [part(*one) for one in declared.outputs]
    return {
        "output": output,
        "outputs": outputs if declared.several else outputs[0],
        "inputs": filled(declared.inputs),
        "state": filled(declared.states),
        "changedPropIds": [],
    }


def _concrete(declared_id: str) -> Any:
    if not declared_id.startswith("{"):
        return declared_id
    return {key: 0 if isinstance(value, list) else value for key, value in json.loads(declared_id).items()}


def draw(client: FlaskClient, card_id: str, search: str = "", pathname: str = "/") -> str:
    """A drawn card as JSON text."""
    answer = client.post(URL, json=card_body(card_id, search, pathname), headers=SAME)
    assert answer.status_code == 200, answer.text
    return answer.text


def elements(drawn: str) -> Iterator[dict[str, Any]]:
    """The attributes of every element of a drawn card, as HTML names them; components' properties too."""
    yield from _elements(json.loads(drawn))


def _elements(tree: Any) -> Iterator[dict[str, Any]]:
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []:
        if isinstance(part, dict):
            yield part
        yield from _elements(part)
    if isinstance(tree, dict) and "data-sg-plain" in tree:
        yield from _elements(json.loads(tree["data-sg-plain"]))
