"""The Realtime page's callback as a browser calls it, and what its parts say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from flask.testing import FlaskClient

from tests.app.callbacks import URL
from tests.app.conftest import SAME

PARTS = (
    "state",
    "behind",
    "empty",
    *(name + course for name in ("events", "errors", "sessions", "visitors") for course in ("", "-course")),
    *("csv", "pages", "countries", "messages", "waiting", "refused", "positions"),
)


def poll(
    client: FlaskClient, seen: Any = None, search: str = "", parts: Sequence[str] = PARTS
) -> dict[str, Any]:
    """What a poll brings: contents by part, and ``figure`` and ``seen`` where they are sent."""
    answer = client.post(URL, json=body(seen, search, parts), headers=SAME)
    assert answer.status_code == 200, answer.text
    sent = json.loads(answer.text)["response"]
    found = {json.loads(name)["part"]: props["children"] for name, props in sent.items() if name[0] == "{"}
    if "realtime-graph" in sent:
        found["figure"] = sent["realtime-graph"]["figure"]
    return found | {"seen": sent["realtime-seen"]["data"]}


def body(seen: Any, search: str, parts: Sequence[str]) -> dict[str, Any]:
    """The request of a poll."""
    outputs = ('{"part":["ALL"],"type":"realtime"}.children', "realtime-graph.figure", "realtime-seen.data")
    return {
        "output": f"..{'...'.join(outputs)}..",
        "outputs": [
            [{"id": {"type": "realtime", "part": part}, "property": "children"} for part in parts],
            {"id": "realtime-graph", "property": "figure"},
            {"id": "realtime-seen", "property": "data"},
        ],
        "inputs": [
            {"id": "realtime-tick", "property": "data", "value": 7},
            {"id": "url", "property": "search", "value": search},
        ],
        "state": [{"id": "realtime-seen", "property": "data", "value": seen}],
        "changedPropIds": ["realtime-tick.data"],
    }


def said(part: Any) -> str:
    """The words of a drawn part."""
    return " ".join(" ".join(_texts(part)).replace("\u202f", " ").split())


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        props = part.get("props", part)
        if "data-sg-plain" in props:
            for node in json.loads(props["data-sg-plain"]):
                yield from _of_node(node)
        yield from _texts(props.get("children"))
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)


def _of_node(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    else:
        for child in node[2:]:
            yield from _of_node(child)
