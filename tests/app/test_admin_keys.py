"""The tab Keys: making, rotating and revoking keys to read with."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from data_access import api_keys, sites
from data_access.api_keys import ApiKey
from data_access.audit_search import Wanted, page
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.users import add_user
from tests.app.admin_page import KEYS, buttons, drawn, listed, press
from tests.app.conftest import PASSWORD, by_link, sign_in
from tests.app.live_parts import said
from tests.depth import examples
from tests.forms import Forms, both_forms


@pytest.fixture
def form() -> str:
    """Only where keys are kept differs by form: tests that are not marked run on the embedded one."""
    return "embedded"


@pytest.fixture
def own(form: str, forms: Forms, tmp_path: Path) -> Backends:
    found = forms.new(form, tmp_path)
    sites.save(found.documents, "shop", ())
    return found


@pytest.fixture
def app(own: Backends) -> Any:
    return create_app(own)


@pytest.fixture
def admin(app: Any, own: Backends) -> FlaskClient:
    return by_link(app, own)


def reads(app: Any, key: str) -> int:
    """The status of what is asked with a key."""
    status: int = (
        app.server.test_client().get("/v1/realtime", headers={"Authorization": f"Bearer {key}"}).status_code
    )
    return status


def only(own: Backends) -> ApiKey:
    (key,) = api_keys.every(own.documents)
    return key


def end_now(own: Backends, key_id: str) -> None:
    """Let the grace of a key be over."""
    ((name, kept),) = [one for one in own.documents.list(api_keys.KIND) if one[0].startswith(key_id)]
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert own.documents.put(api_keys.KIND, name, {**kept.value, "expires_at": past}, kept.version)


@both_forms
def test_a_key_is_made_and_shown_once(app: Any, admin: FlaskClient, own: Backends) -> None:
    assert "No keys yet" in listed(admin, KEYS)
    made = press(admin, KEYS, "create", name=" weekly report ", role="analyst", sites=["shop"])
    assert (made.status, made.problem, made.wrong) == (200, "", {})
    assert "The key weekly report" in made.made
    assert "It is shown this once" in made.made
    assert reads(app, made.secret) == 200
    key = only(own)
    assert (key.name, key.role, key.sites, key.start) == (
        "weekly report",
        "analyst",
        ("shop",),
        made.secret[:7],
    )
    text = listed(admin, KEYS)
    assert f"weekly report {made.secret[:7]}… id {key.id} Analyst shop" in text
    assert text.endswith("Good Rotate Revoke")
    assert made.secret not in json.dumps(drawn(admin, KEYS))
    every = press(admin, KEYS, "create", name="all", role="viewer", sites=["shop", "*"])
    user = api_keys.bearer(own.documents, every.secret)
    assert user is not None
    assert user.grants == {"*": "viewer"}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": "", "role": "viewer", "sites": ["*"]}, "name", "A key needs a name"),
        ({"name": "x" * 65, "role": "viewer", "sites": ["*"]}, "name", "A key needs a name of 1 to 64"),
        ({"name": "x", "role": "king", "sites": ["*"]}, "role", "'king' is no role"),
        ({"name": "x", "role": "viewer", "sites": []}, "sites", "A key needs a site, or all of them"),
        ({"name": "x", "role": "viewer", "sites": "*"}, "sites", "A key needs a site"),
        ({"name": "x", "role": "viewer", "sites": ["My Shop"]}, "sites", "'My Shop' is no site name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    admin: FlaskClient, own: Backends, fields: dict[str, Any], field: str, words: str
) -> None:
    answer = press(admin, KEYS, "create", **fields)
    assert list(answer.wrong) == [field]
    assert answer.wrong[field].startswith(words)
    assert answer.problem == answer.wrong[field], "it is heard as well"
    assert (answer.did, answer.secret) == ({}, "")
    assert api_keys.every(own.documents) == []


@both_forms
def test_rotating_loses_no_request(app: Any, admin: FlaskClient, own: Backends) -> None:
    old = press(admin, KEYS, "create", name="job", role="ops", sites=["*"])
    key = only(own)
    new = press(admin, KEYS, "rotate", key.id)
    assert "good for 24 more hours" in new.made
    assert (reads(app, old.secret), reads(app, new.secret)) == (200, 200)
    replaced, made = sorted(api_keys.every(own.documents), key=lambda one: not one.expires_at)
    assert (replaced.id, made.expires_at) == (key.id, "")
    assert (made.name, made.role, made.sites) == (key.name, key.role, key.sites)
    ends = datetime.fromisoformat(replaced.expires_at) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ends <= timedelta(hours=24)
    text = listed(admin, KEYS)
    assert "Replaced ends" in text
    assert ("ask-revoke", key.id, False) in buttons(drawn(admin, KEYS), KEYS)
    assert ("ask-rotate", key.id, False) not in buttons(drawn(admin, KEYS), KEYS)
    assert "was replaced already" in press(admin, KEYS, "rotate", key.id).problem
    assert len(api_keys.every(own.documents)) == 2

    end_now(own, key.id)
    assert (reads(app, old.secret), reads(app, new.secret)) == (401, 200)
    assert [one.id for one in api_keys.every(own.documents)] == [made.id]
    press(admin, KEYS, "create", name="other", role="viewer", sites=["*"])
    assert len(own.documents.list(api_keys.KIND)) == 2, "what has ended is not kept"


def test_a_replaced_key_can_be_revoked_at_once(app: Any, admin: FlaskClient, own: Backends) -> None:
    old = press(admin, KEYS, "create", name="job", role="viewer", sites=["*"])
    key = only(own)
    new = press(admin, KEYS, "rotate", key.id)
    answer = press(admin, KEYS, "revoke", key.id)
    assert answer.said == f"Key job, {key.start}…, is revoked."
    assert (reads(app, old.secret), reads(app, new.secret)) == (401, 200)
    again = press(admin, KEYS, "revoke", key.id)
    assert again.problem.startswith("That key is not there any more")
    assert press(admin, KEYS, "rotate", key.id).problem == again.problem
    assert ("new", "", True) in buttons(drawn(admin, KEYS, again.did), KEYS)


def test_of_rotations_that_race_one_wins(own: Backends) -> None:
    for _ in range(examples(5, 100)):
        api_keys.make(own.documents, "job", "viewer", None)
        key, start = only(own), Barrier(4)

        def race(_number: int, key_id: str = key.id, start: Barrier = start) -> str:
            start.wait()
            try:
                return api_keys.rotate(own.documents, key_id)
            except UsageError:
                return ""

        with ThreadPoolExecutor(4) as pool:
            (won,) = filter(None, pool.map(race, range(4)))
        assert api_keys.bearer(own.documents, won) is not None
        kept = api_keys.every(own.documents)
        assert sorted(bool(one.expires_at) for one in kept) == [False, True]
        for one in kept:
            api_keys.revoke(own.documents, one.id)


def test_what_destroys_is_asked_first_and_the_focus_goes_there_and_back(
    admin: FlaskClient, own: Backends
) -> None:
    api_keys.make(own.documents, "job", "viewer", None)
    key = only(own)

    def after(do: str, about: str = key.id) -> list[tuple[str, str, bool]]:
        return [one for one in buttons(drawn(admin, KEYS, press(admin, KEYS, do, about).did), KEYS) if one[2]]

    for do in ("rotate", "revoke"):
        assert after(f"ask-{do}") == [(do, key.id, True)]
        assert after(f"back-ask-{do}") == [(f"ask-{do}", key.id, True)]
        assert "?" in said(drawn(admin, KEYS, press(admin, KEYS, f"ask-{do}", key.id).did))
    assert after("back-new", "") == [("new", "", True)]
    assert after("hide", "") == [("new", "", True)]
    assert only(own) == key


def test_every_change_is_noted(app: Any, own: Backends) -> None:
    add_user(own.documents, "boss", PASSWORD, "admin")
    boss = sign_in(app, "boss")
    made = press(boss, KEYS, "create", name="job", role="ops", sites=["shop"])
    key = only(own)
    press(boss, KEYS, "rotate", key.id)
    press(boss, KEYS, "revoke", key.id)
    rows = list(reversed(page(own.audit.newest, Wanted(kind="change"), 100).rows))
    assert [(row.begun.user, row.begun.parameters, row.begun.subject) for row in rows] == [
        ("boss", {"did": "made", "role": "ops", "sites": ["shop"]}, "key job"),
        ("boss", {"did": "rotated", "id": key.id}, "key job"),
        ("boss", {"did": "revoked", "id": key.id}, "key job"),
    ]
    assert {row.last.outcome for row in rows} == {"finished"}
    assert made.secret not in json.dumps([row.begun.text for row in rows])


def test_what_cannot_be_noted_is_not_done(admin: FlaskClient, own: Backends) -> None:
    api_keys.make(own.documents, "job", "viewer", None)
    key = only(own)
    with sqlite3.connect(own.settings.data_dir / "audit.db") as db:
        db.execute("drop table records")
    db.close()
    answers = [press(admin, KEYS, "create", name="new", role="viewer", sites=["*"])]
    answers += [press(admin, KEYS, do, key.id) for do in ("rotate", "revoke")]
    for answer in answers:
        assert answer.problem.startswith("It could not be noted in the audit log, so nothing was changed.")
        assert answer.secret == ""
    assert only(own) == key


@pytest.mark.parametrize(("name", "role", "where"), [("otto", "ops", None), ("sam", "admin", ["shop"])])
def test_only_an_admin_of_all_sites_may(
    app: Any, own: Backends, name: str, role: str, where: list[str] | None
) -> None:
    api_keys.make(own.documents, "job", "viewer", None)
    key = only(own)
    add_user(own.documents, name, PASSWORD, role, where)
    client = sign_in(app, name)
    assert press(client, KEYS, "create", name="new", role="admin", sites=["*"]).status == 403
    assert press(client, KEYS, "rotate", key.id).status == 403
    assert press(client, KEYS, "revoke", key.id).status == 403
    assert only(own) == key
