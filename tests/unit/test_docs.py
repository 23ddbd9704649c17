"""The docs name every setting, question and page: what is not in them does not exist for a reader."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from data_access.metrics import METRICS
from data_access.questions import COMPARE, PERIOD_PARAMS, QUESTIONS
from data_access.settings import PREFIX, all_settings
from data_access.sql import ALL_DIMENSIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def table_rows(markdown: str) -> dict[str, list[str]]:
    """The rows of all tables by their first cell, without backticks; a row is its cells."""
    rows = [line.strip().strip("|").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return {row[0].strip("`"): row for row in cells}


def section(markdown: str, heading: str) -> str:
    """What stands under a ``## `heading` `` up to the next one; empty when there is none."""
    found = re.search(rf"^## `{re.escape(heading)}`\n(.*?)(?=^## |\Z)", markdown, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def shown(default: object) -> str:
    """A default as the docs write it."""
    if default == "":
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("setting", all_settings(), ids=lambda s: s.name)
def test_every_setting_is_documented_with_its_default_and_help(setting: Any) -> None:
    row = table_rows(text("settings.md")).get(PREFIX + setting.name.upper())
    assert row is not None, "not in docs/settings.md"
    assert row[1] == shown(setting.default)
    assert row[2] == setting.metadata["help"]


def test_no_setting_is_documented_that_does_not_exist() -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z][A-Z_]*[A-Z])", text("settings.md")))
    assert named <= {setting.name.upper() for setting in all_settings()}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_documented_with_its_parameters(name: str) -> None:
    found = section(text("questions.md"), name)
    assert found, "has no section in docs/questions.md"
    rows = table_rows(found)
    for param in QUESTIONS[name].params:
        assert param.name in rows, f"{name} does not document {param.name}"
        assert rows[param.name][1] == shown(param.default)
        assert rows[param.name][2]


def test_no_question_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^## `([^`]+)`", text("questions.md"), re.MULTILINE)) == set(QUESTIONS)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_documented_as_it_is_defined(name: str) -> None:
    metric, row = METRICS[name], table_rows(text("metrics.md")).get(name)
    assert row is not None, "not in docs/metrics.md"
    unit = metric.unit.format(currency="the site's currency")
    assert row[1:5] == [metric.label, unit, metric.help, metric.formula]
    assert row[5].strip("`") == metric.source


def test_no_metric_is_documented_that_does_not_exist() -> None:
    assert set(table_rows(text("metrics.md"))) - {"metric", "---"} == set(METRICS)


@pytest.mark.parametrize("name", [*(param.name for param in PERIOD_PARAMS), COMPARE.name, *ALL_DIMENSIONS])
def test_every_filter_is_documented(name: str) -> None:
    assert f"`{name}`" in text("questions.md")


def constants(path: Path) -> dict[str, Any]:
    """The literal constants at the top of a module, without importing it."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    return found


PAGES = {path.stem: constants(path) for path in sorted((ROOT / "pages").glob("*.py"))}


@pytest.mark.parametrize("page", [name for name, found in PAGES.items() if "PATH" in found])
def test_every_page_is_mentioned(page: str) -> None:
    docs = "\n".join(path.read_text("utf-8") for path in [*DOCS.rglob("*.md"), ROOT / "README.md"])
    assert PAGES[page]["NAME"] in docs
    assert f"`{PAGES[page]['PATH']}`" in docs


def test_links_between_the_docs_lead_somewhere() -> None:
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
