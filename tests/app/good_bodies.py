"""Callback bodies as pages send them, with values that get past the door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flask.testing import FlaskClient

from app.callback_bodies import declarations
from app.factory import PAGES
from data_access import sites
from data_access.backends import Backends
from tests.app.callbacks import URL, body_of
from tests.app.conftest import SAME

DOS = (
    *(
        "add",
        "remove",
        "up",
        "down",
        "add-condition",
        "remove-condition",
        "add-group",
        "clear",
        "delete",
        "ask",
    ),
    *(
        "make",
        "keep",
        "revoke",
        "rotate",
        "create",
        "save",
        "disable",
        "enable",
        "reset",
        "invite",
        "hide",
        "edit",
    ),
)
"""What buttons do."""


class Good:
    """Values that pages send, by the id of the part and the property: so that bodies get past the door."""

    def __init__(self, backends: Backends, client: FlaskClient, app: Any) -> None:
        now = datetime.now(UTC)
        self.key = next(iter(backends.findings.since(0, 1))).key
        self.abouts = ("shop", "otto", sites.keys(backends.documents, "shop")[0].id)
        days = f"?from={now - timedelta(days=3):%Y-%m-%d}&to={now:%Y-%m-%d}"
        self.searches = ("", days, f"{days}&country=DE&compare=none", "?where=country%3DDE&segment=germans")
        self.event = self._event(client, app)
        self.parts: dict[str, Any] = {
            "findings-view": "?state=all",
            "explore-event": self.event,
            "explore-columns": ["time", "country"],
            "finding": self.key,
            "finding-version": [self.key, 0],
            "findings-picked": {self.key: 0},
            "findings-total": 1,
            "connect-tick": {"at": 1, "paused": False},
            "connect-seen": {"tick": 0, "keys": ["x"], "about": "shop all"},
            "connect-key": {"site": "shop", "key": "wk_x"},
            "connect-name": "blog",
            "connect-name-origins": "https://blog.example",
            "connect-origins": "https://shop.example\nhttp://localhost:3000",
            "realtime-tick": 1,
            "realtime-seen": {"tick": 0, "state": "x"},
            "segment-name": "Buyers",
            "segment-kind": "shared",
            "segments-next": {"replace": "germans"},
            "conditions-text": "country=DE;!(device=mobile|page_path~/p)",
            "where": "country=DE",
            "steps": "product_view[product_brand=Acme],checkout_complete",
            "step-name": "product_view",
            "step-field": "properties.size",
            "step-operator": "=",
            "step-value": "M",
            "cond-match": "any",
            "cond-field": "Country",
            "cond-operator": "=",
            "cond-value": ["DE", "FR"],
            "window": "7d",
            "window-number": 3,
            "window-unit": "d",
            "work-job": "0123456789abcdef",
            **{f"work-{one}-status": "SUPPRESSED" for one in ("one", "many")},
            **{f"work-{one}-reason": "known" for one in ("one", "many")},
            **{f"work-{one}-until": "2031-01-01" for one in ("one", "many")},
            **{f"work-{one}-assignee": "vera" for one in ("one", "many")},
            **{f"work-{one}-note": "soon" for one in ("one", "many")},
            **{f"work-{one}-last": 1 for one in ("one", "many")},
        }

    def _event(self, client: FlaskClient, app: Any) -> Any:
        output = next(name for name in app.callback_map if "explore-grid.rowData" in name)
        body = body_of(output, declarations(app.callback_map)[output], {"search": ""})
        rows = client.post(URL, json=body, headers=SAME).json
        return rows["response"]["explore-grid"]["rowData"][0]  # type: ignore[index]

    def value(self, dice: Random, part: dict[str, Any]) -> Any:
        """What a page could send for a part."""
        given, prop = part["id"], part["property"]
        name = given.get("key", given.get("type")) if isinstance(given, dict) else given
        if name in self.parts and not prop.startswith("n_"):
            return self.parts[name]
        if prop == "data" and str(name).endswith("-did"):
            return {"do": dice.choice(DOS), "about": dice.choice(self.abouts), "at": 1}
        own = {
            "search": dice.choice(self.searches),
            "pathname": dice.choice([page.PATH for page in PAGES]),
            "opened": True,
            "value": dice.choice(["DE", "all", None]),
            "data": dice.choice([None, 1, {}]),
        }
        return own.get(prop, 1)

    def fill(self, dice: Random, body: dict[str, Any]) -> dict[str, Any]:
        """A body with such values, and with what changed."""
        named = list(parts_of([*body["inputs"], *body["state"]]))
        for part in named:
            part["id"] = self._id(dice, part["id"])
            part["value"] = self.value(dice, part)
        for part in parts_of([body["outputs"]]):
            part["id"] = self._id(dice, part["id"])
        changed = dice.choice(list(parts_of(body["inputs"])) or [{"id": "x", "property": "y"}])
        body["changedPropIds"] = [prop_id(changed)]
        return body

    def _id(self, dice: Random, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kinds = {
            "do": dice.choice(DOS),
            "segment": "germans",
            "about": dice.choice(self.abouts),
            "field": dice.choice(["name", "role", "sites", "viewer", "admin"]),
            "site": "shop",
            "part": dice.choice(["state", "behind"]),
        }
        wild = {key for key, value in given.items() if value in (0, ["MATCH"])}
        return {key: kinds.get(key, 0) if key in wild else value for key, value in given.items()}


def parts_of(listed: Any) -> Iterator[dict[str, Any]]:
    """Every id with a property in inputs, states or outputs."""
    for part in listed:
        if isinstance(part, list):
            yield from parts_of(part)
        elif isinstance(part, dict):
            yield part


def prop_id(part: dict[str, Any]) -> str:
    given = part["id"]
    text = json.dumps(given, sort_keys=True, separators=(",", ":")) if isinstance(given, dict) else given
    return f"{text}.{part['property']}"
