from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from data_access import sites
from data_access.backends import Backends
from tests.browser.conftest import PASSWORD, cookies, free_port, serving
from tests.browser.test_realtime import HIDE
from tests.browser.visits import PHONE, WIDE, Visit, visiting
from tests.builders import embedded
from tests.door import Door, server_event

ORIGIN = "https://shop.example"
COUNT = """() => {
    const own = window.dash_clientside.connect, beat = own.beat;
    window.beats = 0;
    own.beat = (...given) => { window.beats += 1; return beat(...given); };
}"""
"""Counts the beats from now on."""


@pytest.fixture(scope="module")
def port() -> int:
    """One address for the apps of all tests, so that the browser knows their scripts."""
    return free_port()


@pytest.fixture
def live(port: int, tmp_path: Any) -> Backends:
    from data_access.users import add_user

    opened = embedded(tmp_path, port=port, time_zone="Europe/Berlin")
    add_user(opened.documents, "vera", PASSWORD, "viewer")
    return opened


@pytest.fixture
def door(live: Backends) -> Door:
    return Door(live)


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
        yield found


def send(visit: Visit, key: str, event: dict[str, Any]) -> int:
    """Post an event from outside, as a server or a page does; tried again until the new key is known."""
    ends = time.monotonic() + 5
    while True:
        url = f"{visit.base}/clickstream?key={key}"
        status: int = visit.page.request.post(url, data=event, headers={"Origin": ORIGIN}).status
        if status not in {401, 403} or time.monotonic() > ends:
            return status


def row(visit: Visit, text: str) -> Any:
    """The line of the events of a name in the debugger."""
    name = visit.page.locator(".sg-arrival-name", has_text=re.compile(f"^{re.escape(text)}$"))
    return visit.page.locator(".sg-arrival-line").filter(has=name)


def check(visit: Visit, label: str) -> Any:
    """The tile of a check."""
    return visit.page.locator(".sg-connect-checks li").filter(has_text=label)


def beats(visit: Visit, count: int) -> None:
    """Wait for some more beats."""
    visit.page.evaluate(COUNT)
    visit.page.wait_for_function("count => window.beats >= count", arg=count)


def test_from_nothing_to_the_first_event(visit: Visit, live: Backends) -> None:
    page = visit.page
    visit.open("/connect")
    page.get_by_label("Name").fill("My shop")
    page.get_by_label("Origins, one a line").fill("shop.example")
    page.get_by_role("button", name="Add site").click()
    page.get_by_text("'My shop' is no site name").first.wait_for()
    page.get_by_text("'shop.example' is no origin").first.wait_for()
    assert page.get_by_label("Name").get_attribute("aria-invalid") == "true"
    visit.still()
    assert visit.axe() == []
    page.get_by_label("Name").fill("shop")
    page.get_by_label("Origins, one a line").fill("")
    page.get_by_role("button", name="Add site").click()

    page.get_by_text("Waiting for the first event from shop…").wait_for()
    assert check(visit, "Write key").get_by_text("None yet").is_visible()
    page.get_by_label("One a line").fill(f"{ORIGIN}/\nhttp://localhost:3000")
    page.get_by_role("button", name="Save origins").click()
    page.get_by_text("Saved", exact=True).wait_for()
    assert page.get_by_label("One a line").input_value() == f"http://localhost:3000\n{ORIGIN}"

    page.get_by_role("button", name="Make a write key").click()
    page.get_by_text("It is shown this once").wait_for()
    assert page.evaluate("document.activeElement.closest('.sg-connect-new') !== null")
    key = page.locator(".sg-connect-new code").first.inner_text()
    assert sites.Doors(live.documents).of_key(key) == sites.every(live.documents)[0]
    page.get_by_role("button", name="Copy the tag").click()
    page.get_by_role("status").get_by_text("Copied").wait_for(state="attached")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f'<script async src="{visit.base}/assets/tracker.js" data-key="{key}"></script>'
    check(visit, "Done: Write key").wait_for()
    check(visit, "Done: Origins").wait_for()
    assert check(visit, "To do: First event").is_visible()

    page.evaluate("window.same = true")
    assert send(visit, key, {"eventName": "signed_up", "pageUrl": f"{ORIGIN}/welcome"}) == 200
    start = time.monotonic()
    row(visit, "signed_up").wait_for()
    took = time.monotonic() - start
    check(visit, "Done: First event").wait_for()
    check(visit, "Done: Last event").wait_for()
    print(f"an event is in the debugger after {took:.2f} s")
    assert took <= 3
    assert "/welcome" in row(visit, "signed_up").inner_text()

    assert send(visit, key, {"eventName": "bought", "userLoginState": "maybe"}) == 400
    rejected = row(visit, "bought")
    rejected.wait_for()
    assert "Rejected" in rejected.inner_text()
    assert "A value is not one of those allowed: userLoginState is 'maybe'" in rejected.inner_text()
    assert page.evaluate("window.same"), "the page was not loaded again"
    assert [found for found in visit.problems if "400" not in found and "401" not in found] == []

    page.reload()
    page.get_by_text("YOUR_WRITE_KEY").first.wait_for()
    assert key not in page.content(), "it was shown once"


