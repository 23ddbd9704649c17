"""Everything that somebody can ask the web app for: every page, address and callback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient

from app.api import QUERY_TYPES
from app.callback_bodies import declarations
from app.factory import PAGES
from data_access.backends import Backends
from data_access.questions import QUESTIONS
from tests.app.callbacks import URL, body_of
from tests.app.conftest import SAME
from tests.door import Door

NEEDED = {
    "funnel.steps": "steps=page_view,purchase",
    "data.values": "dimension=product_name",
    "sessions.timeline": "session=1",
}
PLACES = {page.PATH.strip("/") or "overview": page.PATH for page in PAGES} | {
    "funnel": "/funnels",
    "finding": "/findings",
    "work": "/findings",
    "recounted": "/reconciliation",
}
"""The page of a part of one, by how its id begins."""
Told = Iterator[tuple[str, int, str]]
"""What was asked, the status and what was answered."""


class SiteDoor(Door):
    """The door of one site."""

    def __init__(self, backends: Backends, site: str) -> None:
        self.site = site
        super().__init__(backends)


def of_addresses(app: Any, client: FlaskClient, site: str) -> Told:
    """Every address that is asked for with GET, as it is and for a site."""
    rules = [rule for rule in app.server.url_map.iter_rules() if "GET" in rule.methods]
    for rule in rules:
        if rule.rule.startswith("/_") or rule.rule == "/<path:path>" or "<path:filename>" in rule.rule:
            continue
        paths = [rule.rule]
        if "<question>" in rule.rule:
            paths = [f"{rule.rule.replace('<question>', name)}?{NEEDED.get(name, '')}" for name in QUESTIONS]
        if rule.rule == "/v1/query":
            paths = [f"{rule.rule}?query_type={kind}" for kind in QUERY_TYPES]
        for path in paths:
            for more in ("", f"site={site}", f"where=site={site}"):
                asked = f"{path}{'&' if '?' in path else '?'}{more}"
                answer = client.get(asked)
                yield asked, answer.status_code, answer.get_data().decode("latin-1")


def of_pages(client: FlaskClient, site: str) -> Told:
    """Every page and Dash's own addresses."""
    for path in [*(page.PATH for page in PAGES), "/_dash-layout", "/_dash-dependencies"]:
        for more in ("", f"?site={site}"):
            answer = client.get(path + more)
            yield path + more, answer.status_code, answer.get_data().decode("latin-1")


def of_callbacks(app: Any, client: FlaskClient, site: str) -> Told:
    """Every callback, as it is and for a site."""
    for output, declared in declarations(app.callback_map).items():
        begin = declared.outputs[0][0].strip('{"').split("-")[0].split(".")[0]
        for search in ("", f"?site={site}", f"?where=site={site}&show=all"):
            values = {"search": search, "pathname": PLACES.get(begin, "/"), "n_clicks": 1}
            answer = client.post(URL, json=body_of(output, declared, values), headers=SAME)
            yield f"{output} {search}", answer.status_code, answer.get_data().decode("latin-1")


def everything(app: Any, client: FlaskClient, site: str) -> Told:
    yield from of_pages(client, site)
    yield from of_addresses(app, client, site)
    yield from of_callbacks(app, client, site)
