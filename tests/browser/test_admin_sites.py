"""The admin page's tabs with sites and the audit log, by keyboard, in both themes, wide and on a phone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from data_access import sites
from data_access.audit import Who
from data_access.backends import Backends
from data_access.changes import noted
from data_access.users import add_user
from tests.browser.conftest import PASSWORD, cookies, free_port, serving
from tests.browser.visits import PHONE, WIDE, Visit, visiting
from tests.builders import embedded, event

SITES, AUDIT = "/admin?tab=sites", "/admin?tab=audit"
both_sizes = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


@pytest.fixture(scope="module")
def port() -> int:
    """One address for the apps of all tests, so that the browser knows their scripts."""
    return free_port()


@pytest.fixture
def live(port: int, tmp_path: Any) -> Backends:
    """A site that was added, one that was imported, and a log of more than a page."""
    opened = embedded(tmp_path, [event(), event(site="old")], port=port, time_zone="Europe/Berlin")
    add_user(opened.documents, "vera", PASSWORD, "viewer")
    sites.save(opened.documents, "shop", ("https://shop.example",))
    for number in range(60):
        with noted(opened.audit, Who("ana", "admin"), "changed", f"site s{number}", currency="USD"):
            pass
    return opened


@pytest.fixture
def address(live: Backends) -> Iterator[str]:
    with serving(live) as found:
        yield found


@pytest.fixture
def state(chromium: Any, address: str, live: Backends) -> Any:
    return cookies(chromium, live)


@pytest.fixture
def visit(chromium: Any, address: str, state: Any) -> Iterator[Visit]:
    with visiting(chromium, address, state, permissions=["clipboard-read", "clipboard-write"]) as found:
        found.page.set_default_timeout(15_000)
        yield found
    assert found.problems == []


def focused(visit: Visit) -> str:
    """The words of what has the focus."""
    text = "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText).trim()"
    found: str = visit.page.evaluate(text)
    return found


def at(visit: Visit, words: str) -> None:
    """Wait until what has the focus says so."""
    visit.page.wait_for_function(
        "words => (document.activeElement.getAttribute('aria-label')"
        " || document.activeElement.innerText).includes(words)",
        arg=words,
    )


def enter(visit: Visit, role: str, name: str) -> None:
    """Press a button or follow a link with the keyboard."""
    visit.page.get_by_role(role, name=name, exact=name == "Save").focus()
    visit.page.keyboard.press("Enter")


def row(visit: Visit, site: str) -> str:
    """The words of a site in the list."""
    found: str = (
        visit.page.get_by_role("row").filter(has=visit.page.get_by_role("link", name=site)).inner_text()
    )
    return " ".join(found.split())


def test_a_site_s_zone_and_currency_are_set_by_keyboard(visit: Visit, live: Backends) -> None:
    visit.open(SITES)
    assert focused(visit) != "shop"
    assert row(visit, "shop") == "shop Europe/Berlin Monday EUR 1 0 1"
    enter(visit, "link", "shop")
    at(visit, "shop")
    assert visit.query == "?tab=sites&site=shop"
    page, keyboard = visit.page, visit.page.keyboard
    page.get_by_role("textbox", name="Time zone").focus()
    keyboard.press("Control+A")
    keyboard.type("Tokyo")
    page.get_by_role("option", name="Asia/Tokyo").wait_for()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    page.get_by_role("textbox", name="Currency").focus()
    keyboard.type("yen")
    visit.still()
    page.get_by_role("button", name="Save", exact=True).focus()
    keyboard.press("Enter")
    page.get_by_text("Saved", exact=True).wait_for()
    assert sites.every(live.documents)[0] == sites.Site(
        "shop", ("https://shop.example",), "Asia/Tokyo", "", "YEN"
    )
    enter(visit, "link", "All sites")
    page.get_by_role("link", name="old").wait_for()
    page.wait_for_function("() => document.activeElement.className === 'sg-admin-sites-box'")
    assert row(visit, "shop") == "shop Asia/Tokyo Monday YEN 1 0 1"
    assert visit.query == "?tab=sites"


def test_what_is_wrong_is_said_at_its_field(visit: Visit, live: Backends) -> None:
    visit.open(f"{SITES}&site=shop")
    visit.page.get_by_role("textbox", name="Currency").fill("€")
    enter(visit, "button", "Save")
    visit.page.get_by_text("'€' is no currency; use an ISO 4217 code such as EUR").wait_for()
    assert visit.page.get_by_role("textbox", name="Currency").get_attribute("aria-invalid") == "true"
    visit.page.get_by_text("Not saved").wait_for()
    visit.still()
    assert visit.axe() == []
    assert sites.every(live.documents)[0].currency == ""


def test_an_imported_site_gets_a_key_which_is_rotated_and_revoked(visit: Visit, live: Backends) -> None:
    visit.open(SITES)
    enter(visit, "link", "old")
    at(visit, "old")
    enter(visit, "button", "Let it send events")
    page, keyboard = visit.page, visit.page.keyboard
    page.get_by_role("status").get_by_text("old can send events now: make a write key.").wait_for()
    at(visit, "old")
    enter(visit, "button", "Make a write key")
    page.get_by_text("It is shown this once").wait_for()
    first = page.locator(".sg-connect-new code").inner_text()
    at(visit, "Copy")
    enter(visit, "button", "Rotate write key")
    at(visit, "Rotate write key")
    visit.still()
    page.get_by_role("textbox", name="How long the old key works").focus()
    keyboard.press("Enter")
    page.get_by_role("option", name="7 days").click()
    page.wait_for_function("() => document.querySelector('.sg-connect-hours input').value === '7 days'")
    visit.still()
    assert visit.axe() == []
    enter(visit, "button", "now")
    page.get_by_role("status").get_by_text("It works for 7 days more.").wait_for()
    at(visit, "Copy")
    second = page.locator(".sg-connect-new code").inner_text()
    assert first != second
    page.get_by_text("works until").wait_for()
    doors = sites.Doors(live.documents)
    assert doors.of_key(first) == doors.of_key(second) == sites.Site("old")
    (old,) = (key for key in sites.keys(live.documents) if key.expires_at)
    enter(visit, "button", f"Revoke write key {old.start}…")
    at(visit, "for good")
    keyboard.press("Enter")
    page.get_by_role("status").get_by_text("revoked.").wait_for()
    assert sites.Doors(live.documents).of_key(first) is None
    assert len(sites.keys(live.documents)) == 1


def test_a_site_is_added_and_opens_in_its_place(visit: Visit, live: Backends) -> None:
    visit.open(SITES)
    visit.page.evaluate("window.same = true")
    enter(visit, "button", "Add a site")
    visit.page.get_by_label("Name").fill("zoo")
    visit.page.keyboard.press("Enter")
    at(visit, "zoo")
    assert visit.query == "?tab=sites&site=zoo"
    assert visit.page.evaluate("window.same"), "the page was not loaded again"
    visit.page.get_by_text("None yet: nobody can send events.").wait_for()


@both_sizes
def test_axe_finds_nothing_on_the_tab_with_sites(
    chromium: Any, address: str, state: Any, live: Backends, size: dict[str, int]
) -> None:
    live.site_settings.change("shop", time_zone="America/Argentina/Buenos_Aires")
    sites.make_key(live.documents, "shop")
    (key,) = sites.keys(live.documents)
    sites.rotate(live.documents, key.id)
    with visiting(chromium, address, state, viewport=size) as visit:
        for search in ("", "&site=shop", "&site=old", "&site=none"):
            visit.open(SITES + search)
            assert visit.faults() == [], search
        assert visit.problems == []


def test_records_are_searched_and_opened_by_keyboard(visit: Visit, live: Backends) -> None:
    visit.open(AUDIT)
    page, keyboard = visit.page, visit.page.keyboard
    assert page.locator(".sg-audit > li").count() == 50
    page.get_by_role("searchbox", name="Text").focus()
    keyboard.type("site s7")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 1")
    assert visit.query == "?tab=audit&text=site s7"
    line = page.locator(".sg-audit-line")
    assert "ana admin" in " ".join(line.inner_text().split())
    line.focus()
    keyboard.press("Enter")
    page.get_by_label("What was asked for, as JSON").wait_for()
    assert '"currency": "USD"' in page.inner_text(".sg-audit pre")
    kept = {one.number: one for one in live.audit.oldest()}
    assert kept[15].hash in page.inner_text(".sg-audit dl")
    visit.still()
    assert visit.axe() == []
    file = visit.text(page.get_by_role("link", name="Download CSV").get_attribute("href"))
    assert [one["number"] for one in csv.DictReader(io.StringIO(file))] == ["15", "16"]
    page.get_by_role("searchbox", name="Text").fill("")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 50")
    page.get_by_role("textbox", name="Who").fill("nobody")
    page.get_by_text("No record is like that").wait_for()
    enter(visit, "link", "Show all records")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 50")
    assert visit.query == "?tab=audit"
    assert page.get_by_role("textbox", name="Who").input_value() == ""


def test_days_and_kinds_are_chosen(visit: Visit) -> None:
    visit.open(f"{AUDIT}&since=2026-01-02&kind=change&outcome=finished")
    page = visit.page
    assert page.get_by_role("button", name="Since", exact=True).inner_text() == "2 Jan 2026"
    page.get_by_role("textbox", name="What").click()
    page.get_by_role("option", name="Sign-in", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 1")
    page.get_by_role("button", name="Any day since").click()
    page.wait_for_function("() => !location.search.includes('since')")
    visit.settle()
    assert visit.query == "?tab=audit&kind=sign_in.done&outcome=finished"


def test_pages_of_the_log_go_on_and_back(visit: Visit) -> None:
    visit.open(AUDIT)
    page = visit.page
    first = page.locator(".sg-audit-line").first.inner_text()
    enter(visit, "link", "Older")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 11")
    assert "&start=" in visit.query
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 11")
    enter(visit, "link", "Newer")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 50")
    assert page.locator(".sg-audit-line").first.inner_text() == first
    enter(visit, "link", "Older")
    page.wait_for_function("() => document.querySelectorAll('.sg-audit > li').length === 11")
    page.get_by_role("searchbox", name="Text").fill("s5")
    page.wait_for_function("() => !location.search.includes('start')")


def test_the_chain_is_verified_and_its_head_copied(visit: Visit, live: Backends) -> None:
    visit.open(AUDIT)
    page = visit.page
    page.get_by_role("button", name="Copy the head").click()
    head = live.audit.head()
    assert page.evaluate("navigator.clipboard.readText()") == head.hash
    page.get_by_role("textbox", name="Head noted earlier").fill(head.hash)
    held: list[Any] = []
    page.route("**/_dash-update-component**", lambda route: held.append(route), times=1)
    with page.expect_request("**/_dash-update-component**"):
        enter(visit, "button", "Verify the chain")
    page.get_by_role("button", name="Walking the chain…").wait_for()
    assert page.get_by_role("button", name="Walking the chain…").is_disabled()
    while not held:
        page.wait_for_function("true")  # meanwhile Playwright tells us what has come
    held[0].continue_()
    at(visit, "The chain is whole")
    text = page.get_by_role("status").get_by_text("records, each as it was written").inner_text()
    assert text.startswith(f"{head.number} records, each as it was written. The head noted earlier is among")
    page.get_by_role("button", name="Verify the chain").wait_for()
    visit.still()
    assert visit.axe() == []


@both_sizes
def test_axe_finds_nothing_on_the_tab_with_the_log(
    chromium: Any, address: str, state: Any, size: dict[str, int]
) -> None:
    with visiting(chromium, address, state, viewport=size) as visit:
        visit.open(AUDIT)
        visit.page.locator(".sg-audit-line").nth(1).click()
        enter(visit, "button", "Verify the chain")
        visit.page.get_by_text("The chain is whole").wait_for()
        visit.settle()
        assert visit.faults() == []
        for search in ("&user=nobody", "&since=never"):
            visit.open(AUDIT + search)
            assert visit.faults() == [], search
        assert visit.problems == []
