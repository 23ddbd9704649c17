"""docs/parity.md: it has every item of the dashboard we replace, and everything it names exists."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from data_access.metrics import METRICS
from data_access.questions import PERIOD_PARAMS, QUESTIONS
from data_access.sql import DIMENSIONS
from tests.contract.snowplow_differences import EXPLAINED

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    import_module(f"pages.{name}").PATH: name
    for name in ("overview", "traffic", "products", "funnels", "explore")
}
"""The pages' modules by their paths."""

ITEMS = [
    "Total events",
    "Unique clients",
    "Checkout rate",
    "Events over time",
    "Top 10 event types",
    "Events by login state",
    "Top 10 categories",
    "Top 10 brands",
    "Raw sample",
    "Product popularity",
    "Customer behaviour",
    "Sales funnels",
    "Traffic trends",
    "Searches",
]
"""What the R Shiny dashboard showed and what it announced, in the order of its tabs."""

Cells = list[str]


def parity() -> str:
    return (ROOT / "docs" / "parity.md").read_text("utf-8")


def rows_of(heading: str) -> list[Cells]:
    """The rows of all tables whose first column is called so, without their heads."""
    found: list[Cells] = []
    inside = False
    for line in parity().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and set(cells[0]) != {"-"}:
            found.append(cells)
    return found


def code(cell: str) -> list[str]:
    """What is set as code in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_item_of_the_dashboard_is_there() -> None:
    assert [row[0] for row in rows_of("item")] == ITEMS


@pytest.mark.parametrize("row", rows_of("item"), ids=lambda row: row[0])
def test_an_item_names_a_page_that_asks_the_question(row: Cells) -> None:
    (path,), (question,) = code(row[1]), code(row[2])
    assert question in QUESTIONS
    assert f'"{question}"' in (ROOT / "pages" / f"{PAGES[path]}.py").read_text("utf-8")


@pytest.mark.parametrize("row", rows_of("item"), ids=lambda row: row[0])
def test_a_definition_names_metrics_and_questions_that_exist(row: Cells) -> None:
    said = code(row[3])
    conditions = [text for text in said if re.search(r"[!=<>~]", text)]
    assert set(said) - set(conditions) <= METRICS.keys() | QUESTIONS.keys()
    assert said, "names no metric"


def test_the_filters_are_parameters_of_every_question_about_a_period() -> None:
    rows = rows_of("filter")
    assert [row[0] for row in rows] == ["Date range", "Login state"]
    named = {name for row in rows for name in code(row[1])}
    assert named <= {param.name for param in PERIOD_PARAMS} | DIMENSIONS.keys()


def test_every_explained_difference_is_summed_up() -> None:
    wanted = [
        [table, because.reason, str(len(because.rows))]
        for table, reasons in EXPLAINED.items()
        for because in reasons
    ]
    assert rows_of("table") == wanted


def test_every_reason_is_told_once() -> None:
    told = re.findall(r"^- \*(.+?)\*: ", parity(), re.MULTILINE)
    assert sorted(told) == sorted({because.reason for reasons in EXPLAINED.values() for because in reasons})


def test_every_data_set_that_is_tested_is_named() -> None:
    assert len(rows_of("data set")) == 5
    for name in ("retentioneering", "OTTO", "Apache", "web", "e-commerce"):
        assert any(name in row[0] for row in rows_of("data set"))
