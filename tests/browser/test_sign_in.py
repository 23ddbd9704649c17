from __future__ import annotations

from typing import Any

from app.auth import make_sign_in_link
from data_access.backends import Backends
from tests.browser.conftest import PASSWORD
from tests.browser.visits import visiting


def test_the_link_signs_in_with_one_click_and_only_once(chromium: Any, base: str, backends: Backends) -> None:
    link = make_sign_in_link(backends)
    with visiting(chromium, base) as visit:
        visit.page.goto(link)
        visit.page.wait_for_selector(".sg-kpi")
        assert "Demo data" in visit.page.inner_text("header")
        assert "local admin" in visit.page.inner_text("header")
        assert visit.problems == []
    with visiting(chromium, base) as visit:
        visit.page.goto(link)
        assert "no longer works" in visit.page.inner_text("h1")


def test_a_password_leads_back_to_the_page_asked_for(chromium: Any, base: str) -> None:
    with visiting(chromium, base) as visit:
        visit.page.goto(f"{base}/funnels?unit=session")
        visit.page.get_by_label("User name").fill("vera")
        visit.page.get_by_label("Password").fill("wrong")
        visit.page.keyboard.press("Enter")
        assert "do not belong together" in visit.page.inner_text("[role=alert]")
        visit.page.get_by_label("Password").fill(PASSWORD)
        visit.page.get_by_role("button", name="Sign in").click()
        visit.page.wait_for_selector(".sg-funnel-summary")
        assert visit.query == "?unit=session"
        visit.page.get_by_label("Signed in as vera").click()
        visit.page.get_by_role("button", name="Sign out").click()
        visit.page.wait_for_url("**/sign-in")


def test_a_session_that_ends_leads_to_the_sign_in_and_back(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/")
        visit.page.context.clear_cookies()
        visit.page.get_by_text("Week", exact=True).click()
        visit.page.wait_for_url("**/sign-in?next=*")
        assert "interval" in visit.query
