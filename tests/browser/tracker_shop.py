"""A small shop with the tracker on its pages, and a collector that records what it is sent.

The shop takes any endpoint and write key: `Collector` here is a stand-in that can be told to fail, and the
same pages work against a real collector that serves the tracker at ``/assets/tracker.js``.
"""

from __future__ import annotations

import html
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR
from threading import Condition, Event, Thread
from typing import Any

from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

TRACKER = Path(__file__).parents[2] / "assets" / "tracker.js"
WRITE_KEY = "wk_test"
LOADED, STOPPED = "2026-03-02T12:00:00Z", "2026-03-02T12:01:00Z"
STUB = """window.streamgauge = window.streamgauge ||
  function () { (streamgauge.q = streamgauge.q || []).push(arguments) };"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<script src="/stub.js"></script><script async src="{script}"{attributes}></script></head>
<body><h1>{title}</h1><button id="buy" data-product-id="p-1" data-long="{long}{long}"><b>Add</b>
  to   <i>cart</i><span hidden>invisible</span></button>
<span role="button" id="wish">{long}{waves}</span><p id="plain">Nothing here</p>
<a id="next" href="/checkout">Check out</a>
<div id="card" data-track="card">Card <input id="inner" value="secret-1"></div>
<div id="editor" data-track="editor"><textarea>secret-2</textarea><div contenteditable>secret-3</div></div>
<form><input id="email" value="secret-4"><select><option>secret-5</option></select>
<input type="button" id="send" value="secret-6"></form>
<div contenteditable><a id="draft" href="#draft">secret-7</a></div>
<div data-private><button id="account">secret-8</button></div>
<button id="greeting">Hello <span data-private>secret-9</span></button>
<svg width="20" height="20"><a id="star" href="#star"><rect width="20" height="20"/></a></svg>
</body></html>"""

# Every event is made JSON once: its id is told as it is made.
TELL = """{ const text = JSON.stringify; JSON.stringify = value => {
  if (value?.eventId) console.debug('made ' + value.eventId); return text(value) } }"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the collector says to one batch; ``lost``: it keeps the events, but the answer never arrives."""

    status: int = 200
    retry_after: str | None = None
    lost: bool = False

    @property
    def keeps(self) -> bool:
        return self.lost or self.status in {200, 207}


@dataclass(frozen=True, slots=True)
class Batch:
    """One request as it arrived."""

    key: str | None
    content_type: str
    cookies: str | None
    beacon: bool
    size: int
    body: dict[str, Any]
    kept: bool

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.body["events"]


class Collector:
    """Records batches. Answers 200 to the shops it knows, or what ``answers`` holds, the oldest first."""

    def __init__(self) -> None:
        self.origins: set[str] = set()
        self.answers: deque[Answer] = deque()
        self.batches: list[Batch] = []
        self.methods: list[str] = []
        self.most = 1000
        self.open = Event()
        self.open.set()
        self._changed = Condition()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/assets/tracker.js":
            response = Response(TRACKER.read_bytes(), mimetype="text/javascript")
        else:
            response = self._collect(request)
        return response(environ, start_response)

    def _collect(self, request: Request) -> Response:
        body = json.loads(request.get_data() or "{}")
        with self._changed:
            self.methods.append(request.method)
            answer = self.answers.popleft() if self.answers else Answer()
            if len(body.get("events", [])) > self.most:
                answer = Answer(413)
            self.batches.append(_batch(request, body, answer))
            self._changed.notify_all()
        self.open.wait(20)
        if answer.lost:
            request.environ["werkzeug.socket"].shutdown(SHUT_RDWR)
            raise ConnectionResetError
        response = Response("{}", answer.status, mimetype="application/json")
        if answer.retry_after:
            response.headers["Retry-After"] = answer.retry_after
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.origin in self.origins:
            response.headers["Access-Control-Allow-Origin"] = request.origin
        return response

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The events of all requests, again and again where they were."""
        return [event for batch in self.batches for event in batch.events]

    @property
    def kept(self) -> list[dict[str, Any]]:
        """What a lake holds: the events of batches that were kept, each event id once."""
        return list({e["eventId"]: e for batch in self.batches if batch.kept for e in batch.events}.values())

    def names(self) -> list[str]:
        """The names of the kept events, as they happened."""
        return [event["eventName"] for event in sorted(self.kept, key=lambda e: e["timestamp"])]

    def wait(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        """Until ``condition`` holds, looked at whenever a batch has arrived. Raises AssertionError."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), [
                (batch.kept, [event["eventName"] for event in batch.events]) for batch in self.batches
            ]


