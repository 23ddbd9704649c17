from __future__ import annotations

from typing import Any

from tests.browser.visits import visiting


def test_a_row_filters_the_page_and_chosen_again_no_more(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        page = visit.page
        whole = page.inner_text(".sg-kpis")
        row = visit.table("traffic-technology")[1]
        page.locator("#traffic-technology tbody tr").first.locator("td").last.click()  # anywhere in the row
        visit.settle()
        assert visit.query == f"?device={row[0]}"
        assert page.locator(".sg-kpi-value").first.inner_text() == row[1]
        assert f"Device: {row[0]}" in page.inner_text("#filters-shown")
        assert [cells[0].split("\n")[0] for cells in visit.table("traffic-technology")[1:]] == [row[0]]
        page.locator("#traffic-technology a.sg-ranked-chosen").focus()
        page.keyboard.press("Enter")
        visit.settle()
        assert (visit.query, page.inner_text(".sg-kpis")) == ("", whole)
        assert visit.problems == []


def test_a_channel_leads_to_its_referrers(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        channel = visit.table("traffic-sources")[1][0]
        visit.page.locator("#traffic-sources tbody a").first.click()
        visit.settle()
        assert visit.query == f"?entry_channel={channel}&sources=entry_referrer"
        assert visit.table("traffic-sources")[0][0] == "Referrer"
        assert visit.page.get_by_role("radio", name="Referrer").is_checked()


def test_a_country_of_the_map_filters_the_page(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        names = {row[0]: row[1] for row in visit.table("traffic-countries")[1:]}
        visit.page.locator("#traffic-countries path[data-code=DE]").click()
        visit.settle()
        assert visit.query == "?country=DE"
        assert visit.page.locator(".sg-kpi-value").first.inner_text() == names["Germany"]


def test_a_long_table_opens_and_says_how_many(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        page = visit.page
        assert len(visit.table("traffic-countries")) == 13
        assert len(visit.table("traffic-pages")) == 11
        more = page.locator("#traffic-pages").get_by_role("link", name="Show more")
        more.scroll_into_view_if_needed()
        top = page.evaluate("scrollY")
        more.click()
        visit.settle()
        rows = visit.table("traffic-pages")
        assert visit.query == "?more=traffic-pages"
        assert f"All {len(rows) - 1} rows." in page.inner_text("#traffic-pages")
        assert page.evaluate("scrollY") == top
        assert len(rows) > 11
        page.locator("#traffic-pages").get_by_role("link", name="Show fewer").click()
        visit.settle()
        assert len(visit.table("traffic-pages")) == 11


def test_the_hours_of_the_week_begin_as_the_site_does(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic?week=events")
        rows = visit.table("traffic-week")
        assert [row[0] for row in rows[1:]][::6] == ["Monday", "Sunday"]
        assert [len(row) for row in rows[1:]] == [25] * 7
        total = sum(int(cell.replace(",", "") or 0) for row in rows[1:] for cell in row[1:])
        visit.open("/?metric=events")
        assert int(visit.page.locator(".sg-kpi-value").first.inner_text().replace(",", "")) == total
