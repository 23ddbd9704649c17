"""The headers of answers of the real server: of every route, and of what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from typing import Any

import pytest

from app.security import HEADERS
from pipeline.collector import PATHS
from tests.app.test_hostile_http import Server, get, running

PAGE = {
    **HEADERS,
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
"""What every answer has whose address is reached over https."""
COLLECTOR = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""What the collector's have: JSON for other sites' pages, never a page."""
CACHED = "/assets/", "/_dash-component-suites/"
ARGUMENTS = {
    "question": "overview.kpis",
    "package_name": "dash",
    "fingerprinted_path": "deps/polyfill@7.v1m1.js",
    "filename": "start.js",
    "path": "nowhere",
}
Answer = tuple[int, Message, bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real server, behind something that speaks https."""
    with running(tmp_path_factory.mktemp("headers"), public_url="https://stats.example") as found:
        yield found


def ask(server: Server, path: str, *headers: bytes, method: str = "GET") -> Answer:
    """The status, headers and body of an answer."""
    request = get(path.encode(), b"Connection: close\r\n", *headers, method=method.encode())
    line, _, rest = server.ask(request).partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    return int(line.split()[1]), BytesParser().parsebytes(head + b"\r\n\r\n"), body


def addresses(app: Any) -> list[tuple[str, str]]:
    """Every route with a method it takes."""
    found = []
    for rule in app.server.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: ARGUMENTS.get(name[1], "x"), rule.rule)
        found += [(method, path) for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]
    return sorted({*found, *(("POST", path) for path in PATHS)})


def check(path: str, status: int, headers: Message) -> None:
    """The headers are all there, each once."""
    expected = COLLECTOR if path.partition("?")[0] in PATHS else PAGE
    for name, value in expected.items():
        if path.startswith("/assets/tracker.js") and name == "Cross-Origin-Resource-Policy":
            value = "cross-origin"
        assert headers.get_all(name) == [value], f"{path}: {name}"
    assert len(headers.get_all("X-Request-Id", [])) == 1, path
    cached = path.startswith(CACHED) and status == 200
    assert ("max-age" in headers["Cache-Control"]) if cached else headers["Cache-Control"] == "no-store", path
    assert headers["Server"] in {None, "gunicorn"}, "no version"
    assert "X-Powered-By" not in headers


def test_every_route_has_the_headers_for_everyone(app: Any, server: Server) -> None:
    asked, statuses = addresses(app), set()
    assert len(asked) > 25
    for method, path in asked:
        for headers in ([], [server.cookie], [server.cookie, b"Origin: https://stats.example\r\n"]):
            if path == "/sign-out" and len(headers) == 2:
                continue  # it would end the session of all that follow
            status, found, _ = ask(server, path, *headers, method=method)
            assert status < 500, (method, path)
            statuses.add(status)
            check(path, status, found)
    assert {200, 302, 400, 401, 403, 404} <= statuses, statuses
    print(f"\n{len(asked)} routes, 3 times each: {sorted(statuses)}")


SAMPLE = {
    "page": ("/", True, 200),
    "page of nothing": ("/nowhere", True, 404),
    "sign-in": ("/sign-in", False, 200),
    "sign-in link that was used": ("/sign-in/link?token=x", False, 410),
    "to the sign-in": ("/traffic", False, 302),
    "script": ("/assets/start.js", False, 200),
    "tracker": ("/assets/tracker.js", False, 200),
    "file that is not there": ("/assets/nothing.js", False, 404),
    "library that is not there": ("/_dash-component-suites/dash/nothing.js", False, 404),
    "CSV": ("/csv/overview.kpis", True, 200),
    "CSV of no question": ("/csv/nothing", True, 400),
    "API": ("/v1/query?query_type=errors", True, 200),
    "API for nobody": ("/v1/query", False, 401),
    "API document": ("/v1/openapi.json", False, 200),
    "health": ("/healthz", False, 200),
}


@pytest.mark.parametrize(("path", "signed_in", "status"), SAMPLE.values(), ids=SAMPLE)
def test_a_sample_has_the_headers(server: Server, path: str, signed_in: bool, status: int) -> None:
    found, headers, body = ask(server, path, *([server.cookie] if signed_in else []))
    assert found == status, body[:500]
    check(path, status, headers)


@pytest.mark.parametrize("method", ["PUT", "TRACE", "BREW"])
def test_a_method_that_is_not_taken_has_the_headers(server: Server, method: str) -> None:
    own = [server.cookie, b"Origin: https://stats.example\r\n"]
    for path in ("/", "/healthz", "/v1/query", "/assets/start.js"):
        status, headers, _ = ask(server, path, *own, method=method)
        assert status in {404, 405}
        check(path, status, headers)


def test_the_policy_lets_nothing_run_that_is_not_ours(server: Server) -> None:
    _, headers, body = ask(server, "/", server.cookie)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == policy["connect-src"] == "'self'"
    assert not re.search("unsafe-eval|https?:|[*]|wss?:", headers["Content-Security-Policy"])
    assert [name for name, value in policy.items() if "unsafe-inline" in value] == ["style-src"]
    assert b"https://" not in re.sub(rb'"https://stats.example[^"]*"', b"", body.split(b"</head>")[0])


def test_the_session_s_cookie_is_kept_from_scripts_and_plain_http(server: Server) -> None:
    """A form that was refused sets none; the session comes with a good link or password."""
    _, headers, _ = ask(server, "/sign-in")
    assert headers["Set-Cookie"] is None
    attributes = {part.strip().lower() for part in server.set_cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


def test_report(server: Server) -> None:
    """What a page, a script, a file and the collector answer with, to be read with ``-s``."""
    for path, headers in (
        ("/", [server.cookie]),
        ("/assets/start.js", []),
        ("/csv/overview.kpis", [server.cookie]),
        ("/v1/query", []),
        ("/v1/events", [b"Content-Length: 0\r\n"]),
    ):
        method = "POST" if path == "/v1/events" else "GET"
        status, found, _ = ask(server, path, *headers, method=method)
        print(f"\n{method} {path} → {status}")
        for name, value in found.items():
            print(f"  {name}: {value}")
        assert "X-Content-Type-Options" in found
