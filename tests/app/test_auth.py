from __future__ import annotations

import json
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.auth import NOT_FOUND, TOO_MANY, make_sign_in_link
from app.auth_paths import own_path
from app.factory import create_app
from app.keys import secret_key
from app.limits import FailureLimit
from data_access import people, users
from data_access.audit import Record, read
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.settings import load
from data_access.users import add_user, load_user, make_token, use_token
from tests.app.conftest import PASSWORD, SAME, by_link, sign_in
from tests.builders import embedded


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
    assert [limit.failed("a") for _ in range(3)] == [False, True, False], "the second one blocks"


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


# Links to choose a password


@pytest.fixture
def own(tmp_path: Path) -> Backends:
    """Back ends of a test that writes."""
    return embedded(tmp_path)


@pytest.fixture
def fresh(own: Backends) -> Any:
    """An app of a test of its own: nobody has failed to sign in."""
    return create_app(own)


def choose(app: Any, token: str, password: str, again: str | None = None, **headers: str) -> Any:
    form = {"token": token, "password": password, "again": password if again is None else again}
    return app.server.test_client().post("/sign-in/password", data=form, headers=SAME | headers)


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("brief", "brief", "The password is too short; it takes at least 10 characters."),
        ("x" * 1001, "x" * 1001, "The password is too long; it takes at most 1,000 characters."),
        (PASSWORD, "something else", "The two passwords are not the same."),
    ],
)
def test_a_password_that_cannot_be_leaves_the_link_good(
    fresh: Any, own: Backends, password: str, again: str, says: str
) -> None:
    token = people.invite(own.documents, "ana", {"*": "viewer"})
    answer = choose(fresh, token, password, again)
    assert (answer.status_code, says in answer.text) == (400, True)
    assert 'role="alert"' in answer.text
    assert password not in answer.text
    assert people.person(own.documents, "ana").state == "invited"
    assert choose(fresh, token, PASSWORD).status_code == 303


def test_looking_at_a_link_does_not_use_it_up(fresh: Any, own: Backends) -> None:
    token = people.invite(own.documents, "ana", {"*": "viewer"})
    client = fresh.server.test_client()
    for _ in range(3):
        answer = client.get(f"/sign-in/password?token={token}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/").status_code == 302
    assert choose(fresh, token, PASSWORD).status_code == 303


