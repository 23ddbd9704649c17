from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.auth import make_sign_in_link
from app.factory import create_app
from app.users import add_user
from data_access.backends import Backends
from tests.app.shop import shop
from tests.builders import embedded

SAME = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """A shop with 40 days of events, a viewer and an analyst."""
    opened = embedded(tmp_path_factory.mktemp("shop"), shop(days=70, sessions_a_day=6))
    for name, role in (("vera", "viewer"), ("ana", "analyst")):
        add_user(opened.documents, name, PASSWORD, role)
    return opened


@pytest.fixture(scope="session")
def app(backends: Backends) -> Any:
    return create_app(backends)


@pytest.fixture
def stranger(app: Any) -> FlaskClient:
    """Nobody signed in."""
    client: FlaskClient = app.server.test_client()
    return client


@pytest.fixture
def client(app: Any, backends: Backends) -> FlaskClient:
    """The local admin, signed in by a link."""
    return by_link(app, backends)


def by_link(app: Any, backends: Backends) -> FlaskClient:
    """A client of the local admin, signed in by a link."""
    signed_in: FlaskClient = app.server.test_client()
    link = make_sign_in_link(backends)
    assert signed_in.get(link[link.index("/sign-in") :]).status_code == 303
    return signed_in


def with_people(backends: Backends) -> Any:
    """The app over some back ends, with a viewer and somebody who operates it."""
    for name, role in (("vera", "viewer"), ("otto", "ops")):
        add_user(backends.documents, name, PASSWORD, role)
    return create_app(backends)


@pytest.fixture
def viewer(app: Any) -> FlaskClient:
    return sign_in(app, "vera")


def sign_in(app: Any, name: str, password: str = PASSWORD) -> FlaskClient:
    """A client signed in with a password."""
    found: FlaskClient = app.server.test_client()
    answer = found.post("/sign-in", data={"name": name, "password": password}, headers=SAME)
    assert answer.status_code == 303
    return found


@pytest.fixture
def empty_backends(tmp_path: Path) -> Backends:
    return embedded(tmp_path)
