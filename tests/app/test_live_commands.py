"""The commands of the live path, in process."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from app.cli import main
from data_access import api_keys, people, sites
from data_access.audit_search import Wanted, page
from data_access.live import Sighting
from data_access.users import check_password
from tests.builders import embedded
from tests.door import Door, server_event


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(embedded(tmp_path))


def run(door: Door, *words: str) -> int:
    return main([*words, "--data-dir", str(door.backends.settings.data_dir)])


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return str(capsys.readouterr().out)


def test_sites_are_added_listed_and_given_keys(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(door, "sites", "add", "blog", "--origin", "https://Blog.example/") == 0
    said = out(capsys)
    assert "blog: https://blog.example" in said
    (key,) = re.findall(r"wk_\S+", said)
    assert run(door, "sites", "add", "blog", "--origin", "*") == 0
    assert "wk_" not in out(capsys), "it has a key already"
    assert run(door, "sites", "key", "blog") == 0
    assert "wk_" in out(capsys)
    assert run(door, "sites", "list") == 0
    listed = out(capsys)
    assert "blog  *" in listed
    assert key not in listed
    (first, _) = sites.keys(door.backends.documents, "blog")
    assert run(door, "sites", "revoke", first.id) == 0
    assert len(sites.keys(door.backends.documents, "blog")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sites", "add"), "needs a site"),
        (("sites", "add", "No Site"), "is no site name"),
        (("sites", "add", "x", "--origin", "shop.example"), "is no origin"),
        (("sites", "key", "nowhere"), "there is no site 'nowhere'"),
        (("sites", "revoke", "abc"), "there is no write key"),
        (("keys", "add"), "needs a name"),
        (("keys", "revoke", "abc"), "there is no key"),
        (("keys", "rotate", "abc"), "there is no key"),
        (("keys", "rotate"), "needs an id"),
        (("keys", "add", "x", "--site", "My shop"), "is no site name"),
        (("users", "invite"), "needs a name"),
        (("users", "invite", "a b"), "is no user name"),
        (("users", "disable", "nobody"), "there is no user 'nobody'"),
    ],
)
def test_mistakes_say_what_to_do(
    door: Door, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(door, *words) == 2
    assert said in capsys.readouterr().err


def test_keys_are_made_listed_rotated_and_revoked(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(door, "keys", "add", "report", "--role", "ops", "--site", "shop") == 0
    (key,) = re.findall(r"sg_\S+", out(capsys))
    user = api_keys.bearer(door.backends.documents, key)
    assert user is not None
    assert (user.role, user.sites) == ("ops", frozenset({"shop"}))
    assert run(door, "keys", "list") == 0
    listed = out(capsys)
    assert f"{key[:7]}…  report  ops, shop, made" in listed
    assert key not in listed
    key_id = listed.split()[0]
    assert run(door, "keys", "rotate", key_id) == 0
    said = out(capsys)
    (second,) = re.findall(r"sg_\S+", said)
    assert f"{key_id}: good for 24 more hours" in said
    assert api_keys.bearer(door.backends.documents, key) == api_keys.bearer(door.backends.documents, second)
    assert run(door, "keys", "list") == 0
    assert "replaced: good until" in out(capsys)
    assert run(door, "keys", "revoke", key_id) == 0
    assert api_keys.bearer(door.backends.documents, key) is None
    assert api_keys.bearer(door.backends.documents, second) is not None
    assert changes_of(door) == [("made", "key report"), ("rotated", "key report"), ("revoked", "key report")]


def changes_of(door: Door) -> list[tuple[str, str]]:
    """What the command line is noted to have done, oldest first; all of it as finished."""
    rows = list(reversed(page(door.backends.audit.newest, Wanted(kind="change"), 100).rows))
    assert {(row.begun.user, row.begun.role) for row in rows} <= {("command line", "admin")}
    assert {row.last.outcome for row in rows} <= {"finished"}
    return [(row.begun.parameters["did"], row.begun.subject) for row in rows]


def test_people_are_invited_disabled_enabled_reset_and_removed(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = door.backends.documents
    assert run(door, "users", "invite", "ana", "--role", "ops", "--site", "shop") == 0
    (token,) = re.findall(r"http://127\.0\.0\.1:8050/sign-in/password\?token=(\S+)", out(capsys))
    assert people.choose_password(documents, token, "a long password").grants == {"shop": "ops"}
    assert run(door, "users", "list") == 0
    assert out(capsys) == "ana  ops, shop; active\n"
    assert run(door, "users", "disable", "Ana") == 0
    assert check_password(documents, "ana", "a long password") is None
    assert run(door, "users", "enable", "ana") == 0
    assert check_password(documents, "ana", "a long password") is not None
    assert run(door, "users", "reset", "ana") == 0
    assert check_password(documents, "ana", "a long password") is None
    (token,) = re.findall(r"token=(\S+)", out(capsys))
    people.change_grants(documents, people.person(documents, "ana"), {"*": "viewer", "blog": "admin"})
    assert run(door, "users", "list") == 0
    assert out(capsys) == "ana  viewer, all sites; admin, blog; invited\n"
    assert run(door, "users", "remove", "ana") == 0
    assert people.people(documents) == []
    did = ("invited", "disabled", "enabled", "reset", "removed")
    assert [one for one, _ in changes_of(door)] == list(did)
    assert {subject.casefold() for _, subject in changes_of(door)} == {"user ana"}


def test_a_user_is_added_with_a_password_of_standard_input(
    door: Door, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    assert run(door, "users", "add", "bob") == 0
    assert out(capsys) == "bob: added\n"
    assert check_password(door.backends.documents, "bob", "a long password") is not None
    assert changes_of(door) == [("added", "user bob")]
    assert "a long password" not in "".join(kept.text for kept in door.backends.audit.oldest())


def test_dead_letters_are_listed_and_replayed(
    door: Door, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door.batch(server_event(source="fax"), {})
    assert run(door, "dead-letters") == 0
    said = out(capsys)
    assert "not_allowed  waiting  source is 'fax'; use one of web, mobile, api, server" in said
    assert "2 waiting: missing 1, not_allowed 1" in said
    assert run(door, "dead-letters", "--site", "blog") == 0
    assert "fax" not in out(capsys)
    monkeypatch.setattr("pipeline.contracts.cloudpulse.SOURCES", ("fax",))
    assert run(door, "dead-letters", "--replay") == 0
    assert out(capsys) == "1 replayed, 1 refused again\n"
    assert run(door, "dead-letters") == 0
    assert "replayed" in out(capsys)
    assert door.backends.log.head() == 1


def test_reconcile_brings_up_to_date_and_compares(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    event = server_event(event_id="6f9619ff-8b86-d011-b42d-00c04fc964ff")
    door.batch(event, event, server_event(event_type="error"))
    assert run(door, "reconcile") == 0
    said = out(capsys)
    assert "shop  page_view  2  1  explained (+1 sent again)" in said
    assert "error" not in said
    assert "3 events live" in said
    assert "1 agrees, 1 explained, 0 unexplained" in said
    assert run(door, "reconcile", "--all") == 0
    assert "shop  error  1  1  agrees" in out(capsys)


def test_reconcile_fails_where_nothing_explains_a_difference(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    door.server()
    assert run(door, "reconcile") == 0
    item = next(iter(door.backends.counters.items(0)))
    door.backends.counters.fold("somewhere else", 0, 1, [Sighting(1, *item, "click")])
    assert run(door, "reconcile") == 1
    said = capsys.readouterr()
    assert "+1 unexplained" in said.out
    assert "the live counts and the lake disagree" in said.err
