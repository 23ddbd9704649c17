"""Roles by site: what somebody may do where."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from app.factory import create_app
from data_access import api_keys
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
from data_access.users import User, add_user, load_user
from tests.app.conftest import PASSWORD, sign_in
from tests.builders import embedded


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
