"""Permissions, and the roles that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PUBLIC = "public"
VIEW = "view"
"""See numbers about visitors, never one visitor's rows."""
ROWS = "rows"
"""See single events, sessions and orders; what says who somebody is comes masked."""
PRIVACY = "privacy"
"""See who somebody is: ids and personal data as they were sent."""
EXPORT = "export"
FINDINGS = "findings"
"""See security findings."""
OPERATE = "operate"
"""Look after the system: count anew, replay what was refused, take in findings and work on them."""
MANAGE = "manage"
"""Look after a site: its origins and write keys."""
ADMIN = "admin"
"""Add sites, and decide who may do what."""
PERMISSIONS = frozenset({PUBLIC, VIEW, ROWS, PRIVACY, EXPORT, FINDINGS, OPERATE, MANAGE, ADMIN})
COMPANY = frozenset({FINDINGS, OPERATE, ADMIN})
"""Permissions that are about no site: who has a role on some sites only has none of them."""

ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({VIEW}),
    "analyst": frozenset({VIEW, ROWS, EXPORT}),
    "ops": frozenset({VIEW, ROWS, EXPORT, FINDINGS, OPERATE}),
    "admin": frozenset({VIEW, ROWS, EXPORT, FINDINGS, OPERATE, PRIVACY, MANAGE, ADMIN}),
}
"""What each role may do, the least first."""
EVERYWHERE = "*"
"""In place of a site: all sites, those to come as well."""


def grants_of(role: str, sites: Iterable[str] | None) -> dict[str, str]:
    """One role on some sites, or on all; none where there is no such role."""
    if role not in ROLES:
        return {}
    return {EVERYWHERE: role} if sites is None else dict.fromkeys(sites, role)
