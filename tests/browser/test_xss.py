"""Scripts in disguise from every source on every page: none runs, none becomes an element, all are text.

The visits go without the content policy, so that nothing leans on it; ``make deep`` visits every page for
every payload, with the policy and without. Findings have more in test_findings_text.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from app.factory import PAGES
from data_access.backends import Backends
from data_access.sql import DIMENSIONS, SESSION_DIMENSIONS
from pages.parts import address
from pages.parts.event_grid import COLUMNS
from tests.browser import xss_ground
from tests.browser.conftest import cookies, free_port, serving
from tests.browser.visits import visiting
from tests.browser.xss_ground import PAYLOADS
from tests.browser.xss_watch import Watcher, act
from tests.builders import embedded

DEEP = bool(os.environ.get("TEST_DEEP"))
ALL = frozenset(range(1, len(PAYLOADS) + 1))
WHOLE = f"from={xss_ground.first_of(len(PAYLOADS)):%Y-%m-%d}"


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    opened = embedded(tmp_path_factory.mktemp("xss"), port=free_port(), view_events="view_item")
    xss_ground.seed(opened)
    return opened


@pytest.fixture(scope="module")
def address_of(backends: Backends) -> Iterator[str]:
    with serving(backends) as found:
        yield found


@pytest.fixture(scope="module")
def state(chromium: Any, address_of: str, backends: Backends) -> Any:
    return cookies(chromium, backends)


def open_at(watcher: Watcher, path: str) -> None:
    """Go to an address of the app, whatever page it turns out to be, and wait until it is drawn."""
    watcher.page.goto(watcher.visit.base + path)
    watcher.page.wait_for_selector("#page :is(h1, .sg-state)")
    watcher.visit.settle()


# What is done on pages besides looking at them


def menus(watcher: Watcher) -> None:
    """The filters with all they offer, the segments, and the condition builder."""
    page, visit = watcher.page, watcher.visit
    path = watcher.page.evaluate("location.pathname")
    if act(page, "#filters-open, #findings-filters"):
        visit.settle()
        boxes = page.locator(".sg-filters-menu").get_by_role("textbox")
        for place in range(boxes.count() if DEEP else 1):
            boxes.nth(place).click()
            visit.settle()
            watcher.look(path)
            page.keyboard.press("Tab")
        if act(page, "#conditions-open"):
            visit.settle()
            watcher.look(path)
            page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        visit.settle()
    if act(page, "#segments-open"):
        visit.settle()
        watcher.look(path)
        page.keyboard.press("Escape")


def drawer_of_an_event(watcher: Watcher) -> None:
    """Every column, explanations of cells, and the event in full."""
    page, visit = watcher.page, watcher.visit
    page.evaluate("shown => dash_clientside.set_props('explore-columns', {value: shown})", list(COLUMNS))
    visit.settle()
    watcher.look("/explore")
    page.locator(".ag-row .ag-cell").nth(2).hover()
    page.locator(".ag-row[row-index='1'] .ag-cell").first.click()
    page.wait_for_selector(".sg-timeline .sg-current")
    visit.settle()
    watcher.look("/explore")


def drawer_of_a_finding(watcher: Watcher) -> None:
    """A finding in full, and the form for many."""
    page, visit = watcher.page, watcher.visit
    page.locator("#findings-table .sg-finding-title").first.click()
    page.get_by_role("dialog", name="Finding", exact=True).locator(".sg-finding-head").wait_for()
    visit.settle()
    act(page, "#finding-more summary")
    watcher.look("/findings")


def details(watcher: Watcher) -> None:
    """Everything that folds out."""
    for one in watcher.page.locator("#page summary").all()[: 40 if DEEP else 4]:
        if one.is_visible():
            one.click()
    watcher.look(watcher.page.evaluate("location.pathname"))


def tips(watcher: Watcher) -> None:
    """What explains itself under the pointer, the map among it."""
    page = watcher.page
    for one in page.locator(".sg-map path, [data-sg-tip], .sg-ranked-name").all()[: 30 if DEEP else 3]:
        if one.is_visible():
            one.hover(force=True)
            watcher.visit.still()
    watcher.look(page.evaluate("location.pathname"))


Act = Callable[[Watcher], None]
STEPS = ",".join(
    f"{address.join([one]).replace('[', chr(92) + '[').replace(']', chr(92) + ']')}" for one in PAYLOADS[1:3]
)
TOURS: dict[str, list[tuple[str, tuple[Act, ...]]]] = {
    "/": [("open=overview-top", (menus,)), ("open=overview-split&by=channel", (tips,))],
    "/traffic": [
        ("open=traffic-pages", (tips,)),
        ("open=traffic-sources&sources=entry_referrer&technology=browser", ()),
    ],
    "/products": [("open=products-table&by=product_name", ()), ("open=products-searches", ())],
    "/funnels": [(f"steps={quote(STEPS)}&breakdown=page_path", (tips,)), ("breakdown=channel", ())],
    "/explore": [("limit=50", (drawer_of_an_event,))],
    "/realtime": [("", (details, tips))],
    "/reconciliation": [("show=all", (details,))],
    "/findings": [("state=all&limit=50", (drawer_of_a_finding,))],
    "/connect": [("site=shop", (details,)), ("site=shop&show=rejected", (details,))],
    "/admin": [(f"tab={tab}", (details,)) for tab in ("people", "keys", "sites", "audit")],
}
"""How each page is looked at: queries, and what is done there. A page that is not named is just opened."""
MORE: dict[str, list[str]] = {
    "/": [f"open=overview-split&by={name}" for name in DIMENSIONS] + ["open=overview-login"],
    "/traffic": [f"open=traffic-pages&pages={name}" for name in ("entry_page", "exit_page")]
    + [f"open=traffic-sources&sources={name}" for name in SESSION_DIMENSIONS if name.startswith("entry_")]
    + [f"open=traffic-technology&technology={name}" for name in ("device", "os")],
    "/products": [
        f"open=products-table&by={name}" for name in ("product_id", "product_brand", "product_category")
    ]
    + ["open=products-brands", "open=products-categories"],
    "/funnels": [f"breakdown={name}" for name in DIMENSIONS],
    "/findings": [f"state=all&open=findings-groups&by={name}" for name in ("standard", "service", "account")],
}
"""What ``make deep`` looks at as well."""
PARAMETERS = (
    *(("from",), ("compare",), ("bots",), ("where",), ("segment",), ("steps",), ("state",), ("tab",)),
    ("metric", "interval", "by", "open", "limit", "sort", "show", "via", "hour", "unit", "order"),
    ("window", "breakdown", "before", "event", "finding", "q", "outcome"),
    ("pages", "sources", "technology", "week", "searches", "site", "country"),
)
"""What addresses can have, alone where it is wrong for all of a page."""


DATED = ("/", "/traffic", "/products", "/funnels", "/explore")
"""Pages of a period: a payload's day shows nothing but this payload."""


