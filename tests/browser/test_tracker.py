from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from tests.browser.tracker_shop import TRACKER, WRITE_KEY, Answer, Batch, Collector, Shop, Visitor, serving

STORED = f"Object.keys(localStorage).filter(key => key.startsWith('sg.{WRITE_KEY}.')).length"
NO_STORAGE = (
    "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('', 'SecurityError') }})"
)
Opening = Callable[..., Visitor]


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def visitor(chromium: Any, collector: Collector) -> Iterator[Opening]:
    """Opens a shop, whose snippet has the attributes given, and a browser there. Keeps to its promises:
    no error in the page, no cookie, no preflight, small requests with text and this shop's key."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(serving(collector))
        visitors: list[Visitor] = []

        def opened(*, own_script: bool = False, **attributes: str) -> Visitor:
            shop = stack.enter_context(serving(Shop(endpoint, own_script=own_script, **attributes)))
            collector.origins.add(shop)
            context = chromium.new_context()
            stack.callback(context.close)
            visitors.append(Visitor(context, shop, collector))
            return visitors[-1]

        yield opened
        assert [problem for visitor in visitors for problem in visitor.problems] == []
        assert [cookie for visitor in visitors for cookie in visitor.context.cookies()] == []
        assert set(collector.methods) <= {"POST"}
        made = {event for visitor in visitors for event in visitor.made}
        assert {event["eventId"] for event in collector.sent} <= made
        for batch in collector.batches:
            assert (batch.key, batch.content_type) == (WRITE_KEY, "text/plain;charset=UTF-8")
            assert 1 <= len(batch.events) <= 50
            assert batch.size < 50_000


def seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def pauses(batches: list[Batch]) -> list[float]:
    """Seconds between requests, by the browser's clock."""
    sent = [batch.body["sent_at"] for batch in batches]
    return [seconds(earlier, later) for earlier, later in pairwise(sent)]


def test_it_is_two_kilobytes() -> None:
    source = TRACKER.read_bytes()
    assert len(gzip.compress(source, 9)) <= 2000 - len("tracker.js\0")
    assert all(word not in source for word in (b"eval(", b"Function(", b"cookie", b"import"))


def test_a_page_view_says_who_where_and_when(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.open("/shoes?size=42#top")
    collector.wait(lambda: collector.kept)
    event = collector.kept[0]
    assert list(event) == [
        "eventName", "eventId", "timestamp", "pageUrl", "pageTitle", "referrer", "clientId", "sessionId",
        "isFirstVisit",
    ]  # fmt: skip
    assert (event["eventName"], event["pageTitle"], event["referrer"]) == ("page_view", "Shoes", "")
    assert event["pageUrl"] == at.shop + "/shoes?size=42"
    assert event["isFirstVisit"] is True
    assert all(UUID(event[name]) for name in ("eventId", "clientId", "sessionId"))
    assert event["timestamp"].endswith("Z")
    assert 0.9 <= seconds(event["timestamp"], collector.batches[0].body["sent_at"]) < 10


def test_page_views_across_the_history(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    page = at.open("/")
    page.evaluate("history.pushState({}, '', '/a')")
    page.evaluate("history.replaceState({scroll: 5}, '', '/a')")
    page.evaluate("history.replaceState({}, '', '/a#part')")
    page.evaluate("history.replaceState({}, '', '/a?page=2')")
    page.evaluate("history.pushState({}, '', '/b')")
    page.go_back()
    page.go_forward()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: false}))")
    at.open("/c")
    collector.wait(lambda: len(collector.kept) == 8)
    views = sorted(collector.kept, key=lambda event: event["timestamp"])
    paths = ["/", "/a", "/a?page=2", "/b", "/a?page=2", "/b", "/b", "/c"]
    assert [view["pageUrl"].removeprefix(at.shop) for view in views] == paths
    before = ["", "/", "/a", "/a?page=2", "/b", "/a?page=2", "/a?page=2", ""]
    assert [view["referrer"].removeprefix(at.shop) for view in views] == before


