"""A page in the browser, with everything it should not do noted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
WIDE, PHONE = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}
PAGES = (
    "/",
    "/traffic",
    "/products",
    "/funnels",
    "/explore",
    "/findings",
    "/realtime",
    "/reconciliation",
    "/connect",
    "/admin",
)
MARK = {
    "/": "#overview-series .js-plotly-plot",
    "/traffic": "#traffic-series .js-plotly-plot",
    "/products": "#products-series .js-plotly-plot",
    "/funnels": ".sg-funnel-summary",
    "/explore": ".ag-row",
    "/findings": "#findings-table :is(.sg-findings, .sg-state)",
    "/realtime": ".sg-live-state",
    "/connect": ":is(.sg-connect-first, .sg-connect-none), #connect-around :is(.sg-state, .sg-connect-foot)",
    "/admin": ".sg-admin-table, #admin-people .sg-state, #admin-keys .sg-state, #admin-sites, #admin-audit",
    "/reconciliation": "#reconciliation-verdict :is(.sg-banner, .sg-state)",
}


AT_REST = """() => !document.querySelector('[data-dash-is-loading="true"]')
    && document.getAnimations().every(one => one.playState !== 'running'
        || one.effect.getTiming().iterations === Infinity)"""
"""Nothing loads and nothing fades."""
QUIET = """([asked, enough]) => {
    const queues = window.store ? Object.values(window.store.getState().callbacks) : [];
    const busy = document.querySelector('.mantine-Skeleton-root, [data-dash-is-loading=true]')
        || queues.some(queue => Array.isArray(queue) && queue.length);
    const now = performance.now();
    if (busy || !window.quiet || window.quiet.asked !== asked) window.quiet = {asked, since: now};
    return now - window.quiet.since >= enough;
}"""
"""For a while no place holder is left and no callback is due."""
QUIET_MS = 120


class Visit:
    """One page in a context of its own."""

    def __init__(self, page: Any, base: str) -> None:
        self.page = page
        self.base = base
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        self.under_way = 0
        page.on("request", lambda _: self._count(1))
        page.on("requestfinished", lambda _: self._count(-1))
        page.on("requestfailed", lambda _: self._count(-1))

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.base).netloc:
            self.problems.append(f"request to another host: {request.url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def _count(self, change: int) -> None:
        self.under_way += change

    def open(self, path: str) -> None:
        """Go to a page and wait until it is drawn."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector(MARK.get(urlsplit(path).path, "h1"))
        self.settle()

    def still(self) -> None:
        """Wait until the page has been drawn and every transition has ended."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        self.page.wait_for_function(
            "() => document.getAnimations().every(animation => animation.playState !== 'running')"
        )

    def settle(self) -> None:
        """Wait until for a while no place holder is left, no callback is due and no request is under way."""
        for _ in range(500):
            self.page.wait_for_function(QUIET, arg=[time.monotonic(), QUIET_MS], polling=30)
            if not self.under_way:
                return
            self.page.wait_for_timeout(30)
        raise AssertionError(f"{self.page.url} is still busy")

    def resize(self, size: dict[str, int]) -> None:
        """Give the window a size, and wait until the page is drawn for it."""
        if self.page.viewport_size != size:
            self.page.set_viewport_size(size)
            self.settle()

    def table(self, card: str) -> list[list[str]]:
        """The cells of a card's table as they are read, row by row, its head first."""
        rows = self.page.locator(f"#{card} table tr").all()
        return [[cell.inner_text().strip() for cell in row.locator("th, td").all()] for row in rows]

    def text(self, path: str) -> str:
        """What a link of the app answers."""
        answer = self.page.request.get(self.base + path if path.startswith("/") else path)
        assert answer.ok, answer.text()
        found: str = answer.text()
        return found

    @property
    def query(self) -> str:
        """The query in plain text."""
        found: str = self.page.evaluate("decodeURIComponent(location.search)")
        return found

    def axe(self, rules: Sequence[str] = ()) -> list[str]:
        """Accessibility violations, one line each, of the page as it comes to rest (what loads is faint):
        by all rules or some."""
        self.page.wait_for_function(AT_REST)
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        found = self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def faults(self) -> list[str]:
        """What is wrong with the page in light and dark: accessibility violations, and scrolling sideways."""
        kept = self.theme
        found = self.axe()
        self.wear("dark" if kept == "light" else "light")
        found += [f"{self.theme}: {one}" for one in self.axe(["color-contrast"])]  # all else is the same
        self.wear(kept)
        if self.page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
            found.append("it scrolls sideways")
        return found

    @property
    def theme(self) -> str:
        """light or dark."""
        found: str = self.page.evaluate("document.documentElement.getAttribute('data-mantine-color-scheme')")
        return found

    def wear(self, theme: str) -> None:
        """Let the system be light or dark, and wait until the page follows it."""
        self.page.emulate_media(color_scheme=theme)
        self.page.wait_for_selector(f":root[data-mantine-color-scheme={theme}]")


@contextmanager
def visiting(
    chromium: Any,
    base: str,
    state: Any = None,
    *,
    viewport: dict[str, int] = WIDE,
    color_scheme: str = "light",
    **options: Any,
) -> Iterator[Visit]:
    """A visit in a context without cookies but the state's, and without storage.

    A context is used again after a visit that went well: what its pages loaded need not be loaded again.
    """
    idle = _idle.setdefault((chromium, repr(options)), [])
    context = idle.pop() if idle else chromium.new_context(viewport=WIDE, **options)
    try:
        context.add_cookies(state["cookies"] if state else [])
        page = context.new_page()
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        yield Visit(page, base)
        _forget(context, base)
    except BaseException:
        context.close()
        raise
    idle.append(context)


_idle: dict[tuple[Any, str], list[Any]] = {}
"""Contexts that nobody uses, by browser and options."""


def _forget(context: Any, base: str) -> None:
    """Forget all of a visit but the files in the browser's cache. Its pages are closed first: one that still
    loads would find that it is not signed in any more."""
    blank = context.new_page()
    for opened in context.pages:
        if opened is not blank:
            opened.close()
    session = context.new_cdp_session(blank)
    session.send("Storage.clearDataForOrigin", {"origin": base, "storageTypes": "all"})
    blank.close()
    context.clear_cookies()


@contextmanager
def first_visiting(chromium: Any, base: str, state: Any = None, **options: Any) -> Iterator[Visit]:
    """A visit in a new context, which has to load everything."""
    context = chromium.new_context(storage_state=state, **({"viewport": WIDE} | options))
    try:
        yield Visit(context.new_page(), base)
    finally:
        context.close()