def tour(watcher: Watcher, path: str, period: str = "") -> None:
    """Look at a page in its ways, the first of them alone where there is little time."""
    ways = TOURS.get(path, [("", ())])
    for query, done in ways if DEEP or path == "/admin" else ways[:1]:
        open_at(watcher, f"{path}?{'&'.join(filter(None, (period if path in DATED else '', query)))}")
        watcher.look(path)
        for one in done:
            one(watcher)


def whole_tour(watcher: Watcher) -> None:
    """Every page in every way, then those of a period once more for every payload."""
    for page in PAGES:
        tour(watcher, page.PATH, WHOLE)
        menus(watcher)
        for query in MORE.get(page.PATH, []):
            open_at(watcher, f"{page.PATH}?{WHOLE}&{query}")
            watcher.look(page.PATH)
    for number in range(len(PAYLOADS)):
        for path in DATED:
            tour(watcher, path, xss_ground.day_of(number))


def watching(chromium: Any, base: str, state: Any, *, policy: bool = False) -> Any:
    """A visit without the content policy, or with it."""
    return visiting(chromium, base, state) if policy else visiting(chromium, base, state, bypass_csp=True)


FEW = {"/reconciliation": 0, "/funnels": 2, "/realtime": 8}
"""How many payloads are seen at least, where not all can be: they have no text, two steps, eight rows."""


