from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from typing import Any

import pytest

from tests.browser.visits import PAGES, visiting


def compared(metric: str) -> list[str]:
    """The columns of a table's first metric."""
    return [metric, f"{metric}_previous", f"{metric}_change [%]"]


QUERY = "?country=DE,FR&bots=in&compare=week"


ASKING = [path for path in PAGES if path not in {"/realtime", "/reconciliation", "/connect", "/admin"}]
"""The pages of questions; live counts have files without a manifest."""


@pytest.mark.parametrize("path", ASKING)
def test_every_card_of_a_page_has_its_rows_and_a_manifest_that_verifies(
    chromium: Any, base: str, signed_in: Any, path: str
) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open(path + QUERY)
        found = visit.page.locator("a.sg-csv:not(#findings-files a)").all()
        links = [link.get_attribute("href") for link in found]
        files = [link for link in links if link.startswith("/csv/")]
        assert files
        assert len(links) == 2 * len(files)
        for file, manifest in zip(links[::2], links[1::2], strict=True):
            content = visit.text(file)
            about = json.loads(visit.text(manifest))
            assert about["sha256"] == sha256(content.encode()).hexdigest()
            assert about["bytes"] == len(content.encode())
            rows = list(csv.reader(io.StringIO(content, newline="")))
            assert about["rows"] == len(rows) - 1
            assert [column["header"] for column in about["columns"]] == rows[0]
            assert about["link"].startswith(f"{base}{path}?")


@pytest.mark.parametrize(
    ("path", "card", "columns"),
    [
        ("/", "overview-top", ["value", *compared("events"), "share [0 to 1]", "visitors"]),
        ("/traffic", "traffic-pages", ["value", *compared("visitors"), "page_views", "bounce_rate [%]"]),
        ("/traffic", "traffic-technology", ["value", *compared("visitors"), "sessions", "bounce_rate [%]"]),
        (
            "/products",
            "products-searches",
            ["search_term", *compared("searches"), "visitors", "sessions", "followed", "followed_share [%]"],
        ),
    ],
)
def test_a_csv_equals_its_table_row_for_row(
    chromium: Any, base: str, signed_in: Any, path: str, card: str, columns: list[str]
) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open(path + QUERY)
        shown = visit.table(card)[1:]
        link = visit.page.locator(f"#{card} a.sg-csv").first.get_attribute("href")
        rows = list(csv.DictReader(io.StringIO(visit.text(link), newline="")))
        assert len(shown) >= 3
        assert [[written(name, row[name]) for name in columns] for row in rows] == [
            [read(cell) for cell in cells] for cells in shown
        ]


def read(cell: str) -> str:
    """A cell as its number, or as its text."""
    text = cell.replace("\u202f", " ").replace("Up", "").replace("Down", "").strip()
    return text.replace(",", "").removesuffix("%").strip().replace("−", "-").lstrip("+")


def written(name: str, cell: str) -> str:
    """A cell of the file as the table writes it."""
    if name.endswith("_change [%]"):
        if cell == "":
            return "new"
        return "±0" if abs(float(cell)) < 0.05 else f"{float(cell):.1f}"
    if name == "share [0 to 1]":
        return f"{100 * float(cell):.1f}"
    if name.endswith("[%]"):
        return f"{float(cell):.1f}" if cell else "–"
    return cell.removeprefix("'").replace(",", "")


def test_the_link_of_a_manifest_reopens_the_view(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic?entry_channel=Email&pages=exit_page")
        shown = visit.table("traffic-pages")
        manifest = visit.page.locator("#traffic-pages a.sg-csv").nth(1).get_attribute("href")
        link = json.loads(visit.text(manifest))["link"]
    with visiting(chromium, base, signed_in) as visit:
        visit.open(link.removeprefix(base))
        assert visit.table("traffic-pages") == shown
        assert visit.page.get_by_role("radio", name="Exit pages").is_checked()


def test_where_numbers_come_from_can_be_opened(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/products")
        trust = visit.page.locator("#products-table .sg-trust")
        trust.locator("summary").click()
        facts = dict(
            zip(trust.locator("dt").all_inner_texts(), trust.locator("dd").all_inner_texts(), strict=True)
        )
        assert facts["Data complete to"].endswith("Europe/Berlin")
        assert facts["Duplicates"].startswith("0.00")
        assert facts["Answered by"].startswith("DuckDB")
        assert facts["Rows"].endswith("all there are")
        assert facts["Data version"]
