"""The tab People: inviting, changing, disabling, resetting and removing, and who may do that."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import cognito
from app.factory import create_app
from data_access import api_keys, people, sites
from data_access.audit_search import Row, Wanted, page
from data_access.backends import Backends
from data_access.users import add_user, load_user
from tests.alb_tokens import NOW, Clock, Issuers, headers, verifier_of
from tests.app.admin_page import FIELDS, KEYS, PATH, PEOPLE, Answer, buttons, drawn, listed, press
from tests.app.callbacks import URL
from tests.app.conftest import PASSWORD, SAME, by_link, sign_in
from tests.app.live_parts import said
from tests.app.test_cognito import COGNITO
from tests.builders import embedded, event
from tests.forms import Forms, both_forms
from tests.key_server import key_server

NEW = "another long password"


@pytest.fixture
def form() -> str:
    """Only where users are kept differs by form: tests that are not marked run on the embedded one."""
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


def done(client: FlaskClient, do: str, own: Backends, name: str, **fields: Any) -> Answer:
    """Press a button about somebody as they are."""
    return press(client, PEOPLE, do, name, people.person(own.documents, name).version, **fields)


def changed(own: Backends) -> list[Row]:
    """The changes that are noted, oldest first."""
    return list(reversed(page(own.audit.newest, Wanted(kind="change"), 100).rows))


def choose(app: Any, token: str, password: str = NEW) -> Any:
    form = {"token": token, "password": password, "again": password}
    return app.server.test_client().post("/sign-in/password", data=form, headers=SAME)


def tries(app: Any, name: str, password: str) -> tuple[int, str]:
    """What signing in comes to."""
    form = {"name": name, "password": password}
    answer = app.server.test_client().post("/sign-in", data=form, headers=SAME)
    return answer.status_code, answer.text


@both_forms
def test_who_is_invited_chooses_a_password_and_is_in(app: Any, admin: FlaskClient, own: Backends) -> None:
    invited = press(admin, PEOPLE, "create", name=" ana@example.com ", viewer=["*"], analyst=["shop"])
    assert (invited.status, invited.problem, invited.wrong) == (200, "", {})
    assert "Link for ana@example.com to choose a password" in invited.made
    assert f"{own.settings.base_url}/sign-in/password?token={invited.secret}" in invited.made
    assert "ana@example.com Analyst on shop Viewer on all sites Invited link until" in listed(admin, PEOPLE)
    assert invited.secret not in json.dumps([d.value for _, d in own.documents.list(people.CHOOSE)])
    assert invited.secret not in json.dumps([d.value for _, d in own.documents.list("user")])
    assert tries(app, "ana@example.com", "")[0] == 401

    client = app.server.test_client()
    asked = client.get(f"/sign-in/password?token={invited.secret}")
    assert (asked.status_code, 'value="ana@example.com"' in asked.text) == (200, True)
    form = {"token": invited.secret, "password": NEW, "again": NEW}
    answer = client.post("/sign-in/password", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/traffic").status_code == 200
    assert client.get("/csv/events.mix?site=shop").status_code == 200, "an analyst of the shop"
    assert client.get("/findings").status_code == 403
    assert sign_in(app, "ANA@example.com", NEW).get("/").status_code == 200
    assert "ana@example.com Analyst on shop Viewer on all sites Active" in listed(admin, PEOPLE)
    assert client.get(f"/sign-in/password?token={invited.secret}").status_code == 410
    assert choose(app, invited.secret).status_code == 410
    assert sign_in(app, "ana@example.com", NEW), "the link changed nothing any more"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": "", "viewer": ["*"]}, "name", "They need a user name"),
        ({"name": "a b", "viewer": ["*"]}, "name", "'a b' is no user name"),
        ({"name": "Ana", "viewer": ["*"]}, "name", "There is a user 'Ana' already"),
        ({"name": "new"}, "viewer", "Choose at least one site"),
        ({"name": "new", "viewer": []}, "viewer", "Choose at least one site"),
        ({"name": "new", "viewer": "*"}, "viewer", "Choose at least one site"),
        ({"name": "new", "viewer": ["*"], "ops": ["shop", "*"]}, "viewer", "All sites is chosen twice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    admin: FlaskClient, own: Backends, fields: dict[str, Any], field: str, words: str
) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    answer = press(admin, PEOPLE, "create", **fields)
    assert list(answer.wrong) == [field]
    assert answer.wrong[field].startswith(words)
    assert answer.problem == answer.wrong[field], "it is heard as well"
    assert (answer.did, answer.made) == ({}, ""), "the form stays as it is"
    assert [one.name for one in people.people(own.documents)] == ["ana"]
    assert changed(own) == []


def test_a_site_that_cannot_be_is_no_field_s_fault(admin: FlaskClient, own: Backends) -> None:
    answer = press(admin, PEOPLE, "create", name="new", viewer=["My Shop"])
    assert "'My Shop' is no site name" in answer.problem
    assert people.people(own.documents) == []


@both_forms
def test_roles_that_differ_by_site_count_from_the_next_click(
    app: Any, admin: FlaskClient, own: Backends
) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    client = sign_in(app, "ana")
    assert client.get("/findings").status_code == 403
    saved = done(admin, "save", own, "ana", viewer=["*"], admin=["shop", "blog"])
    assert (saved.status, saved.said) == (200, "What ana may do was changed.")
    assert people.person(own.documents, "ana").grants == {"*": "viewer", "blog": "admin", "shop": "admin"}
    assert "ana Admin on blog, shop Viewer on all sites Active" in listed(admin, PEOPLE)
    assert client.get("/findings").status_code == 403
    assert done(admin, "save", own, "ana", ops=["*"]).status == 200
    assert client.get("/findings").status_code == 200


@both_forms
def test_a_disabled_user_is_out_at_once_and_told_nothing(app: Any, admin: FlaskClient, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    client = sign_in(app, "ana")
    assert client.get("/").status_code == 200
    assert done(admin, "disable", own, "ana").said == "ana is disabled. Their sessions have ended."
    assert client.get("/").status_code == 302
    assert "ana Analyst on all sites Disabled" in listed(admin, PEOPLE)
    refused = tries(app, "ana", PASSWORD)
    assert refused == tries(app, "ana", "wrong password")
    assert refused[0] == 401
    assert done(admin, "enable", own, "ana").said == "ana may sign in again."
    assert client.get("/").status_code == 302, "the old session stays ended"
    assert sign_in(app, "ana").get("/").status_code == 200


def test_a_reset_takes_password_and_sessions_and_gives_a_link(
    app: Any, admin: FlaskClient, own: Backends
) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    client = sign_in(app, "ana")
    first = done(admin, "reset", own, "ana")
    assert "Link for ana to choose a password" in first.made
    assert client.get("/").status_code == 302
    assert tries(app, "ana", PASSWORD)[0] == 401
    second = done(admin, "reset", own, "ana")
    assert choose(app, first.secret).status_code == 410, "there is a newer one"
    assert choose(app, second.secret).status_code == 303
    assert tries(app, "ana", PASSWORD)[0] == 401
    assert sign_in(app, "ana", NEW).get("/").status_code == 200
    assert client.get("/").status_code == 302


def test_a_link_ends_when_its_user_is_disabled_or_removed(
    app: Any, admin: FlaskClient, own: Backends
) -> None:
    link = press(admin, PEOPLE, "create", name="ana", viewer=["*"]).secret
    done(admin, "disable", own, "ana")
    assert choose(app, link).status_code == 410
    again = done(admin, "reset", own, "ana")
    assert again.problem == "Ana is disabled; enable them first."
    assert done(admin, "enable", own, "ana").said.endswith("They have no password: make a link.")
    assert choose(app, link).status_code == 410
    assert "no link that works" in listed(admin, PEOPLE)
    link = done(admin, "reset", own, "ana").secret
    assert done(admin, "remove", own, "ana").said == "ana is removed."
    assert choose(app, link).status_code == 410
    add_user(own.documents, "ana", PASSWORD, "viewer")
    assert choose(app, link).status_code == 410, "it is not the same ana"


def test_a_removed_user_is_out_at_once(app: Any, admin: FlaskClient, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "analyst")
    client = sign_in(app, "ana")
    assert done(admin, "remove", own, "ana").status == 200
    assert client.get("/").status_code == 302
    assert "Nobody has a password yet" in listed(admin, PEOPLE)


@pytest.mark.parametrize(
    ("do", "fields", "words"),
    [
        ("disable", {}, "You cannot disable yourself; another admin can do that."),
        ("reset", {}, "You cannot take your own password away; another admin can do that."),
        ("remove", {}, "You cannot remove yourself; another admin can do that."),
        ("save", {"ops": ["*"]}, "You cannot stop being an admin of all sites yourself; another admin can"),
        ("save", {"admin": ["shop"]}, "You cannot stop being an admin of all sites yourself"),
    ],
)
def test_nobody_shuts_themself_out(
    app: Any, own: Backends, do: str, fields: dict[str, Any], words: str
) -> None:
    user = add_user(own.documents, "Ana", PASSWORD, "admin")
    client = sign_in(app, "ana")
    answer = done(client, do, own, "ana", **fields)
    assert answer.problem.startswith(words)
    assert load_user(own.documents, user.session_id) == user
    assert buttons(drawn(client, PEOPLE), PEOPLE)[1:] == [("access", "Ana", False)]
    assert "Ana you Admin" in listed(client, PEOPLE)
    assert done(client, "save", own, "ana", admin=["*"], viewer=["shop"]).problem == ""
    assert client.get(PATH).status_code == 200


@pytest.mark.parametrize("do", ["save", "disable", "enable", "reset", "remove"])
def test_who_comes_second_is_told_and_changes_nothing(admin: FlaskClient, own: Backends, do: str) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    seen = people.person(own.documents, "ana")
    people.change_grants(own.documents, seen, {"*": "ops"})
    now = people.person(own.documents, "ana")
    answer = press(admin, PEOPLE, do, "ana", seen.version, admin=["*"])
    assert answer.problem == "Somebody else changed ana in the meantime; look, and try again."
    assert people.person(own.documents, "ana") == now
    assert changed(own) == []
    assert own.documents.list(people.CHOOSE) == []
    shown = drawn(admin, PEOPLE, answer.did)
    assert "Ops on all sites" in said(shown)
    assert ("access", "ana", True) in buttons(shown, PEOPLE)
    people.remove(own.documents, now)
    gone = press(admin, PEOPLE, do, "ana", now.version, admin=["*"])
    assert gone.problem == "There is no user 'ana'."
    assert ("invite", "", True) in buttons(drawn(admin, PEOPLE, gone.did), PEOPLE)


def test_the_focus_goes_on_where_work_does(admin: FlaskClient, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")

    def after(do: str, about: str = "ana", **fields: Any) -> list[tuple[str, str, bool]]:
        version = people.person(own.documents, "ana").version
        answer = press(admin, PEOPLE, do, about, version, **fields)
        return [one for one in buttons(drawn(admin, PEOPLE, answer.did), PEOPLE) if one[2]]

    for do in ("disable", "reset", "remove"):
        assert after(f"ask-{do}") == [(do, "ana", True)]
        assert after(f"back-ask-{do}") == [(f"ask-{do}", "ana", True)]
    assert after("access") == [], "its title has it"
    assert after("back-access") == [("access", "ana", True)]
    assert after("save", viewer=["*"]) == [("access", "ana", True)]
    assert after("disable") == [("enable", "ana", True)]
    assert after("enable") == [("ask-disable", "ana", True)]
    assert after("back-invite", "") == [("invite", "", True)]
    assert after("hide", "") == [("invite", "", True)]


def test_every_change_is_noted_with_who_did_what_to_whom(app: Any, own: Backends) -> None:
    add_user(own.documents, "boss", PASSWORD, "admin")
    boss = sign_in(app, "boss")
    link = press(boss, PEOPLE, "create", name="ana", viewer=["shop"])
    assert choose(app, link.secret).status_code == 303
    done(boss, "save", own, "ana", ops=["*"])
    for do in ("disable", "enable", "reset", "remove"):
        done(boss, do, own, "ana")
    rows = changed(own)
    noted = [(row.begun.user, row.begun.parameters["did"], row.begun.subject) for row in rows]
    assert noted == [
        ("boss", "invited", "user ana"),
        ("ana", "chose a password", "user ana"),
        *(("boss", did, "user ana") for did in ("changed", "disabled", "enabled", "reset", "removed")),
    ]
    assert {row.last.outcome for row in rows} == {"finished"}
    assert rows[0].begun.parameters["grants"] == {"shop": "viewer"}
    about = rows[2].begun.parameters
    assert (about["before"], about["grants"]) == ({"shop": "viewer"}, {"*": "ops"})
    assert rows[0].begun.role == "admin"
    assert link.secret not in json.dumps([row.begun.text for row in rows])


def test_what_cannot_be_noted_is_not_done(admin: FlaskClient, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    before = people.people(own.documents)
    with sqlite3.connect(own.settings.data_dir / "audit.db") as db:
        db.execute("drop table records")
    db.close()
    answers = [press(admin, PEOPLE, "create", name="bob", viewer=["*"])]
    answers += [done(admin, do, own, "ana") for do in ("disable", "reset", "remove")]
    answers.append(done(admin, "save", own, "ana", ops=["*"]))
    for answer in answers:
        assert answer.problem.startswith("It could not be noted in the audit log, so nothing was changed.")
        assert (answer.secret, answer.said) == ("", "")
    assert people.people(own.documents) == before


ODD = [None, 7, "\0<b>", "x" * 5_000, [], ["\0", 7, None], {"a": 1}]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
@pytest.mark.parametrize("card", [PEOPLE, KEYS])
def test_bodies_that_no_page_sends_are_answered(
    admin: FlaskClient, own: Backends, card: str, odd: Any
) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    before = people.people(own.documents)
    for do in (odd, "create", "save", "disable", "reset", "remove", "rotate", "revoke"):
        for about in (odd, "nobody"):
            for version in (odd, 2**80):
                fields = dict.fromkeys(FIELDS[card], odd)
                assert press(admin, card, do, about, version, **fields).status in {200, 400}
    assert said(drawn(admin, card, {"do": odd, "about": odd}))
    assert "went wrong" not in said(drawn(admin, card, odd))
    assert people.people(own.documents) == before
    assert api_keys.every(own.documents) == []


def test_only_an_admin_of_all_sites_has_the_page(app: Any, own: Backends, admin: FlaskClient) -> None:
    for name, role, where in (("vera", "viewer", None), ("otto", "ops", None), ("sam", "admin", ["shop"])):
        add_user(own.documents, name, PASSWORD, role, where)
        client = sign_in(app, name)
        assert client.get(PATH).status_code == 403
        assert '"label":"Admin"' not in client.get("/_dash-layout").text
        assert press(client, PEOPLE, "create", name="new", admin=["*"]).status == 403
        assert done(client, "disable", own, "vera").status == 403
    assert admin.get(PATH).status_code == 200
    assert '"label":"Admin"' in admin.get("/_dash-layout").text
    assert [one.state for one in people.people(own.documents)] == ["active"] * 3


def laid_out(client: FlaskClient, search: str, sent: Any = None) -> str:
    body = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": PATH}],
        "state": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": ["url.pathname"],
    }
    return client.post(URL, json=body, headers=sent or SAME).text


def test_the_url_chooses_the_tab(admin: FlaskClient) -> None:
    assert '"admin-people-made"' in laid_out(admin, "")
    assert '"admin-keys-made"' in laid_out(admin, "?tab=keys")
    assert '"admin-people-made"' not in laid_out(admin, "?tab=keys")
    assert "it takes people, keys, sites, audit" in laid_out(admin, "?tab=cookies")


def shown(client: FlaskClient, search: str, drawn_now: str) -> Any:
    body = {
        "output": "..admin-tab.children...admin-shown.data..",
        "outputs": [
            {"id": "admin-tab", "property": "children"},
            {"id": "admin-shown", "property": "data"},
        ],
        "inputs": [{"id": "url", "property": "search", "value": search}],
        "state": [
            {"id": "admin-shown", "property": "data", "value": drawn_now},
            {"id": "url", "property": "pathname", "value": PATH},
        ],
        "changedPropIds": ["url.search"],
    }
    answer = client.post(URL, json=body, headers=SAME)
    return json.loads(answer.text)["response"] if answer.status_code == 200 else {}


def test_a_tab_is_drawn_once_whatever_else_is_in_the_url(admin: FlaskClient) -> None:
    assert shown(admin, "?tab=keys", "people")["admin-shown"]["data"] == "keys"
    assert shown(admin, "?tab=audit&user=ana", "audit") == {}
    assert "cookies" in json.dumps(shown(admin, "?tab=cookies", "people"))
    assert shown(admin, "", "cookies")["admin-shown"]["data"] == "people"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FlaskClient, Any]]:
    """A client behind a load balancer, and the headers of an admin."""
    backends = embedded(tmp_path_factory.mktemp("pool"), [event(site="news")], **COGNITO)
    sites.save(backends.documents, "shop", ())
    add_user(backends.documents, "ana", PASSWORD, "viewer")
    with key_server() as keys, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cognito, "verifier_of", lambda settings: verifier_of(keys, Clock()))
        by = Issuers(NOW, keys, groups=("admin",))
        same = {"Origin": COGNITO["public_url"], "Sec-Fetch-Site": "same-origin"}
        yield create_app(backends).server.test_client(), dict(headers(by.data(), by.access())) | same


def test_behind_a_load_balancer_people_are_the_pool_s(pool: tuple[FlaskClient, Any]) -> None:
    client, sent = pool
    assert PEOPLE not in laid_out(client, "", sent).replace("admin-people-did", "")
    body = {
        "output": "admin-groups.children",
        "outputs": {"id": "admin-groups", "property": "children"},
        "inputs": [
            {"id": "url", "property": "search", "value": ""},
            {"id": "retry", "property": "data"},
        ],
        "state": [{"id": "url", "property": "pathname", "value": PATH}],
        "changedPropIds": ["url.search"],
    }
    answer = client.post(URL, json=body, headers=sent)
    text = said(json.loads(answer.text)["response"]["admin-groups"])
    assert COGNITO["cognito_pool"] in text
    for group in ("site:shop:viewer", "site:news:analyst", "site:shop:ops", "site:*:viewer", "admin"):
        assert f" {group} " in f" {text} "
    assert "button" not in answer.text
    assert "admin-people-do" not in client.get("/_dash-dependencies", headers=sent).text
