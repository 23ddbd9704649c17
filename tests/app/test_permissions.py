"""docs/permissions.md says what pages, routes and callbacks declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import permissions
from app.factory import PAGES
from data_access.roles import PERMISSIONS, ROLES

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"


@pytest.fixture(scope="module")
def said(app: Any) -> str:
    return permissions.tables(app, PAGES)


def test_the_document_is_as_the_code(said: str) -> None:
    found = DOCUMENT.read_text()
    assert found[found.index("## Pages") :] == said, "python -m app permissions prints it anew"


def test_every_page_and_every_address_is_there(app: Any, said: str) -> None:
    assert all(f"| {page.NAME} `{page.PATH}` |" in said for page in PAGES)
    rules = {rule.rule for rule in app.server.url_map.iter_rules() if not rule.rule.startswith("/_")}
    assert {"/csv/<question>", "/v1/query", "/sign-in"} < rules
    assert [rule for rule in rules - {"/", "/<path:path>"} if f" `{rule}` |" not in said] == [
        "/assets/<path:filename>"
    ]


def test_marks_stand_under_the_roles_that_may(said: str) -> None:
    lines = {line.split(" | ")[0]: line for line in said.splitlines()}
    assert lines["| Findings `/findings`"].endswith("| findings, on all sites |  |  |  | ✓ | ✓ |")
    assert lines["| GET `/healthz`"].count("✓") == 1 + len(ROLES)
    assert lines["| GET `/csv/<question>`"].endswith("| export |  |  | ✓ | ✓ | ✓ |")
    assert "- **manage** (admin): " in said


def test_every_permission_but_one_is_a_role_s() -> None:
    assert frozenset().union(*ROLES.values()) | {"public"} == PERMISSIONS