@pytest.mark.parametrize("policy", [False, True] if DEEP else [False], ids=lambda found: f"policy={found}")
def test_no_payload_runs_on_any_page(chromium: Any, address_of: str, state: Any, policy: bool) -> None:
    with watching(chromium, address_of, state, policy=policy) as visit:
        watcher = Watcher(visit, PAYLOADS)
        if DEEP:
            whole_tour(watcher)
        else:
            for page in PAGES:
                tour(watcher, page.PATH, WHOLE)
        print(f"\n{watcher.report()}")
        assert watcher.wrong == []
        seen = {page.PATH: len(watcher.numbers(page.PATH)) for page in PAGES}
        least = len(PAYLOADS) if DEEP else 6
        assert all(count >= FEW.get(path, least) for path, count in seen.items()), seen


def test_no_payload_in_an_address_runs(chromium: Any, address_of: str, state: Any) -> None:
    """As filters, as what is no filter, and as addresses of nothing."""
    with watching(chromium, address_of, state) as visit:
        watcher = Watcher(visit, PAYLOADS)
        every = range(len(PAYLOADS)) if DEEP else (1,)
        for number in every:
            text = quote(PAYLOADS[number])
            for page in PAGES if DEEP else PAGES[:2]:
                names = (("country", "page_path"), *(PARAMETERS if DEEP and number in {1, 2} else ()))
                for query in ("&".join(f"{name}={text}" for name in together) for together in names):
                    open_at(watcher, f"{page.PATH}?{query}")
                    watcher.look(page.PATH)
            _elsewhere(watcher, text)
        print(f"\n{watcher.report()}")
        assert watcher.wrong == []
        assert watcher.numbers("/") == {number + 1 for number in every}


def _elsewhere(watcher: Watcher, text: str) -> None:
    """Pages that are none, and answers that browsers show."""
    for path in (
        *(
            f"/{text}",
            f"/csv/{text}",
            f"/csv/overview.kpis?from={text}",
            f"/manifest/{text}",
            f"/v1/query?{text}=1",
        ),
        *(
            f"/v1/query?query_type={text}",
            f"/assets/{text}",
            f"/sign-in/link?token={text}",
            f"/v1/findings/{text}",
        ),
        *(f"/sign-in/password?token={text}", f"/_dash-component-suites/dash/{text}"),
    ):
        watcher.page.goto(watcher.visit.base + path)
        watcher.look("answers that are errors", refused=True)


def test_the_sign_in_runs_nothing(chromium: Any, address_of: str) -> None:
    with watching(chromium, address_of, None) as visit:
        watcher = Watcher(visit, PAYLOADS)
        for text in PAYLOADS if DEEP else PAYLOADS[:3]:
            visit.page.goto(f"{visit.base}/sign-in?next={quote(text)}&name={quote(text)}")
            watcher.look("/sign-in")
            visit.page.get_by_label("User name").fill(text)
            visit.page.get_by_label("Password").fill(text)
            visit.page.get_by_role("button", name="Sign in").click()
            visit.page.wait_for_selector("[role=alert]")
            watcher.look("/sign-in", refused=True)
            assert visit.page.get_by_label("User name").input_value() == text
        assert watcher.wrong == []
        assert watcher.numbers("/sign-in") >= {1, 2, 3}


AS_HTML = """text => {
    document.open();
    document.write(`<p title="${text}">${text}</p>`);
    document.close();
}"""
ONLY_ELSEWHERE = frozenset({5, 8, 11})
RUN_AS_HTML = frozenset({1, 2, 3, 6, 7, 10})
"""Payloads that run by themselves where text is taken for HTML. Of the others ``ONLY_ELSEWHERE`` are nothing
there: they need a link, a template, or to be decoded twice."""


def test_the_watch_sees_payloads_that_run(chromium: Any, address_of: str) -> None:
    """In a page that takes them for HTML: so that silence elsewhere says something."""
    with watching(chromium, address_of, None) as visit:
        watcher = Watcher(visit, PAYLOADS)
        for number, text in enumerate(PAYLOADS, 1):
            visit.page.goto(f"{visit.base}/healthz")
            visit.page.evaluate(AS_HTML, text)
            told = f"payload {number} ran"
            if number in RUN_AS_HTML:
                visit.page.wait_for_function("told => window.told.includes(told)", arg=told)
            watcher.wrong.clear()
            watcher.look("html")
            assert any(told in one for one in watcher.wrong) or number not in RUN_AS_HTML
            assert watcher.wrong or number in ONLY_ELSEWHERE, text
