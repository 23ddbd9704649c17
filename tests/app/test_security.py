from __future__ import annotations

import re
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from dash import Input, Output
from flask.testing import FlaskClient

from app import factory, security
from app.factory import PAGES, create_app
from data_access.backends import Backends
from pages import overview
from tests.app.callbacks import URL, card_body
from tests.app.conftest import SAME


def page_like(**changes: Any) -> ModuleType:
    names = ("PATH", "NAME", "ICON", "PERMISSION", "NEEDS", "layout", "register")
    values = {name: getattr(overview, name) for name in names} | {"__name__": "pages.new"} | changes
    return cast(ModuleType, SimpleNamespace(**values))


def nothing(*_args: Any) -> None:
    return None


def test_an_undeclared_page_stops_start_up(backends: Backends) -> None:
    page = page_like(PATH="/new", PERMISSION=None, register=nothing)
    with pytest.raises(security.UndeclaredError, match=r"page pages\.new"):
        create_app(backends, (*PAGES, page))


def test_an_undeclared_callback_stops_start_up(backends: Backends) -> None:
    def register(app: Any, _backends: Backends) -> None:
        app.callback(Output("new-card", "children"), Input("url", "search"))(lambda search: search)

    page = page_like(PATH="/new", register=register)
    with pytest.raises(security.UndeclaredError, match=r"callback new-card\.children"):
        create_app(backends, (*PAGES, page))


def test_an_undeclared_route_stops_start_up(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    def register(server: Any) -> None:
        server.add_url_rule("/leak", "leak", nothing)

    monkeypatch.setattr(factory.health, "register", register)
    with pytest.raises(security.UndeclaredError, match="route leak"):
        create_app(backends)


@pytest.mark.parametrize("path", ["/", "/funnels", "/explore", "/nowhere", "/csv/explore.events"])
def test_strangers_are_sent_to_the_sign_in(stranger: FlaskClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("path", ["/_dash-layout", "/_dash-dependencies", "/_reload-hash"])
def test_strangers_learn_nothing_from_dash(stranger: FlaskClient, path: str) -> None:
    assert stranger.get(path).status_code == 401


def test_a_stranger_s_callback_is_refused_as_json(stranger: FlaskClient) -> None:
    answer = stranger.post(URL, json=card_body("overview-kpis"), headers=SAME)
    assert answer.status_code == 401
    assert answer.json == {"success": False, "error": "Please sign in."}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://localhost"},
    ],
)
@pytest.mark.parametrize("path", [URL, "/sign-in", "/sign-out", "/nowhere"])
def test_posts_from_elsewhere_are_refused(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    assert client.post(path, headers=headers).status_code == 403


def test_a_viewer_may_look_but_not_export(viewer: FlaskClient) -> None:
    assert viewer.get("/").status_code == 200
    refused = viewer.get("/csv/overview.kpis")
    assert refused.status_code == 403
    assert "role" in refused.text


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/healthz", "/sign-in", "/assets/start.js", "/csv/no.question"]
)
def test_every_answer_has_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    for name in security.HEADERS:
        assert name in headers
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"].split("style-src")[0]


@pytest.mark.parametrize("path", ["/", "/explore", "/sign-in"])
def test_no_script_is_inline_and_none_blocks_but_the_theme(
    client: FlaskClient, stranger: FlaskClient, path: str
) -> None:
    text = (stranger if path == "/sign-in" else client).get(path).text
    tags = re.findall(r"<script[^>]*>", text)
    assert tags
    for tag in tags:
        assert "src=" in tag or 'type="application/json"' in tag
        assert "defer" in tag or "theme.js" in tag or "application/json" in tag
    assert not re.search(r"\son\w+=", text)


def test_pages_are_not_kept_by_caches_and_libraries_are(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.headers["Cache-Control"] == "no-store"
    scripts = re.findall(r'src="(/[^"]+)"', page.text)
    assert len(scripts) > 8
    for script in scripts:
        assert "max-age=31536000" in client.get(script).headers["Cache-Control"], script


def test_unknown_addresses_are_404(client: FlaskClient) -> None:
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert "react-entry-point" in answer.text


def test_failures_tell_nothing(app: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("select secret from events")

    monkeypatch.setitem(app.server.view_functions, "/_dash-layout", fail)
    monkeypatch.setitem(app.server.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get("/_dash-layout")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert security.HEADERS.items() <= dict(answer.headers).items()
    assert answer.headers["Cache-Control"] == "no-store"


def test_mcp_is_off(app: Any) -> None:
    assert not [rule for rule in app.server.url_map.iter_rules() if "mcp" in rule.rule]
