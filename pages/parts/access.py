"""Permissions: every route, page and callback declares one, and whose question it is.

``app.security`` refuses to start when a declaration is missing and checks it on every request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import g

from data_access.audit import Who
from data_access.model import Scope
from data_access.roles import PERMISSIONS, PUBLIC, VIEW

F = TypeVar("F", bound=Callable[..., Any])


def allow(permission: str) -> Callable[[F], F]:
    """Declare the permission a route or callback function needs."""
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} is no permission; it takes {', '.join(sorted(PERMISSIONS))}")

    def mark(function: F) -> F:
        function.permission = permission  # type: ignore[attr-defined]
        return function

    return mark


def permission_of(function: Any) -> str | None:
    """The permission a function declares, also through ``functools.wraps``."""
    found = getattr(function, "permission", None)
    return found if found in PERMISSIONS else None


def scope(permission: str = VIEW) -> Scope:
    """Who made the current request, and about which sites they may ask with a permission."""
    found: Scope = g.user.scope(permission)  # set by app.auth
    return found


def who(permission: str = VIEW) -> Who:
    """Who made the current request, as the audit log notes them."""
    return Who(g.user.name, g.user.role, g.user.sites_with(permission))


def may(permission: str, site: str = "") -> bool:
    """Whether whoever made the current request holds a permission: on a site, or on any at all."""
    if permission == PUBLIC:
        return True
    if permission not in g.get("permissions", frozenset()):
        return False
    sites = g.user.sites_with(permission) if site else None
    return sites is None or site in sites
