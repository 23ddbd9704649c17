from __future__ import annotations

from typing import Any

from tests.browser.visits import visiting

SHOP = "product_view,add_to_cart_click,checkout_start,checkout_complete"


def test_the_builder_works_by_keyboard_alone(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/funnels")
        page = visit.page
        page.get_by_label("Move Step 3 up").focus()
        page.keyboard.press("Enter")
        visit.settle()
        assert visit.query == "?steps=product_view,checkout_start,add_to_cart_click,checkout_complete"
        assert focused(page) == "Move Step 2 up"
        page.get_by_label("Remove Step 2").focus()
        page.keyboard.press("Space")
        visit.settle()
        assert visit.query == "?steps=product_view,add_to_cart_click,checkout_complete"
        page.get_by_label("Add a condition to Step 1").focus()
        page.keyboard.press("Enter")
        visit.settle()
        assert focused(page) == "Step 1, condition 1: property"
        page.keyboard.type("properties.size")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("M, or L]")
        page.keyboard.press("Tab")
        page.wait_for_url("**L*add_to_cart_click*")
        assert visit.query.startswith("?steps=product_view[properties.size=M\\, or L\\]],add_to_cart_click")
        page.get_by_role("button", name="Add step").focus()
        page.keyboard.press("Enter")
        visit.settle()
        assert focused(page) == "Step 4"
        page.keyboard.type("sear")
        page.keyboard.press("Enter")
        visit.settle()
        assert visit.query.endswith(",checkout_complete,search")
        assert visit.problems == []


def focused(page: Any) -> str:
    found: str = page.evaluate("document.activeElement.getAttribute('aria-label')")
    return found


def test_options_live_in_the_url(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/funnels")
        page = visit.page
        page.get_by_text("Sessions", exact=True).click()
        page.get_by_text("Strict", exact=True).click()
        page.get_by_role("button", name="Custom").click()
        page.get_by_label("Number").fill("45")
        page.locator("#window-unit").click()
        page.get_by_role("option", name="minutes").click()
        page.get_by_role("button", name="Use this window").click()
        visit.settle()
        assert set(visit.query[1:].split("&")) == {"unit=session", "order=strict", "window=45m"}
        assert "no other event" in page.inner_text("#funnel-order-help")
        assert "sessions, within 45 minutes" in page.inner_text(".sg-funnel-summary")
        link = page.url
    with visiting(chromium, base, signed_in) as visit:
        visit.open(link.removeprefix(base))
        assert visit.page.locator("input[value='45 minutes']").count() == 1
        assert "sessions, within 45 minutes" in visit.page.inner_text(".sg-funnel-summary")


def test_the_steps_of_a_link_are_shown_and_come_back(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open(f"/funnels?steps=search[search_term~shoes;properties.x!=1],{SHOP}&breakdown=device")
        inputs = [field.input_value() for field in visit.page.locator("input[id*=step-]:visible").all()]
        assert inputs[:7] == ["search", "search_term", "contains", "shoes", "properties.x", "is not", "1"]
        assert visit.page.locator(".sg-funnel-step").count() == 5
        assert visit.page.locator("#funnel-breakdown tbody tr").count() >= 3
        visit.page.get_by_label("Remove Step 5").click()
        visit.settle()
        assert visit.page.locator(".sg-funnel-step").count() == 4
        visit.page.go_back()
        visit.settle()
        assert visit.page.locator(".sg-step").count() == 5
        assert visit.page.locator(".sg-funnel-step").count() == 5