def test_a_link_is_too_old_after_its_hours(fresh: Any, own: Backends) -> None:
    token = people.invite(own.documents, "ana", {"*": "viewer"})
    key = sha256(token.encode()).hexdigest()
    found = own.documents.get(people.CHOOSE, key)
    assert found is not None
    ends = datetime.fromisoformat(found.value["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71, minutes=59) < ends <= timedelta(hours=72)
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert own.documents.put(people.CHOOSE, key, {**found.value, "expires_at": past}, found.version)
    asked = fresh.server.test_client().get(f"/sign-in/password?token={token}")
    assert (asked.status_code, "no longer works" in asked.text) == (410, True)
    assert choose(fresh, token, PASSWORD).status_code == 410
    people.reset(own.documents, people.person(own.documents, "ana"))
    assert len(own.documents.list(people.CHOOSE)) == 1, "what is over is forgotten"


def test_a_link_is_for_its_own_form_only(fresh: Any, own: Backends) -> None:
    token = people.invite(own.documents, "ana", {"*": "admin"})
    client = fresh.server.test_client()
    assert client.get(f"/sign-in/link?token={token}").status_code == 410
    assert choose(fresh, make_token(own.documents), PASSWORD).status_code == 410
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert choose(fresh, token, PASSWORD, **foreign).status_code == 403
    assert people.person(own.documents, "ana").state == "invited"


def test_guessing_links_is_held_off(fresh: Any, own: Backends) -> None:
    token = people.invite(own.documents, "ana", {"*": "viewer"})
    client = fresh.server.test_client()
    codes = [client.get(f"/sign-in/password?token={number}").status_code for number in range(5)]
    codes += [choose(fresh, str(number), PASSWORD).status_code for number in range(5)]
    assert codes == [410] * 10
    held = client.get("/sign-in/password?token=wrong")
    assert (held.status_code, TOO_MANY in held.text) == (429, True)
    assert choose(fresh, "wrong", PASSWORD).status_code == 429
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/sign-in/password?token=wrong", environ_base=elsewhere).status_code == 410
    assert len(noted(own)) == 11, "what is held off is not noted again and again"
    assert choose(fresh, token, PASSWORD).status_code == 303, "a good one is let through"


# What is noted


def noted(own: Backends) -> list[Record]:
    """What the audit log says of signing in, oldest first."""
    return [one for one in map(read, own.audit.oldest()) if one.what.startswith("sign_in.")]


def test_who_comes_and_goes_is_noted(fresh: Any, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst", ["shop"])
    sign_in(fresh, "ana").post("/sign-out", headers=SAME)
    by_link(fresh, own)
    choose(fresh, people.invite(own.documents, "bob", {"*": "viewer"}), PASSWORD)
    found = noted(own)
    assert [(one.what, one.outcome, one.user, one.subject) for one in found] == [
        ("sign_in.done", "finished", "ana", "password"),
        ("sign_in.ended", "finished", "ana", "session"),
        ("sign_in.done", "finished", "local admin", "link"),
        ("sign_in.done", "finished", "bob", "invitation"),
    ]
    assert (found[0].role, found[0].sites) == ("analyst", ("shop",))
    assert all(one.parameters == {"address": "127.0.0.1"} for one in found)


def test_who_is_refused_is_noted_with_the_name_that_was_given(fresh: Any, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    client = fresh.server.test_client()
    for name in ("ana", "x" * 100):
        client.post("/sign-in", data={"name": name, "password": "a wrong one"}, headers=SAME)
    client.get("/sign-in/link?token=used")
    client.get("/sign-in/password?token=used")
    found = noted(own)
    assert {(one.what, one.outcome, one.user) for one in found} == {
        ("sign_in.failed", "failed", "not signed in")
    }
    assert [(one.subject, one.parameters.get("name")) for one in found] == [
        ("password", "ana"),
        ("password", "x" * 64),
        ("link", None),
        ("invitation", None),
    ]
    assert {one.parameters["address"] for one in found} == {"127.0.0.1"}
    text = json.dumps([one.text for one in found])
    assert "a wrong one" not in text


def test_a_block_is_noted_once(fresh: Any, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    wrong = {"name": "ana", "password": "no"}
    client = fresh.server.test_client()
    codes = [client.post("/sign-in", data=wrong, headers=SAME).status_code for _ in range(30)]
    assert codes == [401] * 10 + [429] * 20
    reasons = [one.reason for one in noted(own)]
    assert reasons[:10] == ["wrong name or password"] * 10
    assert reasons[10:] == ["too many attempts: blocked for five minutes"]


def break_log(own: Backends) -> None:
    """Take the audit log's table away."""
    with sqlite3.connect(own.settings.data_dir / "audit.db") as db:
        db.execute("drop table records")
    db.close()


def test_nobody_gets_in_whose_coming_cannot_be_noted(fresh: Any, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    token = people.invite(own.documents, "bob", {"*": "viewer"})
    inside = sign_in(fresh, "ana")
    break_log(own)
    client = fresh.server.test_client()
    good = client.post("/sign-in", data={"name": "ana", "password": PASSWORD}, headers=SAME)
    link = client.get(path_of(make_sign_in_link(own)))
    chosen = choose(fresh, token, PASSWORD)
    for answer in (good, link, chosen):
        assert answer.status_code == 503
        assert "could not be noted in the audit log" in answer.text
        assert "Set-Cookie" not in answer.headers
    assert client.get("/").status_code == 302
    assert people.person(own.documents, "bob").state == "invited", "nothing was chosen"

    refused = client.post("/sign-in", data={"name": "ana", "password": "wrong"}, headers=SAME)
    assert (refused.status_code, NOT_FOUND in refused.text) == (401, True), "it is simply refused"
    assert inside.get("/").status_code == 200, "who is in stays in"
    assert inside.post("/sign-out", headers=SAME).status_code == 302, "and may go"
    assert inside.get("/").status_code == 302
