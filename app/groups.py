"""What groups of a user pool grant: a role on a site, or on all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from data_access.roles import EVERYWHERE, ROLES
from data_access.users import User

ADMINS = "admin"
"""The group of admins of every site."""
# A comma ends a site's name wherever sites are listed.
_GROUP = re.compile(rf"site:([^,]+):({'|'.join(ROLES)})")
_RANKS = {role: rank for rank, role in enumerate(ROLES)}


def grants(groups: Iterable[str]) -> Mapping[str, str]:
    """The role by site, EVERYWHERE for all sites, from groups ``site:<site>:<role>`` and ``admin``.

    The highest role wins. A site on which EVERYWHERE grants as much is left out; other groups are ignored.
    """
    found: dict[str, str] = {}
    for site, role in filter(None, map(_grant, groups)):
        found[site] = max(role, found.get(site, role), key=_RANKS.__getitem__)
    everywhere = _RANKS.get(found.get(EVERYWHERE, ""), -1)
    return {site: role for site, role in found.items() if site == EVERYWHERE or _RANKS[role] > everywhere}


def _grant(group: str) -> tuple[str, str] | None:
    if group == ADMINS:
        return EVERYWHERE, "admin"
    match = _GROUP.fullmatch(group)
    return (match[1], match[2]) if match else None


def user_of(name: str, groups: Iterable[str]) -> User:
    """The user with what some groups grant. Without any that grants something they may do nothing."""
    return User(name, grants(groups))
