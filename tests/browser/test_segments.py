from __future__ import annotations

from typing import Any

from data_access.backends import Backends
from data_access.model import Scope
from tests.browser.conftest import PASSWORD
from tests.browser.visits import visiting


def visitors(visit: Any) -> str:
    """The first figure of Traffic."""
    found: str = visit.page.locator("#traffic-kpis .sg-kpi-value").first.inner_text()
    return found


def values(page: Any, number: int) -> Any:
    """The field for a condition's values."""
    return page.locator(f"input[aria-label='Group 1, condition {number}: values']")


def build(visit: Any) -> None:
    """Conditions made by keyboard: country is one of two, and the page's path does not contain one text."""
    page = visit.page
    page.locator("#filters-open").click()
    page.locator("#conditions-open").click()
    page.get_by_label("Group 1, condition 1: field").fill("Country")
    page.keyboard.press("Enter")
    visit.settle()
    values(page, 1).fill("DE")
    page.keyboard.press("Enter")
    values(page, 1).fill("FR")
    page.keyboard.press("Enter")
    visit.settle()
    page.get_by_label("Add a condition to group 1").click()
    visit.settle()
    page.keyboard.type("Page")
    page.keyboard.press("Tab")
    visit.settle()
    page.get_by_label("Group 1, condition 2: comparison").click()
    page.get_by_role("option", name="does not contain").click()
    values(page, 2).fill("/checkout")
    page.keyboard.press("Enter")
    visit.settle()
    assert page.get_by_label("The same as text").input_value() == "country=DE,FR;page_path!~/checkout"
    page.get_by_role("button", name="Apply", exact=True).click()
    visit.settle()


def test_a_segment_is_saved_and_used_on_another_page_and_by_the_command_line(
    chromium: Any, base: str, signed_in: Any, backends: Backends
) -> None:
    everyone = Scope("tester")
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        page = visit.page
        build(visit)
        assert visit.query == "?where=country=DE,FR;page_path!~/checkout"
        row = backends.asking.ask("traffic.kpis", {"where": visit.query[7:]}, everyone).rows[0]
        expected = f"{row['visitors']:,}"
        assert visitors(visit) == expected
        page.locator("#segments-open").click()
        page.locator(".sg-segment-save summary").click()
        page.get_by_label("Name").fill("Near, not buying")
        page.get_by_text("Everyone", exact=True).click()
        page.get_by_role("button", name="Save", exact=True).click()
        visit.settle()
        assert visit.query == "?segment=near-not-buying"
        assert visitors(visit) == expected
        assert "Near, not buying" in page.inner_text("#filters-shown")

        page.get_by_role("link", name="Products", exact=True).click()
        page.wait_for_selector("#products-kpis .sg-kpi-value")
        visit.settle()
        assert visit.query == "?segment=near-not-buying"
        row = backends.asking.ask("products.kpis", {"segment": "near-not-buying"}, everyone).rows[0]
        shown = page.locator("#products-kpis .sg-kpi-value").first.inner_text()
        assert shown == f"{row['product_views']:,}"
        assert visit.problems == []

    # Somebody else finds it in the menu, and leaves it out.
    with visiting(chromium, base) as visit:
        sign_in(visit, "vera")
        visit.open("/traffic")
        whole = int(visitors(visit).replace(",", ""))
        page = visit.page
        page.locator("#segments-open").click()
        page.get_by_role("link", name="Exclude Near, not buying").click()
        visit.settle()
        assert visit.query == "?segment=!near-not-buying"
        assert "not Near, not buying" in page.inner_text("#filters-shown")
        assert 0 < int(visitors(visit).replace(",", "")) < whole
        page.locator("#segments-open").click()
        visit.settle()
        assert page.get_by_label("Delete Near, not buying").count() == 0


def sign_in(visit: Any, name: str) -> None:
    visit.page.goto(f"{visit.base}/sign-in")
    visit.page.get_by_label("Name").fill(name)
    visit.page.get_by_label("Password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.wait_for_selector("h1:has-text('Overview')")


def test_a_personal_segment_is_listed_for_its_owner_and_works_for_whoever_has_the_link(
    chromium: Any, base: str, signed_in: Any
) -> None:
    with visiting(chromium, base) as visit:
        sign_in(visit, "vera")
        visit.open("/traffic?device=mobile")
        page = visit.page
        expected = visitors(visit)
        page.locator("#segments-open").click()
        page.locator(".sg-segment-save summary").click()
        page.get_by_label("Name").fill("Phones")
        page.keyboard.press("Enter")
        visit.settle()
        assert visit.query == "?segment=vera:phones"
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic?segment=vera:phones")
        assert visitors(visit) == expected
        visit.page.locator("#segments-open").click()
        visit.settle()
        assert "Phones" not in visit.page.inner_text("#segments-list")
    with visiting(chromium, base) as visit:
        sign_in(visit, "vera")
        visit.open("/traffic?segment=vera:phones")
        page = visit.page
        page.locator("#segments-open").click()
        page.get_by_label("Delete Phones").click()
        page.get_by_label("Delete Phones for good").click()
        visit.settle()
        assert visit.query == ""
        assert visitors(visit) != expected


def test_wrong_conditions_are_not_applied(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        page = visit.page
        page.locator("#filters-open").click()
        page.locator("#conditions-open").click()
        page.get_by_label("The same as text").fill("country=DE;colour=red")
        page.keyboard.press("Tab")
        page.get_by_role("alert").filter(has_text="colour").wait_for()
        page.get_by_role("button", name="Apply", exact=True).click()
        assert page.get_by_role("dialog", name="Conditions").is_visible()
        page.get_by_label("The same as text").fill("country=DE")
        page.keyboard.press("Tab")
        visit.settle()
        page.get_by_role("button", name="Apply", exact=True).click()
        visit.settle()
        assert visit.query == "?where=country=DE"
