from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from data_access.backends import Backends
from data_access.realtime import Realtime
from pipeline.lake_writer import LakeConsumer
from pipeline.local import Follower
from tests.browser.conftest import cookies, free_port, serving
from tests.browser.visits import PHONE, WIDE, Visit, visiting
from tests.builders import embedded
from tests.door import Door, server_event, utc

POLLS = "**/_dash-update-component**"
CLICKS = """() => document.querySelector('#realtime-graph .js-plotly-plot').data
    .find(one => one.uid === 'click').y.slice(-2).reduce((one, other) => one + other)"""
WITHOUT_BEATS = """none => {
    const own = window.dash_clientside.realtime, no = window.dash_clientside.no_update;
    window.kept = window.kept || own.beat;
    own.beat = none ? () => [no, no] : window.kept;
}"""
WATCH = """() => {
    const options = {childList: true, characterData: true, subtree: true};
    const count = (name, selector) => {
        window[name] = 0;
        new MutationObserver(() => { window[name] += 1; }).observe(document.querySelector(selector), options);
    };
    count('said', '#realtime [role=status]');
    count('ticked', '.sg-live-behind');
}"""
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    const state = hidden ? 'hidden' : 'visible';
    Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => state});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
COUNT_BEATS = """() => {
    const own = window.dash_clientside.realtime, beat = own.beat;
    if (window.beats === undefined) own.beat = (...given) => { window.beats += 1; return beat(...given); };
    window.beats = 0;
}"""


