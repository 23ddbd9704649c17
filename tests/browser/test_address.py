from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.browser.visits import visiting


def test_filters_live_in_the_url_and_a_copied_link_shows_the_same(
    chromium: Any, base: str, signed_in: Any
) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/")
        visit.page.locator("#filters-open").click()
        visit.page.locator("input[id*=country]").first.fill("FR")
        visit.page.get_by_role("option", name="FR").click()
        visit.page.get_by_text("Filters", exact=True).click()
        visit.page.locator("#filters-open").click()
        visit.page.get_by_text("With bots", exact=True).click()
        visit.page.keyboard.press("Escape")
        visit.page.get_by_text("Week", exact=True).click()
        visit.settle()
        assert visit.query == "?country=FR&bots=in&interval=week"
        shown = visit.page.inner_text(".sg-kpis")
        link = visit.page.url
    with visiting(chromium, base, signed_in) as visit:
        visit.open(link.removeprefix(base))
        assert visit.page.inner_text(".sg-kpis") == shown
        assert "Country: FR" in visit.page.inner_text("#filters-shown")
        assert visit.page.get_by_role("radio", name="Week").is_checked()
        assert visit.problems == []


def test_back_and_forward_restore_controls_and_answers(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/")
        start = visit.page.inner_text(".sg-kpis")
        visit.page.locator(".sg-ranked-name").first.click()
        visit.settle()
        narrowed = visit.page.inner_text(".sg-kpis")
        assert visit.query.startswith("?event_name=")
        assert narrowed != start
        visit.page.go_back()
        visit.settle()
        assert (visit.query, visit.page.inner_text(".sg-kpis")) == ("", start)
        visit.page.go_forward()
        visit.settle()
        assert visit.page.inner_text(".sg-kpis") == narrowed


def test_a_preset_fills_in_the_days_and_pages_share_them(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/?metric=sessions")
        visit.page.locator(".sg-period").click()
        visit.page.get_by_role("button", name="Last 7 days").click()
        visit.settle()
        query = visit.query
        assert "from=" in query
        first, last = (query.partition(f"{key}=")[2][:10] for key in ("from", "to"))
        assert date.fromisoformat(last) - date.fromisoformat(first) == timedelta(days=6)
        assert "Europe/Berlin" in visit.page.inner_text("#filters-shown")
        visit.page.get_by_role("link", name="Funnels").click()
        visit.page.wait_for_selector(".sg-funnel-summary")
        assert visit.query == f"?from={first}&to={last}"


def test_a_chip_removes_its_filter(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/?country=DE,FR&page_path=/search")
        chips = visit.page.locator(".sg-chip")
        assert chips.count() == 3
        visit.page.get_by_role("link", name="Remove filter Country: DE").click()
        visit.settle()
        assert visit.query == "?country=FR&page_path=/search"
        visit.page.get_by_role("link", name="Remove filter Page: /search").click()
        visit.settle()
        assert visit.query == "?country=FR"


def test_no_events_says_what_to_try(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.page.goto(f"{base}/?from=2001-01-01&to=2001-01-02&country=DE")
        visit.page.wait_for_selector(".sg-state")
        visit.settle()
        text = visit.page.inner_text("#overview-series")
        assert "No events in 1 Jan – 2 Jan 2001" in text
        visit.page.locator("#overview-series").get_by_role("link", name="Show the latest 30 days").click()
        visit.page.wait_for_selector("#overview-series .js-plotly-plot")
        assert visit.query == "?country=DE"


def test_a_wrong_parameter_is_explained_in_place(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.page.goto(f"{base}/?interval=decade")
        visit.page.wait_for_selector("#overview-series [role=alert]")
        assert "decade" in visit.page.inner_text("#overview-series")
        assert visit.page.locator(".sg-kpi").count() == 6
