"""Roles by site: what somebody may do where."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from app.factory import create_app
from data_access import api_keys, people, users
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import (
    ADMIN,
    COMPANY,
    EVERYWHERE,
    EXPORT,
    FINDINGS,
    MANAGE,
    OPERATE,
    PRIVACY,
    ROLES,
    ROWS,
    VIEW,
    grants_of,
)
from data_access.users import User, add_user, check_password, load_user
from tests.app.conftest import PASSWORD, sign_in
from tests.builders import embedded
from tests.depth import examples


@pytest.fixture
def empty(tmp_path: Path) -> Backends:
    return embedded(tmp_path)


def test_a_role_may_do_all_that_the_one_below_may() -> None:
    roles = list(ROLES.values())
    assert all(lower < higher for lower, higher in pairwise(roles))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_everywhere_is_all_of_it(role: str) -> None:
    user = User("ann", grants_of(role, None))
    assert (user.role, user.permissions, user.sites) == (role, ROLES[role], None)
    assert all(user.sites_with(permission) is None for permission in ROLES[role])
    assert user.sites_with("none") == frozenset()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_on_some_sites_is_nothing_beyond_them(role: str) -> None:
    user = User("ann", grants_of(role, ["shop", "blog"]))
    assert user.permissions == ROLES[role] - COMPANY
    for permission in ROLES[role] - COMPANY:
        assert user.sites_with(permission) == {"shop", "blog"}
        assert user.scope(permission).sites == {"shop", "blog"}


def test_roles_differ_by_site() -> None:
    user = User("ann", {"shop": "admin", "blog": "viewer", "news": "analyst"})
    assert user.role == "admin"
    assert user.permissions == {VIEW, ROWS, EXPORT, PRIVACY, MANAGE}
    assert user.sites == {"shop", "blog", "news"}
    assert user.sites_with(EXPORT) == {"shop", "news"}
    assert user.sites_with(MANAGE) == {"shop"}
    assert user.sites_with(OPERATE) == {"shop"}, "but it is about no site"
    more = User("ann", {EVERYWHERE: "viewer", "shop": "ops"})
    assert more.permissions == {VIEW, ROWS, EXPORT}
    assert (more.sites, more.sites_with(EXPORT)) == (None, {"shop"})


def test_nobody_may_anything_without_a_role() -> None:
    for grants in ({}, grants_of("king", None), grants_of("king", ["shop"]), grants_of("viewer", [])):
        user = User("ann", grants)
        assert (user.role, user.permissions, user.sites) == ("", frozenset(), frozenset())


def test_users_and_keys_of_some_sites(empty: Backends) -> None:
    added = add_user(empty.documents, "ann", PASSWORD, "ops", ["shop", "blog", "shop"])
    assert added == load_user(empty.documents, added.session_id)
    assert added.grants == {"blog": "ops", "shop": "ops"}
    with pytest.raises(UsageError, match="no site name"):
        add_user(empty.documents, "bob", PASSWORD, "ops", ["My shop"])
    key = api_keys.bearer(empty.documents, api_keys.make(empty.documents, "job", "ops", ("shop",)))
    assert key is not None
    assert key.grants == {"shop": "ops"}


def test_what_is_about_the_company_is_not_for_who_has_some_sites(empty: Backends) -> None:
    add_user(empty.documents, "sam", PASSWORD, "admin", ["shop"])
    add_user(empty.documents, "otto", PASSWORD, "ops")
    app = create_app(empty)
    some, every = sign_in(app, "sam"), sign_in(app, "otto")
    for path in ("/findings", "/v1/findings", "/csv/findings"):
        assert (some.get(path).status_code, every.get(path).status_code) == (403, 200), path
    assert {FINDINGS, OPERATE, ADMIN} == COMPANY


def test_a_user_of_before_roles_differed_by_site_is_read(empty: Backends) -> None:
    added = add_user(empty.documents, "ann", PASSWORD, "ops", ["shop"])
    found = empty.documents.get("user", "ann")
    assert found is not None
    old = {"name": "ann", "role": "ops", "sites": ["shop"], "password_hash": found.value["password_hash"]}
    assert empty.documents.put("user", "ann", old, found.version)
    assert load_user(empty.documents, added.session_id) == added, "and stays signed in"
    (kept,) = people.people(empty.documents)
    assert (kept.grants, kept.state, kept.changed_at) == ({"shop": "ops"}, "active", "")
    people.change_grants(empty.documents, kept, {"*": "viewer"})
    assert people.person(empty.documents, "Ann").grants == {"*": "viewer"}


@pytest.mark.parametrize(
    ("grants", "says"),
    [({}, "needs a role"), ({"shop": "king"}, "is no role"), ({"My shop": "ops"}, "is no site name")],
)
def test_grants_that_cannot_be(empty: Backends, grants: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        people.invite(empty.documents, "ann", grants)
    assert empty.documents.list(people.CHOOSE) == []
    add_user(empty.documents, "ann", PASSWORD, "viewer")
    with pytest.raises(UsageError, match=says):
        people.change_grants(empty.documents, people.person(empty.documents, "ann"), grants)


def test_of_changes_that_race_one_wins_and_the_others_are_told(empty: Backends) -> None:
    """Whatever is done at the same time to the same person, one of it is done."""
    roles = list(ROLES)

    def acts(who: people.Person) -> list[Any]:
        documents = empty.documents
        changes = [lambda role=role: people.change_grants(documents, who, {"*": role}) for role in roles]
        others = (people.disable, people.reset, people.remove)
        return changes + [lambda act=act: act(documents, who) for act in others]

    for _ in range(examples(5, 100)):
        add_user(empty.documents, "ann", PASSWORD, "viewer")
        who = people.person(empty.documents, "ann")
        start = Barrier(len(acts(who)))

        def race(act: Any, start: Barrier = start) -> str:
            start.wait()
            try:
                act()
            except people.ChangedError as error:
                return str(error)
            return "done"

        with ThreadPoolExecutor(len(acts(who))) as pool:
            said = sorted(pool.map(race, acts(who)))
        told = "somebody else changed ann in the meantime; look, and try again"
        assert said == ["done", *[told] * (len(said) - 1)]
        for left in people.people(empty.documents):
            people.remove(empty.documents, left)


def test_of_those_who_race_for_a_link_one_wins(empty: Backends) -> None:
    for _ in range(examples(5, 100)):
        token = people.invite(empty.documents, "ann", {"*": "viewer"})
        passwords = [f"{number} {PASSWORD}" for number in range(4)]
        start = Barrier(5)

        def race(password: str, token: str = token, start: Barrier = start) -> str:
            start.wait()
            try:
                people.choose_password(empty.documents, token, password)
            except people.LinkError:
                return ""
            return password

        def change(start: Barrier = start) -> None:
            start.wait()
            with suppress(people.ChangedError):
                people.change_grants(empty.documents, people.person(empty.documents, "ann"), {"*": "ops"})

        with ThreadPoolExecutor(5) as pool:
            changing = pool.submit(change)
            (won,) = filter(None, pool.map(race, passwords))
            changing.result()
        assert check_password(empty.documents, "ann", won) is not None
        people.remove(empty.documents, people.person(empty.documents, "ann"))


def test_who_may_not_come_in_is_refused_as_slowly_as_a_wrong_password(
    empty: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("active", "disabled"):
        add_user(empty.documents, name, PASSWORD, "viewer")
    people.disable(empty.documents, people.person(empty.documents, "disabled"))
    people.invite(empty.documents, "invited", {"*": "viewer"})
    hasher, verified = users._HASHER, []

    class Counting:
        """The hasher, and how often it was asked."""

        def verify(self, kept: str, password: str) -> bool:
            verified.append(kept)
            return hasher.verify(kept, password)

    monkeypatch.setattr(users, "_HASHER", Counting())
    for name in ("disabled", "invited", "nobody"):
        assert check_password(empty.documents, name, PASSWORD) is None
    assert check_password(empty.documents, "active", "wrong") is None
    assert len(verified) == 4
    assert all(kept.startswith("$argon2id$") for kept in verified)


def test_a_session_of_who_is_disabled_is_none_whatever_else_is_kept(empty: Backends) -> None:
    user = add_user(empty.documents, "ann", PASSWORD, "viewer")
    found = empty.documents.get("user", "ann")
    assert found is not None
    assert load_user(empty.documents, user.session_id) is not None
    assert empty.documents.put("user", "ann", {**found.value, "disabled": True}, found.version)
    assert load_user(empty.documents, user.session_id) is None
