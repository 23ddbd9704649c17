"""The content security policy stops nothing on any page, in light and dark, with what opens opened."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from app.factory import PAGES
from tests.browser.visits import Visit, visiting
from tests.browser.xss_watch import WATCH, act

DEEP = bool(os.environ.get("TEST_DEEP"))
OPENED = "#page :is(h1, .sg-state), .sg-plain-card h1"

OPENS: dict[str, tuple[str, ...]] = {
    "period": ("button.sg-period, .sg-period button",),
    "filters": ("#filters-open, #findings-filters",),
    "conditions": ("#filters-open", "#conditions-open"),
    "segments": ("#segments-open", "#segments-menu-dropdown summary, .sg-segment-save summary"),
    "columns": ("#page .sg-card-controls .sg-tools button",),
    "an event": (".ag-row[row-index='1'] .ag-cell",),
    "a finding": ("#findings-table .sg-finding-title",),
    "many findings": ("#work-open",),
    "a form": ('#page button[id*=\'"do":"invite"\'], #page .sg-connect-head button',),
    "details": ("#page summary",),
    "a drop-down": ("#page .mantine-Select-input",),
    "who is signed in": ("header [aria-label^='Signed in as']",),
}
"""What is pressed one after another, where it is there; then Escape closes it. On every page where there is
time for it, else once."""
NO_PAGES = ("/no-such-page", "/no/such?a=b", "/sign-in", "/sign-in?next=/traffic", "/sign-in/link?token=used")
PROBLEMS = (
    "/csv/no.such",
    "/v1/query?query_type=x",
    "/assets/none.js",
    "/?from=never",
    "/findings?state=none",
)


class Watch:
    """A visit on which everything that the policy stops is counted."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.done, self.stopped = visit, Counter[str](), list[str]()
        visit.page.add_init_script(WATCH)

    def look(self, what: str, refused: bool = False) -> None:
        """Note what was stopped so far, and any other problem."""
        self.visit.settle()
        self.done[what] += 1
        problems, self.visit.problems = self.visit.problems, []
        self.stopped += [
            f"{self.visit.page.url}, {what}: {one}"
            for one in problems
            if not (refused and (one.startswith("4") or "status of 4" in one))
        ]

    def both_themes(self, what: str, refused: bool = False) -> None:
        """Look in light and dark."""
        self.look(what, refused)
        self.visit.page.emulate_media(color_scheme="dark" if self.visit.theme == "light" else "light")
        if self.visit.page.locator(".sg-plain").count():
            self.visit.page.reload()  # these are as the system is when they are loaded
        self.look(what, refused)


def test_the_policy_stops_nothing(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        watch = Watch(visit)
        for page in PAGES:
            visit.page.goto(f"{base}{page.PATH}")
            visit.page.wait_for_selector(OPENED)
            watch.both_themes(page.PATH)
            for name, selectors in OPENS.items():
                if (DEEP or not watch.done[name]) and act(visit.page, selectors[0]):
                    visit.settle()
                    for selector in selectors[1:]:
                        act(visit.page, selector)
                    watch.look(name)
                    _close(visit)
        for path in (*NO_PAGES, *PROBLEMS):
            visit.page.goto(f"{base}{path}")
            watch.look(path, refused=True)
        _downloads(watch)
        print(f"\n{sum(watch.done.values())} looks, {len(watch.stopped)} stopped: {dict(watch.done)}")
        assert watch.stopped == []
        assert {page.PATH for page in PAGES} | {
            "period",
            "filters",
            "segments",
            "an event",
        } <= watch.done.keys()


def _close(visit: Visit) -> None:
    for _ in range(2):  # a drop-down within what was opened takes the first
        visit.page.keyboard.press("Escape")
        visit.still()


def _downloads(watch: Watch) -> None:
    """A CSV, taken by its link."""
    page = watch.visit.page
    page.goto(f"{watch.visit.base}/")
    link = page.locator("a[href^='/csv/']").first
    link.wait_for()
    with page.expect_download():
        link.click()
    watch.look("a download")


def test_signed_out_the_policy_stops_nothing(chromium: Any, base: str) -> None:
    with visiting(chromium, base) as visit:
        watch = Watch(visit)
        for path in NO_PAGES[2:]:
            visit.page.goto(f"{base}{path}")
            watch.both_themes(path, refused=True)
        visit.page.goto(f"{base}/sign-in")
        visit.page.get_by_label("User name").fill("nobody")
        visit.page.get_by_label("Password").fill("nothing at all")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector("[role=alert]")
        watch.both_themes("refused", refused=True)
        assert watch.stopped == []


def test_what_the_policy_stops_is_seen(chromium: Any, base: str, signed_in: Any) -> None:
    """Silence says something: a script, a picture and a request of somebody else's are told."""
    inline = "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    picture = "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))"
    asked = "fetch('http://127.0.0.1:9/').catch(() => 0)"
    with visiting(chromium, base, signed_in) as visit:
        watch = Watch(visit)
        visit.page.goto(f"{base}/")
        visit.page.wait_for_selector(OPENED)
        for script, directive in ((inline, "script-src"), (picture, "img-src"), (asked, "connect-src")):
            visit.page.evaluate(script)
            visit.page.wait_for_function(
                "name => window.told.some(one => one.includes(`policy: ${name}`))", arg=directive
            )
        watch.look("/")
        assert len(watch.stopped) >= 3
        assert visit.page.evaluate("window.ran") is None
