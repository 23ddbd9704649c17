"""The workflows for GitHub: pinned, without secrets, and of targets that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(
    re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text() + (ROOT / "infra/infra.mk").read_text(), re.M)
)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_no_secret_is_needed(path: Path) -> None:
    text = path.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
    assert "secrets." not in text
    assert "\npermissions:\n  contents: read\n" in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_they_run_is_there(path: Path) -> None:
    text = path.read_text()
    made = set(re.findall(r"\bmake ([a-z-]+)", text)) - {"python"}
    assert made <= TARGETS, made - TARGETS
    for script in re.findall(r"run: (\S+\.sh)", text):
        assert (ROOT / script).stat().st_mode & 0o111, script
