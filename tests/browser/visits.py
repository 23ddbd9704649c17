"""A page in the browser, with everything it should not do noted."""

from __future__ import annotations

from collections.abc import Iterator
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
    "/reconciliation": "#reconciliation-verdict :is(.sg-banner, .sg-state)",
}


AT_REST = """() => !document.querySelector('[data-dash-is-loading="true"]')
    && document.getAnimations().every(one => one.playState !== 'running'
        || one.effect.getTiming().iterations === Infinity)"""
"""Nothing loads and nothing fades."""


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
        """Wait until for a while no place holder is left and no request is under way."""
        quiet = 0
        for _ in range(150):
            self.page.wait_for_timeout(100)
            busy = self.page.locator(".mantine-Skeleton-root, [data-dash-is-loading=true]").count()
            quiet = 0 if busy or self.under_way else quiet + 1
            if quiet == 4:
                return
        raise AssertionError(f"{self.page.url} is still busy")

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

    def axe(self) -> list[str]:
        """Accessibility violations, one line each, of the page as it comes to rest: what loads is faint."""
        self.page.wait_for_function(AT_REST)
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]


@contextmanager
def visiting(chromium: Any, base: str, state: Any = None, **options: Any) -> Iterator[Visit]:
    """A visit that ends with its context closed."""
    context = chromium.new_context(storage_state=state, **({"viewport": WIDE} | options))
    try:
        yield Visit(context.new_page(), base)
    finally:
        context.close()