def test_long_texts_are_cut_to_what_the_server_takes(visitor: Opening, collector: Collector) -> None:
    page = visitor().open()
    page.evaluate("document.title = '\N{WAVING HAND SIGN}'.repeat(600)")
    page.evaluate("for (const n of [1, 2]) history.pushState({}, '', `/${n}?` + 'y'.repeat(3000))")
    collector.wait(lambda: len(collector.kept) == 3)
    last = collector.kept[-1]
    assert [len(last[name]) for name in ("pageTitle", "pageUrl", "referrer")] == [512, 2048, 2048]
    assert json.dumps(last, ensure_ascii=False).encode()


def test_push_state_works_as_ever(visitor: Opening) -> None:
    page = visitor().open()
    assert page.evaluate("history.pushState({n: 1}, '', '/a'); [history.state.n, location.pathname]") == [
        1,
        "/a",
    ]
    assert (
        page.evaluate("try { history.pushState(() => 1, '') } catch (error) { error.name }")
        == "DataCloneError"
    )


def test_clicks_without_what_people_typed(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    page = at.open()
    page.fill("#email", "secret@example.com")
    for name in (
        "buy",
        "wish",
        "plain",
        "card",
        "editor",
        "send",
        "draft",
        "account",
        "greeting",
        "star",
        "email",
    ):
        page.locator(f"#{name}").dispatch_event("click")
    collector.wait(lambda: len(collector.kept) == 10)
    told = {e["element"]["id"]: e["element"] for e in collector.kept if e["eventName"] == "click"}
    assert told["buy"] == {
        "tag": "button",
        "id": "buy",
        "role": None,
        "text": "Add to cart",
        "dataset": {"productId": "p-1", "long": "x" * 200},
    }
    assert (told["wish"]["role"], told["wish"]["text"]) == ("button", "x" * 159 + "\N{WAVING HAND SIGN}")
    assert told["card"]["text"].strip() == "Card"
    assert told["star"]["tag"] == "a"
    assert [name for name in told if not told[name]["text"]] == [
        "editor", "send", "draft", "account", "greeting", "star",
    ]  # fmt: skip
    assert "secret" not in json.dumps([batch.body for batch in collector.batches])


def test_a_click_the_page_stops_is_counted_and_none_with_clicks_off(
    visitor: Opening, collector: Collector
) -> None:
    for attributes in ({}, {"data_clicks": "off"}):
        at = visitor(**attributes)
        page = at.open()
        page.evaluate("buy.addEventListener('click', event => event.stopImmediatePropagation())")
        page.click("#buy")
        page.evaluate("streamgauge('done')")
        collector.wait(lambda at=at: at.delivered() and "done" in collector.names()[-1:])
    assert collector.names() == ["page_view", "click", "done", "page_view", "done"]


def test_custom_events_before_and_after_it_has_loaded(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    with _held(at.page, "**/tracker.js") as release:
        at.page.goto(at.shop, wait_until="commit")
        at.wait("!!window.streamgauge")
        at.page.evaluate("""() => {
          streamgauge('early', {product: {id: 'p-1', price: 9.5}, element: {dataset: {n: '9'}}, note: 'n'});
          streamgauge(() => streamgauge.identify('u-1', 'logged_in'));
          streamgauge('known');
        }""")
        release()
    at.wait("!!window.streamgauge.consent")
    at.page.evaluate("streamgauge.identify(null, 'anonymous'); streamgauge('unknown')")
    collector.wait(lambda: len(collector.kept) == 4)
    assert collector.names() == ["page_view", "early", "known", "unknown"]
    view, early, known, unknown = collector.kept
    assert early["product"] == {"id": "p-1", "price": 9.5}
    assert (early["element"], early["note"]) == ({"dataset": {"n": "9"}}, "n")
    assert [("userId" in event) for event in (view, early)] == [False, False]
    assert (known["userId"], known["userLoginState"]) == ("u-1", "logged_in")
    assert (unknown["userId"], unknown["userLoginState"]) == (None, "anonymous")


@contextmanager
def _held(page: Any, pattern: str) -> Iterator[Callable[[], None]]:
    """Requests for ``pattern`` wait until the function given is called."""
    waiting: list[Any] = []
    page.route(pattern, lambda route: waiting.append(route))
    yield lambda: [route.continue_() for route in waiting] and None
    page.unroute(pattern)


def test_nonsense_never_throws(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    page = at.open()
    page.evaluate("""() => {
      streamgauge(); streamgauge(null); streamgauge('loop', window); streamgauge('big', {n: 1n});
      streamgauge(() => { throw Error() }); streamgauge('huge', {text: 'x'.repeat(30000)});
      document.dispatchEvent(new Event('click')); streamgauge('fine');
    }""")
    collector.wait(lambda: len(collector.kept) == 2)
    assert collector.names() == ["page_view", "fine"]


def test_the_session_ends_after_thirty_minutes_without_an_event(
    visitor: Opening, collector: Collector
) -> None:
    at = visitor()
    at.still()
    page = at.open()
    for minutes, name in ((29, "same"), (29, "still_same"), (31, "new"), (1, "new_too")):
        page.clock.run_for(minutes * 60_000)
        page.evaluate("name => streamgauge(name)", name)
    at.pass_until(at.delivered)
    events = {event["eventName"]: event for event in collector.kept}
    sessions = [events[name]["sessionId"] for name in ("page_view", "same", "still_same", "new", "new_too")]
    assert sessions[0] == sessions[1] == sessions[2] != sessions[3] == sessions[4]
    assert len({event["clientId"] for event in collector.kept}) == 1
    assert [events[name]["isFirstVisit"] for name in ("page_view", "still_same", "new", "new_too")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_tabs_share_visitor_and_session_or_do_not(visitor: Opening, collector: Collector) -> None:
    for storage, sessions in (("local", 1), ("session", 2), ("none", 2)):
        at = visitor(data_storage=storage)
        known = len(collector.kept)
        at.open()
        at.open(page=at.context.new_page())
        collector.wait(lambda known=known: len(collector.kept) == known + 2)
        assert len({event["sessionId"] for event in collector.kept[known:]}) == sessions
        assert len({event["clientId"] for event in collector.kept[known:]}) == sessions
        assert at.page.evaluate("localStorage.length > 0") == (storage == "local")


def test_events_are_sent_together(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    page = at.open()
    page.evaluate("for (let n = 0; n < 60; n++) streamgauge('e', {n, note: 'é'.repeat(9)})")
    collector.wait(at.delivered)
    assert len(collector.batches) < 6
    assert len(collector.sent) == 61
    assert not [batch for batch in collector.batches if batch.beacon]
    at.wait(STORED + " == 0")


def test_the_tracker_may_come_from_the_shop_itself(visitor: Opening, collector: Collector) -> None:
    at = visitor(own_script=True)
    at.open()
    collector.wait(at.delivered)
    assert collector.names() == ["page_view"]


def test_cookies_of_the_collector_are_not_sent(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.context.add_cookies([{"name": "session", "value": "1", "url": at.shop}])
    at.open()
    collector.wait(at.delivered)
    assert [batch.cookies for batch in collector.batches] == [None]
    at.context.clear_cookies()


def test_a_shop_the_collector_does_not_know_keeps_its_events(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    collector.origins.clear()
    page = at.open()
    at.pass_until(lambda: len(collector.batches) == 2)
    assert page.evaluate(STORED) == 1
    collector.origins.add(at.shop)
    at.pass_until(lambda: page.evaluate(STORED) == 0)
    assert len(collector.kept) == 1


@pytest.mark.parametrize("way", ["close", "leave", "hide", "pagehide"])
def test_a_page_that_goes_hands_its_events_to_a_beacon(
    visitor: Opening, collector: Collector, way: str
) -> None:
    at = visitor()
    at.still()
    page = at.open()
    page.evaluate("streamgauge('last')")
    if way == "close":
        page.close()
    elif way == "leave":
        page.goto("about:blank")
    elif way == "pagehide":
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    else:
        page.evaluate("""Object.defineProperty(document, 'hidden', {get: () => true});
          document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))""")
    collector.wait(at.delivered)
    assert [batch.beacon for batch in collector.batches] == [True]
    assert collector.names() == ["page_view", "last"]


def test_what_a_beacon_took_is_sent_once_more_by_the_next_page(
    visitor: Opening, collector: Collector
) -> None:
    at = visitor()
    at.still()
    at.open("/a").clock.run_for(5)
    at.open("/b")
    collector.wait(lambda: len(collector.batches) == 1)
    at.pass_until(lambda: at.page.evaluate(STORED) == 0)
    at.open("/c")
    at.pass_until(lambda: at.page.evaluate(STORED) == 0)
    requests = [[event["pageTitle"] for event in batch.events] for batch in collector.batches]
    assert requests == [["A"], ["A", "B"], ["C"]]
    assert len(collector.kept) == 3


def test_a_refused_beacon_loses_nothing(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.context.add_init_script("navigator.sendBeacon = () => false")
    at.open("/a")
    at.open("/b")
    collector.wait(lambda: len(at.made) == 2 and at.delivered())
    assert not [batch for batch in collector.batches if batch.beacon]


@pytest.mark.parametrize(
    "failure", [Answer(503), Answer(500), Answer(429), Answer(507), Answer(lost=True)], ids=str
)
def test_it_tries_again_later_and_later(visitor: Opening, collector: Collector, failure: Answer) -> None:
    at = visitor()
    at.still()
    collector.answers.extend([failure] * 4)
    page = at.open()
    at.pass_until(lambda: len(collector.batches) == 5 and page.evaluate(STORED) == 0)
    assert len({event["eventId"] for event in collector.sent}) == 1
    for pause, least in zip(pauses(collector.batches), (1, 2, 4, 8), strict=True):
        assert least <= pause <= 1.5 * least + 4
    collector.answers.append(failure)
    page.evaluate("streamgauge('after')")
    at.pass_until(lambda: len(collector.batches) == 7)
    assert pauses(collector.batches)[-1] <= 5.5


@pytest.mark.parametrize(("told", "least", "most"), [("30", 30, 49), ("Wed, 21 Oct 2026", 0.5, 5)])
def test_it_waits_as_long_as_it_is_told(
    visitor: Opening, collector: Collector, told: str, least: float, most: float
) -> None:
    at = visitor()
    at.still()
    collector.answers.append(Answer(429, retry_after=told))
    at.open()
    at.pass_until(lambda: len(collector.batches) == 2)
    assert least <= pauses(collector.batches)[0] <= most


@pytest.mark.parametrize("status", [207, 400, 401, 403, 413, 422])
def test_what_can_never_be_accepted_is_sent_once(visitor: Opening, collector: Collector, status: int) -> None:
    at = visitor()
    collector.answers.append(Answer(status))
    page = at.open()
    at.wait(STORED + " == 0")
    page.evaluate("streamgauge('next')")
    collector.wait(lambda: "next" in collector.names())
    assert [event["eventName"] for event in collector.sent] == ["page_view", "next"]


def test_too_large_batches_are_halved(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    collector.most = 3
    page = at.open()
    page.evaluate("for (let n = 0; n < 15; n++) streamgauge('e', {n})")
    at.pass_until(at.delivered)
    sizes = [len(batch.events) for batch in collector.batches]
    assert sizes[:4] == [16, 8, 4, 2]
    assert set(sizes[3:]) == {2}
    at.pass_until(lambda: page.evaluate(STORED) == 0)


def test_offline_then_online(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    page = at.open()
    at.pass_until(lambda: at.delivered() and page.evaluate(STORED) == 0)
    failed: list[Any] = []
    page.on("requestfailed", lambda request: failed.append(request))
    at.context.set_offline(True)
    page.evaluate("for (const n of [1, 2, 3]) streamgauge('offline', {n})")
    at.pass_until(lambda: failed)
    assert page.evaluate(STORED) == 3
    at.context.set_offline(False)
    collector.wait(at.delivered)
    assert [event.get("n") for event in collector.kept] == [None, 1, 2, 3]


def test_the_queue_is_bounded_and_says_so(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    page = at.open()
    at.pass_until(at.delivered)
    at.context.set_offline(True)
    page.evaluate("for (let n = 0; n < 520; n++) streamgauge('e', {n})")
    assert page.evaluate(STORED) == 500
    at.context.set_offline(False)
    at.pass_until(lambda: page.evaluate(STORED) == 0)
    assert sorted(e["n"] for e in collector.kept if "n" in e) == list(range(20, 520))
    assert sum(batch.body["dropped"] for batch in collector.batches if batch.kept) == 20


def test_the_queue_is_bounded_in_size(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    page = at.open()
    at.pass_until(at.delivered)
    at.context.set_offline(True)
    page.evaluate("for (let n = 0; n < 30; n++) streamgauge('e', {n, text: 'ä'.repeat(15000)})")
    kept = page.evaluate("""Object.keys(localStorage).filter(key => key.startsWith('sg.wk_test.'))
      .sort().map(key => localStorage[key].length)""")
    assert 240_000 < sum(kept) <= 256_000
    at.context.set_offline(False)
    at.pass_until(lambda: page.evaluate(STORED) == 0)
    assert [e["n"] for e in collector.kept[1:]] == list(range(30 - len(kept), 30))
    assert sum(batch.body["dropped"] for batch in collector.batches if batch.kept) == 30 - len(kept)


def test_two_tabs_send_one_after_the_other(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    collector.open.clear()
    first = at.open("/a")
    collector.wait(lambda: collector.batches)
    second = at.open("/b", at.context.new_page())
    at.wait("navigator.locks.query().then(locks => locks.pending.length)", second)
    first.evaluate("streamgauge('more')")
    assert [event["pageTitle"] for event in collector.sent] == ["A"]
    collector.open.set()
    collector.wait(at.delivered)
    assert len(collector.kept) == 3


def test_a_closed_tab_leaves_its_events_to_the_others(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    first, second = at.open("/a"), at.open("/b", at.context.new_page())
    collector.wait(at.delivered)
    at.context.set_offline(True)
    for n in range(10):
        (first, second)[n % 2].evaluate("n => streamgauge('e', {n})", n)
    first.close()
    at.context.set_offline(False)
    collector.wait(at.delivered)
    assert sorted(e["n"] for e in collector.kept if "n" in e) == list(range(10))


@pytest.mark.parametrize(
    "trouble",
    [
        NO_STORAGE,
        "Object.defineProperty(window, 'localStorage', {value: null})",
        "for (let n = 23; n--; ) try { localStorage.full += 'x'.repeat(2 ** n) } catch {}",
        "delete Navigator.prototype.locks; delete Crypto.prototype.randomUUID; delete AbortSignal.timeout",
        "navigator.locks.request = async () => { throw Error() }",
    ],
    ids=["blocked", "missing", "full", "old-browser", "no-locks"],
)
def test_it_works_where_the_browser_gives_little(
    visitor: Opening, collector: Collector, trouble: str
) -> None:
    at = visitor()
    at.context.add_init_script(trouble)
    collector.answers.append(Answer(503))
    page = at.open()
    page.click("#buy")
    page.evaluate("streamgauge('custom')")
    collector.wait(lambda: len(collector.kept) == 3)
    assert at.delivered()
    assert len({event["sessionId"] for event in collector.kept}) == 1
    assert all(UUID(event["eventId"]) for event in collector.kept)


TRACKING = "buy.click(); streamgauge('e'); streamgauge.identify('u'); history.pushState({}, '', '/b')"


@pytest.mark.parametrize("name", ["doNotTrack", "globalPrivacyControl"])
def test_do_not_track_is_respected_unless_told_otherwise(
    visitor: Opening, collector: Collector, name: str
) -> None:
    for attributes in ({}, {"data_dnt": "ignore"}):
        at = visitor(**attributes)
        at.context.add_init_script(
            f"Object.defineProperty(Navigator.prototype, '{name}', {{get: () => '1'}})"
        )
        at.still()
        page = at.open()
        page.evaluate(TRACKING + "; streamgauge.consent(true); dispatchEvent(new Event('online'))")
        if not attributes:
            page.clock.run_for(60_000)
            assert page.evaluate("localStorage.length") == 0
            page.close()
    at.pass_until(at.delivered)
    assert collector.names() == ["page_view", "click", "e", "page_view"]
    assert len(collector.sent) == 4


def test_nothing_happens_before_consent_and_after_its_end(visitor: Opening, collector: Collector) -> None:
    at = visitor(data_consent="required")
    at.still()
    page = at.open()
    page.evaluate(TRACKING)
    page.clock.run_for(60_000)
    page = at.open("/c")
    assert page.evaluate("localStorage.length") == 0
    page.evaluate("streamgauge.consent(true)")
    at.pass_until(lambda: page.evaluate(STORED) == 0)
    page.evaluate("streamgauge.consent(true); streamgauge('same')")
    at.pass_until(lambda: page.evaluate(STORED) == 0)
    at.open("/remembered")
    page.evaluate("streamgauge('e'); streamgauge.consent(false); streamgauge('refused')")
    assert page.evaluate("Object.entries(localStorage)") == [[f"sg.{WRITE_KEY}", ""]]
    page.clock.run_for(60_000)
    page = at.open("/refused")
    page.evaluate(TRACKING)
    page.clock.run_for(60_000)
    page.evaluate("streamgauge.consent(true)")
    at.pass_until(lambda: page.evaluate(STORED) == 0 and len(collector.kept) >= 3)
    assert [(event["eventName"], event["pageTitle"]) for event in collector.kept] == [
        ("page_view", "C"),
        ("same", "C"),
        ("page_view", "Refused"),
    ]
    first, same, second = (event["clientId"] for event in collector.kept)
    assert first == same != second


def test_refusal_is_remembered_where_no_consent_is_required(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    at.still()
    page = at.open()
    page.evaluate("streamgauge.consent(false)")
    at.open("/b")
    page.evaluate(TRACKING)
    page.clock.run_for(60_000)
    page.evaluate("streamgauge.consent(true)")
    at.pass_until(lambda: collector.kept)
    assert collector.names() == ["page_view"]


def test_two_snippets_count_once(visitor: Opening, collector: Collector) -> None:
    at = visitor()
    page = at.open()
    page.evaluate("""() => new Promise(done => { const again = document.createElement('script');
      const { src, dataset } = document.querySelector('[data-key]');
      again.src = src; again.dataset.key = dataset.key;
      again.onload = done; document.head.append(again) })""")
    page.click("#buy")
    collector.wait(at.delivered)
    assert collector.names() == ["page_view", "click"]


@pytest.mark.parametrize("seed", range(3))
def test_every_event_arrives_whatever_happens(visitor: Opening, collector: Collector, seed: int) -> None:
    chance = random.Random(seed)
    at = visitor()
    faults = [Answer(), Answer(503), Answer(429, retry_after="1"), Answer(lost=True), Answer(500)]
    collector.answers.extend(chance.choices(faults, k=25))
    tabs = [at.page, at.context.new_page()]
    for tab in tabs:
        at.open("/start", tab)
    for n in range(40):
        tab = chance.choice(tabs)
        match chance.randrange(6):
            case 0:
                at.context.set_offline(False)
                at.open(f"/{n}", tab)
            case 1:
                at.context.set_offline(chance.random() < 0.5)
            case 2:
                tab.evaluate("n => history.pushState({}, '', `/in-app/${n}`)", n)
            case 3:
                tab.evaluate("buy.click()")
            case _:
                tab.evaluate("n => streamgauge('e', {n})", n)
    tabs.pop().close()
    at.context.set_offline(False)
    collector.answers.clear()
    at.open("/end")
    at.wait(STORED + " == 0")
    collector.wait(at.delivered)
    assert len(at.made) == len(collector.kept) > 25