class Clock:
    """The real time and a while."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Backends:
    opened = embedded(tmp_path_factory.mktemp("live"), port=free_port(), time_zone="Europe/Berlin")
    return replace(opened, realtime=Realtime(opened.following, opened.log, opened.counters, clock))


@pytest.fixture(scope="module")
def door(live: Backends) -> Door:
    """A door through which half an hour of events has come, some twice, and some refused."""
    found = Door(live)
    now = datetime.now(UTC).replace(tzinfo=None)
    kinds = ("page_view", "click", "error", "page_view", "api_call", "form_submit", "custom")
    found.batch(
        *(
            server_event(
                event_type=kinds[number % len(kinds)],
                session_id=f"s{number % 17}",
                timestamp=utc(now - timedelta(minutes=number % 40)),
                metadata={"country": ("DE", "FR", "JP")[number % 3]},
                properties={"page": f"https://shop.example/page/{number % 12}", "message": "Timeout"},
            )
            for number in range(200)
        )
    )
    again = server_event(event_id="6f9619ff-8b86-d011-b42d-00c04fc964ff")
    found.batch(again, again, server_event(event_type="none"), {"a": 1})
    found.server(timestamp=utc(now - timedelta(hours=25)))
    found.settle()
    return found


@pytest.fixture(scope="module")
def address(live: Backends, door: Door) -> Iterator[str]:
    with serving(live) as found:
        yield found


@pytest.fixture(scope="module")
def state(chromium: Any, address: str, live: Backends) -> Any:
    return cookies(chromium, live)


@pytest.fixture
def visit(chromium: Any, address: str, state: Any) -> Iterator[Visit]:
    with visiting(chromium, address, state) as found:
        found.open("/realtime")
        yield found


@contextmanager
def following(door: Door) -> Iterator[None]:
    """The live consumer at work, as beside a server."""
    follower = Follower(door.live)
    follower.start()
    try:
        yield
    finally:
        follower.stop()


def polls(visit: Visit) -> list[str]:
    """The bodies of the polls from now on."""
    seen: list[str] = []

    def note(request: Any) -> None:
        if "realtime-graph.figure" in (request.post_data or ""):
            seen.append(request.post_data)

    visit.page.on("request", note)
    return seen


def hold(visit: Visit, output: str) -> list[Any]:
    """The requests of a callback from now on, which are not let through."""
    held: list[Any] = []

    def decide(route: Any) -> None:
        if output in route.request.post_data:
            held.append(route)
        else:
            route.continue_()

    visit.page.route(POLLS, decide)
    return held


def beats(visit: Visit, count: int = 3) -> None:
    """Wait for some more beats."""
    visit.page.evaluate(COUNT_BEATS)
    visit.page.wait_for_function("count => window.beats >= count", arg=count)


def mark(visit: Visit, text: str) -> Any:
    """The row of an error message in the list."""
    return visit.page.get_by_role("table", name="Errors").get_by_text(text, exact=True)


def send_mark(door: Door, text: str) -> None:
    assert door.server(event_type="error", properties={"message": text}).status == 200


def test_an_accepted_event_is_on_the_panel_within_two_seconds(visit: Visit, door: Door) -> None:
    took = []
    with following(door):
        for text in ("mark 1", "mark 2", "mark 3"):
            send_mark(door, text)
            start = time.monotonic()
            mark(visit, text).wait_for()
            took.append(time.monotonic() - start)
    print("seconds from the acknowledgement to the panel:", [round(one, 2) for one in took])
    assert median(took) <= 2.0
    assert visit.problems == []


def test_the_chart_and_lists_follow_without_being_made_anew(visit: Visit, door: Door) -> None:
    page = visit.page
    page.evaluate("document.querySelector('#realtime-graph .js-plotly-plot').kept = true")
    page.locator("#realtime details summary").click()
    before = page.evaluate(CLICKS)
    door.server(event_type="click", properties={"page": "https://shop.example/new"})
    door.settle()
    page.wait_for_function(f"before => ({CLICKS})() > before", arg=before)
    assert page.evaluate("document.querySelector('#realtime-graph .js-plotly-plot').kept")
    assert page.locator("#realtime details").get_attribute("open") is not None
    assert visit.problems == []


def test_a_hidden_tab_asks_nothing_and_goes_on_when_shown(visit: Visit, door: Door) -> None:
    visit.page.evaluate(HIDE, True)
    visit.settle()
    seen = polls(visit)
    send_mark(door, "while hidden")
    door.settle()
    beats(visit)
    assert seen == []
    assert mark(visit, "while hidden").count() == 0
    visit.page.evaluate(WITHOUT_BEATS, True)
    visit.page.evaluate(HIDE, False)
    mark(visit, "while hidden").wait_for()
    visit.page.evaluate(WITHOUT_BEATS, False)
    beats(visit)
    assert len(seen) >= 3


def test_slow_answers_do_not_pile_up(visit: Visit) -> None:
    hold(visit, "realtime-graph.figure")
    seen = polls(visit)
    beats(visit, 4)
    assert len(seen) == 1
    visit.page.unroute(POLLS)  # lets through what was held
    beats(visit)
    assert len(seen) > 1


def test_a_lost_connection_is_told_and_found_again(visit: Visit) -> None:
    page = visit.page
    page.route(POLLS, lambda route: route.abort())
    page.get_by_text("No answer from the server; trying again.").wait_for()
    page.unroute(POLLS)
    page.get_by_text("No answer from the server; trying again.").wait_for(state="hidden")


def test_counts_that_stand_still_are_stale(visit: Visit, door: Door, clock: Clock) -> None:
    page = visit.page
    page.locator(".sg-live-live").wait_for()
    door.server()
    try:
        clock.ahead = 12
        page.get_by_text("Catching up").wait_for()
        clock.ahead = 45
        page.get_by_role("status").get_by_text("Stale").wait_for()
        assert "nothing counted for 4" in page.inner_text(".sg-live-behind")
        assert visit.axe() == []
    finally:
        clock.ahead = 0
        door.settle()
    page.locator(".sg-live-live").wait_for()


def test_the_state_is_not_announced_every_second(visit: Visit) -> None:
    page = visit.page
    page.evaluate(WATCH)
    page.wait_for_function("() => window.ticked >= 3")
    assert page.evaluate("window.said") == 0


def test_leaving_the_page_ends_the_polls(visit: Visit) -> None:
    visit.page.get_by_role("link", name="Reconciliation").click()
    visit.page.wait_for_selector(".sg-banner")
    visit.settle()
    seen = polls(visit)
    visit.page.wait_for_function(
        "start => performance.now() - start > 2500", arg=visit.page.evaluate("performance.now()")
    )
    assert seen == []
    visit.page.get_by_role("link", name="Realtime").click()
    visit.page.wait_for_selector(".sg-live-state")
    beats(visit, 2)
    assert seen


@pytest.mark.parametrize("path", ["/realtime", "/reconciliation", "/reconciliation?show=all"])
def test_axe_finds_nothing_where_there_is_something(
    chromium: Any, address: str, state: Any, path: str
) -> None:
    with visiting(chromium, address, state, viewport=PHONE) as visit:
        visit.open(path)
        visit.page.locator(".sg-ranked, .sg-lines").first.wait_for()
        for size in (PHONE, WIDE):
            visit.resize(size)
            visit.still()
            assert visit.faults() == [], size
        assert visit.problems == []


def test_a_recount_brings_the_counts_together(chromium: Any, address: str, state: Any, door: Door) -> None:
    with visiting(chromium, address, state) as visit:
        page = visit.page
        door.server()
        while door.live.step():
            pass
        LakeConsumer(door.backends.log, door.backends.lake, door.lake.rules).drain()
        visit.open("/reconciliation")
        assert "1 minute settles" in page.inner_text(".sg-banner")
        held = hold(visit, '"recounted.children"')
        page.get_by_role("button", name="Recount").click()
        busy = page.get_by_role("button", name="Counting…")
        busy.wait_for()
        assert busy.is_disabled()
        held[0].continue_()
        page.get_by_text("Recounted: 1 event added on 1 day").wait_for()
        page.wait_for_function("() => !document.querySelector('.sg-banner').textContent.includes('settle')")
        assert page.get_by_role("button", name="Recount").is_enabled()
        assert visit.problems == []


def test_compare_again_sees_what_came_since(chromium: Any, address: str, state: Any, door: Door) -> None:
    with visiting(chromium, address, state) as visit:
        door.settle()
        visit.open("/reconciliation")
        before = visit.page.locator(".sg-equation dd").first.inner_text()
        door.server()
        door.settle()
        visit.page.get_by_role("button", name="Compare again").click()
        visit.page.wait_for_function(
            "before => document.querySelector('.sg-equation dd').innerText !== before", arg=before
        )


def test_an_hour_of_the_strip_shows_its_lines(chromium: Any, address: str, state: Any, door: Door) -> None:
    with visiting(chromium, address, state) as visit:
        door.settle()
        visit.open("/reconciliation?show=all")
        page = visit.page
        link = page.locator(".sg-strip-hour").nth(24)
        link.focus()
        page.keyboard.press("Enter")
        page.get_by_text("Show all hours").wait_for()
        assert "hour=" in visit.query
        page.get_by_text("No events.").wait_for()
        page.locator(".sg-strip-hour[aria-current]").click()
        page.locator(".sg-lines").wait_for()
        assert visit.query == "?show=all"
