"""A smoke test of a running Streamgauge: somebody can sign in, it is up, and one event goes all the way.

The event is of a site of its own, with keys that are good for this test only: no number of the business
changes. Each step is a line; the first that fails ends the test and says what to look at.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from data_access import api_keys, changes, sites
from data_access.audit import COMMAND_LINE
from data_access.backends import Backends
from data_access.model import UsageError

SITE = "smoke-test"
NAME = "smoke test"
_SECONDS = 10.0
"""To wait for one answer."""
_LIVE_SECONDS = 60.0
"""To wait until an event is counted live; also until a new write key is known everywhere."""
_POLL_SECONDS = 1.0

Pause = Callable[[float], None]


class SmokeError(RuntimeError):
    """A step failed; the message says which, and where to look."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the app answers, where events are sent to, and how long to wait until one can be asked for."""

    url: str
    collector: str
    minutes: float


def smoke(backends: Backends, options: argparse.Namespace) -> None:
    """Test a running app; its settings tell where keys are kept. Raises SmokeError, UsageError."""
    target = Target(_url(options.url), _url(options.collector or options.url), options.minutes)
    with keys(backends) as (write_key, api_key):
        for line in steps(target, write_key, api_key):
            print(line, flush=True)
    print("all well")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{text!r} is no address of an app; write it as https://streamgauge.example")
    return text.rstrip("/")


@contextmanager
def keys(backends: Backends) -> Iterator[tuple[str, str]]:
    """A write key and a key to read with of the test's own site, taken back when the test is over."""
    documents = backends.documents
    with changes.noted(backends.audit, COMMAND_LINE, "tested", f"site {SITE}"):
        sites.save(documents, SITE, ())
        write_key = sites.make_key(documents, SITE)
        api_key = api_keys.make(documents, NAME, "admin", (SITE,))
        try:
            yield write_key, api_key
        finally:
            for kept in sites.keys(documents, SITE):
                sites.revoke(documents, kept.id)
            for known in api_keys.every(documents):
                if (known.name, known.sites) == (NAME, (SITE,)):
                    api_keys.revoke(documents, known.id)


def steps(target: Target, write_key: str, api_key: str, pause: Pause = time.sleep) -> Iterator[str]:
    """A line of text for each step that went well. Raises SmokeError for the first that did not."""
    session = f"smoke-{secrets.token_hex(8)}"
    yield _line("sign-in", sign_in(target))
    yield _line("health", health(target))
    before = _live(target, api_key)
    yield _line("one event in", send(target, write_key, session, pause))
    took = _until(lambda: _live(target, api_key) > before, _LIVE_SECONDS, pause)
    if took is None:
        raise SmokeError("seen live: not counted within a minute; is the consumer of the log running?")
    yield _line("seen live", f"after {took:.1f} s")
    took = _until(lambda: session in _asked(target, api_key), target.minutes * 60, pause)
    if took is None:
        raise SmokeError(
            f"asked back: not in the lake within {target.minutes:g} minutes; is it written and curated?"
            " --minutes waits for longer"
        )
    yield _line("asked back", f"after {took:.1f} s")


def _line(step: str, said: str) -> str:
    return f"{step:<14}{said}"


def sign_in(target: Target) -> str:
    """Whoever is not signed in is led to where they can be."""
    answer = _get(f"{target.url}/", "sign-in")
    where = answer.headers.get("Location", "")
    if answer.status_code != 302 or not where:
        raise SmokeError(f"sign-in: / answered {answer.status_code} to a stranger, and led to no sign-in")
    if urlsplit(where).hostname not in {None, urlsplit(target.url).hostname}:
        return f"leads to {urlsplit(where).hostname}"
    page = _get(f"{target.url}{where}" if where.startswith("/") else where, "sign-in")
    if page.status_code != 200 or 'name="password"' not in page.text:
        raise SmokeError(f"sign-in: {where} answered {page.status_code} without a form")
    return "shows its form"


def health(target: Target) -> str:
    """The app says that it is up."""
    said = _json(_get(f"{target.url}/healthz", "health"), "health")
    if said.get("status") != "healthy":
        raise SmokeError(f"health: /healthz says {said.get('status')!r}")
    return f"healthy, version {said.get('version')}"


def send(target: Target, write_key: str, session: str, pause: Pause) -> str:
    """One event is acknowledged. A key that is this new may be known a few seconds later only."""
    event: Any = {"event_type": "custom", "session_id": session, "source": "server"}

    def post() -> requests.Response:
        return requests.post(
            f"{target.collector}/v1/events",
            json=event,
            headers={"X-Write-Key": write_key},
            timeout=_SECONDS,
            allow_redirects=False,
        )

    answers: list[requests.Response] = []

    def is_known() -> bool:
        answers.append(_asked_for(post, "one event in"))
        return answers[-1].status_code != 401

    _until(is_known, _LIVE_SECONDS, pause)
    said = _json(answers[-1], "one event in")
    if said.get("accepted") != 1:
        raise SmokeError(f"one event in: {said}")
    return f"acknowledged, id {said['event_ids'][0]}"


def _live(target: Target, api_key: str) -> int:
    """The site's events of the last minutes, as counted live."""
    answer = _get(f"{target.url}/v1/realtime", "seen live", api_key, site=SITE)
    return int(_json(answer, "seen live")["total_events"])


def _asked(target: Target, api_key: str) -> set[str]:
    """The site's sessions of yesterday to tomorrow, in any time zone, as questions have them."""
    today = datetime.now(UTC).date()
    period = {"date_from": str(today - timedelta(days=1)), "date_to": str(today + timedelta(days=1))}
    query = {"query_type": "top_sessions", "site": SITE, "limit": "1000", **period}
    found = _json(_get(f"{target.url}/v1/query", "asked back", api_key, **query), "asked back")
    return {row["session_id"] for row in found["results"]}


def _get(url: str, step: str, api_key: str = "", **query: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {"Accept": "text/html"}

    def get() -> requests.Response:
        return requests.get(url, params=query, headers=headers, timeout=_SECONDS, allow_redirects=False)

    return _asked_for(get, step)


def _asked_for(ask: Callable[[], requests.Response], step: str) -> requests.Response:
    try:
        return ask()
    except requests.RequestException as error:
        raise SmokeError(f"{step}: no answer ({type(error).__name__}); is the app running there?") from None


def _json(answer: requests.Response, step: str) -> dict[str, Any]:
    """The JSON of an answer that is a success."""
    if not answer.ok:
        raise SmokeError(f"{step}: status {answer.status_code}: {answer.text[:200]}")
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        raise SmokeError(f"{step}: the answer is no JSON: {answer.text[:200]}") from None
    return found


def _until(is_so: Callable[[], bool], seconds: float, pause: Pause) -> float | None:
    """Seconds until something was so, looked at again and again; None when it was not in time."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started >= seconds:
            return None
        pause(_POLL_SECONDS)
    return time.monotonic() - started
