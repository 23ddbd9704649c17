from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.auth import make_sign_in_link
from app.auth_paths import own_path
from app.keys import secret_key
from app.limits import FailureLimit
from data_access import users
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.settings import load
from data_access.users import add_user, load_user, make_token, use_token
from tests.app.conftest import PASSWORD, SAME, sign_in


def path_of(link: str) -> str:
    return link[link.index("/sign-in") :]


def test_a_link_signs_in_once_and_says_so_when_used_up(app: Any, backends: Backends) -> None:
    path = path_of(make_sign_in_link(backends))
    first, second = app.server.test_client(), app.server.test_client()
    assert first.get(path).status_code == 303
    assert first.get("/").status_code == 200
    used = second.get(path)
    assert used.status_code == 410
    assert "no longer works" in used.text
    assert second.get("/").status_code == 302


def test_of_racing_requests_exactly_one_uses_the_token(backends: Backends) -> None:
    for _ in range(10):
        token, start = make_token(backends.documents), Barrier(8)

        def race(_number: int, token: str = token, start: Barrier = start) -> bool:
            start.wait()
            return use_token(backends.documents, token)

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(race, range(8))) == 1


def test_only_the_hash_of_a_token_is_kept(backends: Backends) -> None:
    token = make_token(backends.documents)
    kept = backends.documents.list("sign_in_token")
    assert sha256(token.encode()).hexdigest() in dict(kept)
    assert token not in repr(kept)


def test_an_expired_token_does_not_sign_in(backends: Backends) -> None:
    token = make_token(backends.documents)
    key = sha256(token.encode()).hexdigest()
    found = backends.documents.get("sign_in_token", key)
    assert found is not None
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert backends.documents.put("sign_in_token", key, {"expires_at": past}, found.version)
    assert not use_token(backends.documents, token)


def test_password_sign_in_and_sign_out(app: Any) -> None:
    client = sign_in(app, "VERA")
    assert client.get("/").status_code == 200
    assert client.post("/sign-out", headers=SAME).status_code == 302
    assert client.get("/").status_code == 302


def test_the_cookie_is_hidden_from_scripts_and_other_sites_and_expires(app: Any) -> None:
    answer = app.server.test_client().post(
        "/sign-in", data={"name": "vera", "password": PASSWORD}, headers=SAME
    )
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires=" in cookie


def test_wrong_passwords_are_refused_and_then_held_off(app: Any) -> None:
    client = app.server.test_client()
    wrong = {"name": "guessed", "password": "no"}
    codes = [client.post("/sign-in", data=wrong, headers=SAME).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    assert sign_in(app, "vera").get("/").status_code == 200


def test_the_limit_forgets_after_its_window() -> None:
    now = [0.0]
    limit = FailureLimit(most=2, seconds=10, clock=lambda: now[0])
    limit.failed("a")
    limit.failed("a")
    assert limit.blocked("a")
    assert not limit.blocked("b")
    now[0] = 10.0
    assert not limit.blocked("a")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/funnels?steps=a,b", "/funnels?steps=a,b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"),
        ("/sign-in?next=/", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_after_signing_in_only_own_paths_are_gone_to(target: str | None, path: str) -> None:
    assert own_path(target) == path


def test_next_leads_back(app: Any) -> None:
    client = app.server.test_client()
    asked = client.get("/funnels?steps=a,b")
    assert asked.headers["Location"] == "/sign-in?next=/funnels%3Fsteps%3Da%2Cb"
    form = {"name": "vera", "password": PASSWORD, "next": "/funnels?steps=a,b"}
    assert client.post("/sign-in", data=form, headers=SAME).headers["Location"] == "/funnels?steps=a,b"


def test_a_session_ends_after_its_hours(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(app, "vera")
    with client.session_transaction() as session:
        session["since"] -= 12 * 3600 + 1
    assert client.get("/").status_code == 302


def test_a_new_password_ends_old_sessions(backends: Backends) -> None:
    user = add_user(backends.documents, "mo", PASSWORD, "viewer")
    assert load_user(backends.documents, user.session_id) is not None
    found = backends.documents.get("user", "mo")
    assert found is not None
    backends.documents.put("user", "mo", {**found.value, "password_hash": "other"}, found.version)
    assert load_user(backends.documents, user.session_id) is None


@pytest.mark.parametrize(
    ("name", "password", "role", "says"),
    [
        ("@local", PASSWORD, "admin", "no user name"),
        ("", PASSWORD, "admin", "no user name"),
        ("new", "short", "admin", "at least 10"),
        ("new", PASSWORD, "king", "viewer, analyst, ops, admin"),
        ("Vera", PASSWORD, "viewer", "already"),
    ],
)
def test_users_that_cannot_be_added(
    backends: Backends, name: str, password: str, role: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        add_user(backends.documents, name, password, role)


def test_passwords_are_kept_as_argon2(backends: Backends) -> None:
    found = backends.documents.get("user", "vera")
    assert found is not None
    assert str(found.value["password_hash"]).startswith("$argon2id$")
    assert extract_parameters(users._NO_ONE) == RFC_9106_LOW_MEMORY, "made before tests chose a quick one"


def test_the_secret_key_is_kept_for_us_only(tmp_path: Any) -> None:
    settings = load({"data_dir": tmp_path}, {})
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key(settings), range(8)))
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    assert secret_key(load({"data_dir": tmp_path, "secret_key": "mine"}, {})) == "mine"