def test_pause_stops_and_resume_goes_on(visit: Visit, door: Door) -> None:
    door.server(session_id="before", event_type="click")
    visit.open("/connect")
    row(visit, "click").wait_for()
    page = visit.page
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("status").get_by_text("Paused").wait_for()
    door.server(event_type="error")
    beats(visit, 3)
    visit.settle()
    assert row(visit, "error").count() == 0
    page.get_by_text("Rejected", exact=True).first.click()
    page.get_by_text("Nothing was rejected").wait_for()
    page.get_by_text("All", exact=True).first.click()
    page.get_by_role("button", name="Resume").click()
    row(visit, "error").wait_for()
    page.get_by_role("status").get_by_text("Live", exact=True).wait_for()
    assert visit.problems == []


def test_an_open_row_stays_open_and_keeps_the_focus(visit: Visit, door: Door) -> None:
    door.server(event_type="click", properties={"colour": "red"})
    visit.open("/connect")
    line = row(visit, "click")
    line.focus()
    visit.page.keyboard.press("Enter")
    visit.page.get_by_label("The event as JSON").wait_for()
    assert '"colour": "red"' in visit.page.inner_text(".sg-arrival-details pre")
    for number in range(3):
        door.server(event_type="custom", properties={"name": f"next{number}"})
    row(visit, "next2").wait_for()
    assert visit.page.locator(".sg-arrival-name").all_inner_texts() == ["next2", "next1", "next0", "click"]
    assert visit.page.locator(".sg-arrivals [open] pre").is_visible()
    assert "click" in visit.page.evaluate("document.activeElement.textContent")
    assert visit.problems == []


def test_only_the_last_hundred_stay(visit: Visit, door: Door) -> None:
    door.batch(*(server_event(session_id=f"old{number}") for number in range(100)))
    visit.open("/connect")
    visit.page.wait_for_function("() => document.querySelectorAll('#connect-events > li').length === 100")
    door.batch(*(server_event(event_type="click") for _ in range(30)))
    row(visit, "click").nth(29).wait_for()
    assert visit.page.locator("#connect-events > li").count() == 100
    assert row(visit, "page_view").count() == 70


def test_filters_and_snippets_are_in_the_url(visit: Visit, door: Door) -> None:
    door.batch(server_event(event_type="click"), server_event(event_type="nonsense"))
    visit.open("/connect?show=rejected&via=curl")
    page = visit.page
    row(visit, "nonsense").wait_for()
    assert row(visit, "click").count() == 0
    assert f"{visit.base}/v1/events" in page.inner_text("#connect-snippets code >> nth=1")
    page.get_by_text("Server: Python").click()
    page.get_by_text("import requests").wait_for()
    page.get_by_text("Valid", exact=True).first.click()
    row(visit, "click").wait_for()
    assert row(visit, "nonsense").count() == 0
    assert visit.query == "?show=valid&via=python"


def test_another_site_is_chosen(visit: Visit, door: Door, live: Backends) -> None:
    sites.save(live.documents, "blog", ("https://blog.example",))
    door.server(event_type="click")
    visit.open("/connect?site=shop")
    row(visit, "click").wait_for()
    visit.page.get_by_role("textbox", name="Site").click()
    visit.page.get_by_role("option", name="blog").click()
    visit.page.get_by_text("Waiting for the first event from blog…").wait_for()
    visit.page.wait_for_function("() => document.querySelector('#connect-origins').value.includes('blog')")
    assert row(visit, "click").count() == 0
    assert visit.query == ""


def test_a_second_site_is_added_from_the_head(visit: Visit, door: Door, live: Backends) -> None:
    visit.open("/connect")
    page = visit.page
    page.get_by_role("button", name="Add a site").click()
    page.get_by_label("Name").fill("shop")
    page.keyboard.press("Enter")
    page.get_by_text("There is a site 'shop' already").first.wait_for()
    visit.still()
    assert visit.axe() == []
    page.get_by_label("Name").fill("zoo")
    page.keyboard.press("Enter")
    page.get_by_text("Waiting for the first event from zoo…").wait_for()
    assert visit.query == "?site=zoo"


