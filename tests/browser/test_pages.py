from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from data_access import people
from data_access.backends import Backends
from tests.browser.visits import PAGES, PHONE, WIDE, first_visiting, visiting

MOST_BYTES = 1_800_000


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_clean_and_light(chromium: Any, base: str, signed_in: Any, path: str) -> None:
    with first_visiting(chromium, base, signed_in) as visit:
        session = visit.page.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        visit.open(path)
        assert visit.problems == []
        assert 100_000 < sum(sizes) <= MOST_BYTES
        print(f"{path}: {sum(sizes) / 1000:,.0f} kB in {len(sizes)} requests")


def test_the_grid_is_loaded_only_where_it_is_used(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        seen: list[str] = []
        visit.page.on("request", lambda request: seen.append(request.url))
        visit.open("/")
        assert not [url for url in seen if "ag_grid" in url]
        assert not [url for url in seen if "/plotly/" in url]
        visit.page.get_by_role("link", name="Explore").click()
        visit.page.wait_for_selector(".ag-row")
        assert [url for url in seen if "ag_grid" in url]


@pytest.mark.parametrize("path", [*PAGES, "/no-such-page", "/funnels?breakdown=device"])
def test_axe_finds_nothing(chromium: Any, base: str, signed_in: Any, path: str) -> None:
    with visiting(chromium, base, signed_in, viewport=PHONE) as visit:
        visit.open(path)
        for size in (PHONE, WIDE):
            visit.resize(size)
            assert visit.faults() == [], size


def test_axe_finds_nothing_in_what_opens(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/explore")
        visit.page.locator("#filters-open").click()
        visit.still()
        assert visit.faults() == []
        visit.page.keyboard.press("Escape")
        visit.page.locator(".ag-row").nth(1).locator(".ag-cell").nth(1).click()
        visit.page.wait_for_selector(".sg-timeline")
        visit.still()
        assert visit.faults() == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_in_the_filter_bar(
    chromium: Any, base: str, signed_in: Any, size: dict[str, int]
) -> None:
    with visiting(chromium, base, signed_in, viewport=size) as visit:
        visit.open("/traffic?where=country=DE,AT;!(page_path~/help|properties.size=M)&compare=year")
        page = visit.page
        page.locator("#filters-open").click()
        page.locator("#conditions-open").click()
        page.get_by_role("dialog", name="Conditions").wait_for()
        visit.settle()
        visit.still()
        assert visit.faults() == []
        page.get_by_label("Close without applying").click()
        page.get_by_role("dialog", name="Conditions").wait_for(state="hidden")
        page.locator("#segments-open").click()
        page.locator(".sg-segment-save summary").click()
        visit.settle()
        visit.still()
        assert visit.faults() == []
        page.keyboard.press("Escape")
        page.locator(".sg-trust summary").first.click()
        assert visit.faults() == []
        assert visit.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_sign_in(chromium: Any, base: str, backends: Backends, theme: str) -> None:
    with visiting(chromium, base, color_scheme=theme) as visit:
        good = people.invite(backends.documents, f"new-{theme}", {"*": "viewer"})
        used = [f"{path}?token=used" for path in ("/sign-in/link", people.PATH)]
        for path in ("/sign-in", *used, f"{people.PATH}?token={good}"):
            visit.page.goto(base + path)
            assert visit.axe() == []


def test_pages_have_titles_a_language_and_one_heading(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        for path, name in (
            ("/", "Overview"),
            ("/traffic", "Traffic"),
            ("/funnels", "Funnels"),
            ("/realtime", "Realtime"),
            ("/reconciliation", "Reconciliation"),
            ("/admin", "Admin"),
            ("/nowhere", "Page not found"),
        ):
            visit.open(path)
            assert visit.page.title() == f"{name} · Streamgauge"
            assert visit.page.locator("h1").all_inner_texts() == [name]
        assert visit.page.evaluate("document.documentElement.lang") == "en"


def test_the_navigation_opens_on_a_phone(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in, viewport=PHONE) as visit:
        visit.open("/")
        link = visit.page.get_by_role("link", name="Funnels")
        assert not link.is_visible()
        visit.page.get_by_label("Open or close the navigation").click()
        link.click()
        visit.page.wait_for_selector(".sg-funnel-summary")
        link.wait_for(state="hidden")


def test_the_skip_link_leads_to_the_content(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/")
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.textContent") == "Skip to content"
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("document.activeElement.id") == "page"


def test_the_theme_is_right_before_the_first_paint_and_kept(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in, color_scheme="light") as visit:
        visit.open("/")
        requests: list[str] = []
        visit.page.on("request", lambda request: requests.append(request.url))
        visit.page.get_by_label("Switch between light and dark").click()
        visit.still()
        assert requests == []
        assert visit.theme == "dark"
        # Scripts are deferred: whatever is known when the body appears was set by the head alone.
        visit.page.add_init_script(
            """document.addEventListener('readystatechange', () => { window.seen = window.seen ||
            [document.documentElement.getAttribute('data-mantine-color-scheme'),
             getComputedStyle(document.body).backgroundColor]; })"""
        )
        visit.page.reload()
        assert visit.page.evaluate("window.seen") == ["dark", "rgb(16, 18, 21)"]
        visit.page.wait_for_selector("h1")
        assert visit.theme == "dark"


def test_charts_take_the_theme_from_css(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in, color_scheme="dark") as visit:
        visit.open("/")
        fill = "getComputedStyle(document.querySelector('.xtick text')).fill"
        assert visit.page.evaluate(fill) == "rgb(163, 171, 185)"


def test_values_are_never_read_as_html(chromium: Any, base: str, signed_in: Any) -> None:
    value = "<img src=x onerror=alert(1)>"
    with visiting(chromium, base, signed_in) as visit:
        visit.page.goto(f"{base}/traffic?page_path={quote(value)}")
        visit.page.wait_for_selector("#traffic-series .sg-state")
        visit.settle()
        assert value in visit.page.inner_text("#filters-shown")
        assert visit.page.locator("img[src=x]").count() == 0
        assert visit.problems == []


def test_the_focus_stays_where_it_was_when_a_card_is_drawn_anew(
    chromium: Any, base: str, signed_in: Any
) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/")
        visit.page.locator("#overview-kpis a.sg-kpi-label").nth(2).focus()
        visit.page.keyboard.press("Enter")
        visit.settle()
        assert visit.query == "?metric=visitors"
        assert visit.page.evaluate("document.activeElement.textContent") == "Visitors"


def test_explanations_show_on_focus_and_go_with_escape(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        visit.page.get_by_label("About Bounce rate").focus()
        tip = visit.page.get_by_role("tooltip")
        tip.wait_for()
        assert "exactly 1 page view" in tip.inner_text()
        visit.page.keyboard.press("Escape")
        assert tip.count() == 0
        visit.page.get_by_label("About Bounce rate").hover()
        tip.wait_for()
        visit.page.mouse.move(5, 5)
        visit.page.keyboard.press("Tab")
        visit.page.mouse.move(6, 6)
        assert "exactly 1 page view" not in " ".join(tip.all_inner_texts())