def _batch(request: Request, body: dict[str, Any], answer: Answer) -> Batch:
    return Batch(
        key=request.args.get("key"),
        content_type=request.headers.get("Content-Type", ""),
        cookies=request.headers.get("Cookie"),
        beacon=request.headers.get("Sec-Fetch-Mode") == "no-cors",
        size=request.content_length or 0,
        body=body,
        kept=answer.keeps,
    )


class Shop:
    """Plain pages at every path. ``attributes`` are those of the snippet: ``data_consent="required"``.

    The tracker comes from the collector, or from the shop itself with ``own_script``.
    """

    def __init__(
        self, endpoint: str, key: str = WRITE_KEY, *, own_script: bool = False, **attributes: str
    ) -> None:
        self.endpoint = endpoint
        self.script = "/assets/tracker.js" if own_script else f"{endpoint}/assets/tracker.js"
        named = {"data-key": key} | ({"data-endpoint": endpoint} if own_script else {})
        named |= {name.replace("_", "-"): value for name, value in attributes.items()}
        self.attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in named.items())

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = Request(environ).path
        if path == "/assets/tracker.js":
            response = Response(TRACKER.read_bytes(), mimetype="text/javascript")
        elif path == "/stub.js":
            response = Response(STUB, mimetype="text/javascript")
        else:
            response = Response(self._page(path), mimetype="text/html")
        host = self.endpoint
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {host}; connect-src {host}"
        )
        return response(environ, start_response)

    def _page(self, path: str) -> str:
        return PAGE.format(
            title=path.strip("/").title() or "Home",
            script=self.script,
            attributes=self.attributes,
            long="x" * 159,
            waves="\N{WAVING HAND SIGN}" * 60,
        )


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        return None


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of ``app`` on a port of its own, served while the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Visitor:
    """A browser of its own at a shop. Everything the tracker makes and every error is noted."""

    def __init__(self, context: Any, shop: str, collector: Collector) -> None:
        self.context, self.shop, self.collector = context, shop, collector
        self.made: list[str] = []
        self.problems: list[str] = []
        context.add_init_script(TELL)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("console", self._console)
        self.under_way = 0
        for moment, change in (("request", 1), ("requestfinished", -1), ("requestfailed", -1)):
            context.on(moment, lambda request, change=change: self._count(request, change))
        self.page = context.new_page()

    def _console(self, message: Any) -> None:
        if message.text.startswith("made "):
            self.made.append(message.text.removeprefix("made "))
        elif "Content Security Policy" in message.text:
            self.problems.append(message.text)

    def _count(self, request: Any, change: int) -> None:
        if request.resource_type == "fetch":
            self.under_way += change

    def open(self, path: str = "/", page: Any = None) -> Any:
        """Go to a page of the shop and wait until the tracker runs there."""
        page = page or self.page
        page.goto(self.shop + path)
        self.wait("!!window.streamgauge?.consent", page)
        return page

    def wait(self, condition: str, page: Any = None) -> None:
        """Until a condition holds in the page (Playwright's own way needs eval, which the policy forbids)."""
        page = page or self.page
        until(lambda: page.evaluate(condition), lambda: page.wait_for_timeout(20))

    def still(self) -> None:
        """Stop the page's clock: nothing waits for time any more but `pass_until`."""
        self.page.clock.install(time=LOADED)
        self.page.clock.pause_at(STOPPED)

    def pass_until(self, condition: Callable[[], Any]) -> None:
        """Let the page's time pass until ``condition`` holds; it stands still while an answer is awaited."""

        def step() -> None:
            self.page.wait_for_timeout(20)
            if not self.under_way:
                self.page.clock.run_for(250)

        until(condition, step)

    def delivered(self) -> bool:
        """Whether every event that was made was kept."""
        return set(self.made) <= {event["eventId"] for event in self.collector.kept}


def until(condition: Callable[[], Any], step: Callable[[], Any], seconds: float = 20) -> None:
    """Take steps until ``condition`` holds. Raises AssertionError when that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        step()