def test_a_key_is_revoked_with_the_keyboard(visit: Visit, door: Door, live: Backends) -> None:
    visit.open("/connect")
    page = visit.page
    page.get_by_role("button", name="Revoke write key").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="for good").wait_for()
    assert "for good" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    visit.still()
    assert visit.axe() == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="for good").wait_for(state="hidden")
    assert len(sites.keys(live.documents)) == 1
    page.get_by_role("button", name="Revoke write key").click()
    page.get_by_role("button", name="for good").click()
    page.get_by_text("None yet: nobody can send events.").wait_for()
    assert sites.keys(live.documents) == []
    assert "Make a write key" in page.evaluate("document.activeElement.textContent")
    check(visit, "To do: Write key").wait_for()
    assert visit.problems == []


def test_a_key_is_rotated_with_the_keyboard(visit: Visit, door: Door, live: Backends) -> None:
    visit.open("/connect")
    page = visit.page
    page.get_by_role("button", name="Rotate write key").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="as it is").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="as it is").wait_for(state="hidden")
    assert "Rotate write key" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="as it is").wait_for()
    assert "now" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    visit.still()
    assert visit.axe() == []
    page.keyboard.press("Enter")
    page.get_by_text("It works for 24 hours more.").wait_for()
    page.wait_for_function("() => document.activeElement.closest('.sg-connect-new') !== null")
    key = page.locator(".sg-connect-new code").first.inner_text()
    page.locator("#connect-snippets code", has_text=key).wait_for()
    page.get_by_text("works until").wait_for()
    doors = sites.Doors(live.documents)
    assert doors.of_key(key) == doors.of_key(door.key) == sites.every(live.documents)[0]
    assert visit.problems == []


def test_copying_works_without_a_clipboard_to_write_to(visit: Visit, door: Door) -> None:
    visit.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    visit.open("/connect?via=curl")
    visit.page.get_by_role("button", name="Copy the command").focus()
    visit.page.keyboard.press("Enter")
    visit.page.get_by_role("button", name="Copied the command").wait_for()
    field = visit.page.get_by_label("One a line")
    field.fill("")
    field.press("Control+V")
    assert field.input_value().startswith('curl -H "Authorization: Bearer YOUR_WRITE_KEY"')
    visit.page.get_by_role("button", name="Copy the command").wait_for()


def test_a_hidden_tab_asks_nothing_and_goes_on_when_shown(visit: Visit, door: Door) -> None:
    visit.open("/connect")
    visit.page.evaluate(HIDE, True)
    visit.settle()
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    door.server(event_type="click")
    beats(visit, 2)
    assert asked == []
    visit.page.evaluate(COUNT)
    visit.page.evaluate(HIDE, False)
    row(visit, "click").wait_for()
    assert visit.page.evaluate("window.beats") <= 1


def test_a_lost_connection_is_told(visit: Visit, door: Door) -> None:
    visit.open("/connect")
    visit.page.route("**/_dash-update-component**", lambda route: route.abort())
    visit.page.get_by_text("No answer from the server; trying again.").wait_for()
    visit.page.unroute("**/_dash-update-component**")
    visit.page.get_by_text("No answer from the server; trying again.").wait_for(state="hidden")


def test_what_senders_write_is_never_html(visit: Visit, door: Door) -> None:
    bad = "<img src=x onerror=alert(1)>"
    door.send({"eventName": bad, "pageUrl": f"https://x.example/{bad}", "sessionId": bad, "a": bad})
    visit.open("/connect")
    row(visit, bad).click()
    visit.page.get_by_label("The event as JSON").wait_for()
    assert visit.page.locator("img[src=x]").count() == 0
    assert visit.problems == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_where_there_is_something(
    chromium: Any, address: str, state: Any, door: Door, size: dict[str, int]
) -> None:
    door.batch(server_event(event_type="click"), server_event(event_type="nonsense" * 7), {"a": 1})
    with visiting(chromium, address, state, viewport=size) as visit:
        visit.open("/connect")
        page = visit.page
        page.get_by_role("button", name="Make another write key").click()
        page.get_by_text("It is shown this once").wait_for()
        for at in (0, 2):
            page.locator(".sg-arrival-line").nth(at).click()
        visit.settle()
        visit.still()
        assert visit.faults() == []
        assert visit.problems == []
        visit.open("/connect?site=none")
        assert visit.faults() == []
        page.get_by_role("link", name="shop", exact=True).click()
        row(visit, "click").wait_for()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_viewer_only_looks(
    chromium: Any, address: str, door: Door, live: Backends, size: dict[str, int]
) -> None:
    with visiting(chromium, address, viewport=size) as visit:
        page = visit.page
        page.goto(f"{address}/sign-in?next=/connect")
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_text("An admin can add sites").wait_for()
        page.get_by_text(ORIGIN).first.wait_for()
        visit.settle()
        words = " ".join(page.get_by_role("button").all_inner_texts())
        assert not {"Revoke", "Save", "Make", "Add"} & set(words.split())
        assert visit.axe() == []
        assert visit.problems == []
