from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from app.auth import make_sign_in_link
from app.factory import create_app
from data_access.backends import Backends
from data_access.users import add_user
from pipeline.demo_findings import add_demo_findings
from tests.app.conftest import quick_hashes  # noqa: F401 - used by itself
from tests.app.shop import shop
from tests.browser.visits import Visit, visiting
from tests.builders import embedded

_CHROMIUMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = next((path for path in _CHROMIUMS if Path(path).exists()), _CHROMIUMS[-1])
"""The one without windows if it is installed: a window's own parts cost as much as half a page of ours."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    opened = embedded(
        tmp_path_factory.mktemp("shop"),
        shop(days=70, sessions_a_day=8),
        port=free_port(),
        time_zone="Europe/Berlin",
    )
    opened.documents.put("flags", "demo", {"on": True}, None)
    add_demo_findings(opened.findings, datetime.now(UTC))
    add_user(opened.documents, "vera", PASSWORD, "viewer")
    return opened


class QuietHandler(WSGIRequestHandler):
    """Logs no request."""

    def log_request(self, code: object = "-", size: object = "-") -> None:
        return None


@contextmanager
def serving(backends: Backends) -> Iterator[str]:
    """The address of an app that runs over some back ends."""
    settings = backends.settings
    server = make_server(
        "127.0.0.1", settings.port, create_app(backends).server, threaded=True, request_handler=QuietHandler
    )
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield settings.base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def base(backends: Backends) -> Iterator[str]:
    """The address of a running app."""
    with serving(backends) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests; missing, they are skipped aloud, or fail in CI."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is missing; the pages were not tested")
        pytest.skip(f"{CHROMIUM} is missing; the pages are not tested")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(chromium: Any, base: str, backends: Backends) -> Any:
    """The cookies of someone who used the one-click link."""
    return cookies(chromium, backends)


@pytest.fixture
def visit(chromium: Any, base: str, signed_in: Any) -> Iterator[Visit]:
    """A visit that has to end without a problem."""
    with visiting(chromium, base, signed_in) as found:
        found.page.set_default_timeout(15_000)
        yield found
    assert found.problems == []


def cookies(chromium: Any, backends: Backends) -> Any:
    """The cookies of someone who used the one-click link of a running app."""
    context = chromium.new_context()
    answer = context.request.get(make_sign_in_link(backends), max_redirects=0)
    assert answer.status == 303
    state = context.storage_state()
    context.close()
    return state
