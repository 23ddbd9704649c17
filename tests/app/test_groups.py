from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.groups import grants, user_of
from data_access.roles import EVERYWHERE, EXPORT, ROLES, VIEW

RANKS = list(ROLES)
SITES = st.sampled_from(["shop", "blog", EVERYWHERE, "a:b", "admin", "x,y", "", " "]) | st.text(max_size=5)
NAMES = st.sampled_from([*ROLES, "root", "Admin", ""])
OTHERS = ["admin", "site:", "site:shop", "viewer", "Admin", "site:shop:admin:", "site:shop:viewer\n"]
GROUPS = st.lists(
    st.builds("site:{}:{}".format, SITES, NAMES) | st.sampled_from(OTHERS) | st.text(max_size=12)
)


@given(GROUPS, SITES)
def test_a_site_has_the_highest_role_that_is_granted_and_no_other(groups: list[str], site: str) -> None:
    found = grants(groups)
    if not site or "," in site:
        assert site not in found
        return
    named = {f"site:{name}:{role}": role for name in (site, EVERYWHERE) for role in ROLES} | {
        "admin": "admin"
    }
    granted = [named[group] for group in groups if group in named]
    held = [found[name] for name in (site, EVERYWHERE) if name in found]
    assert max(held, key=RANKS.index, default="") == max(granted, key=RANKS.index, default="")


@given(GROUPS)
def test_grants_do_not_depend_on_order_or_repetition_and_are_all_roles(groups: list[str]) -> None:
    found = grants(groups)
    assert found == grants(reversed(groups)) == grants(groups * 2)
    assert set(found.values()) <= set(ROLES)
    assert "" not in found


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (["site:shop:viewer", "site:shop:ops", "site:blog:analyst"], {"shop": "ops", "blog": "analyst"}),
        (["admin"], {"*": "admin"}),
        (["site:*:admin"], {"*": "admin"}),
        (["site:*:viewer", "site:shop:viewer", "site:blog:ops"], {"*": "viewer", "blog": "ops"}),
        (
            ["eu-central-1_Ab3dEfGh1_Google", "Admin", "site:shop:owner", "site:a,b:viewer", "site::viewer"],
            {},
        ),
        ([], {}),
    ],
)
def test_groups_grant_roles_on_sites(groups: list[str], found: dict[str, str]) -> None:
    assert grants(groups) == found


def test_a_user_may_what_the_groups_grant() -> None:
    user = user_of("anna", ["site:shop:analyst", "site:blog:viewer"])
    assert (user.name, user.sites, user.sites_with(EXPORT)) == ("anna", {"shop", "blog"}, {"shop"})
    assert user_of("root", ["admin"]).sites is None
    nobody = user_of("nobody", ["site:shop:owner"])
    assert nobody.permissions == frozenset()
    assert nobody.sites_with(VIEW) == frozenset()
