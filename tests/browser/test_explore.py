from __future__ import annotations

from typing import Any

from tests.browser.visits import visiting


def test_paging_older_and_newer_comes_back_to_the_same_rows(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/explore?limit=50")
        page, spans = visit.page, []
        for button in ("Older", "Older", "Newer", "Newer"):
            spans.append(page.inner_text("#explore-span"))
            page.get_by_role("button", name=button).click()
            visit.settle()
        assert spans[3] == spans[1]
        assert page.inner_text("#explore-span") == spans[0]
        assert page.locator("#explore-newer").is_disabled()
        assert visit.problems == []


def test_a_change_of_filters_starts_at_the_newest_page(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/explore?limit=50")
        visit.page.get_by_role("button", name="Older").click()
        visit.settle()
        assert "before=" in visit.query
        visit.page.locator("#filters-open").click()
        visit.page.get_by_text("With bots", exact=True).click()
        visit.settle()
        assert visit.query == "?limit=50&bots=in"


def test_an_event_opens_with_its_session_and_a_link_to_it_reopens(
    chromium: Any, base: str, signed_in: Any
) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/explore?event_name=add_to_cart_click")
        visit.page.locator(".ag-row[row-index='1'] .ag-cell").nth(1).click()
        visit.page.wait_for_selector(".sg-timeline .sg-current")
        text = visit.page.inner_text("#explore-fields")
        assert '"stock": {' in text
        assert "event=" in visit.query
        link = visit.page.url
        visit.page.keyboard.press("Escape")
        visit.settle()
        assert "event=" not in visit.query
    with visiting(chromium, base, signed_in) as visit:
        visit.open(link.removeprefix(base))
        visit.page.wait_for_selector(".sg-timeline .sg-current")
        assert visit.page.inner_text("#explore-fields") == text
        visit.page.get_by_role("link", name="Only events with Product ", exact=False).last.click()
        visit.settle()
        assert "product_name=" in visit.query
        assert "event=" not in visit.query


def test_columns_can_be_chosen_and_stay(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/explore")
        visit.page.get_by_role("button", name="Columns").click()
        visit.page.get_by_label("Page", exact=True).click()
        visit.page.get_by_label("Brand", exact=True).click()
        visit.settle()
        assert columns(visit)[:4] == ["Time", "Event", "Product", "Brand"]
        visit.open("/explore")
        visit.settle()
        assert columns(visit)[:4] == ["Time", "Event", "Product", "Brand"]


def columns(visit: Any) -> list[str]:
    """Headings from left to right; the grid keeps its elements in another order."""
    found: list[str] = visit.page.evaluate(
        """() => [...document.querySelectorAll('.ag-header-cell')]
        .sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)
        .map(cell => cell.innerText.trim())"""
    )
    return found
