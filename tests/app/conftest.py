from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from app.auth import make_sign_in_link
from app.factory import create_app
from data_access import users
from data_access.backends import Backends
from data_access.users import add_user
from tests.builders import embedded
from tests.forms import FORMS, PASSWORD, Forms

SAME = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Passwords of tests are hashed with the least that argon2 takes: a tenth of a second less each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="package")
def forms(tmp_path_factory: pytest.TempPathFactory, quick_hashes: None) -> Iterator[Forms]:
    """What pages run on, by form."""
    with ExitStack() as stack:
        yield Forms(tmp_path_factory.mktemp("forms"), stack)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """Each form in turn, for tests of pages that must hold on both."""
    found: str = request.param
    return found


@pytest.fixture(scope="package")
def backends(forms: Forms) -> Backends:
    """A shop with 70 days of events, a viewer and an analyst."""
    found: Backends = forms.shop("embedded")
    return found


@pytest.fixture(scope="package")
def app(forms: Forms) -> Any:
    return forms.app("embedded")


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


@pytest.fixture(scope="module")
def empty_backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """No events, and no test of the module adds any."""
    return embedded(tmp_path_factory.mktemp("empty"))
