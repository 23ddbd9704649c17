"""Hostile requests to the real server: one answer each, no fault of ours, and the next request works."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread

import pytest

from data_access.embedded.documents import EmbeddedDocuments
from data_access.settings import PREFIX
from data_access.users import make_token
from tests.app.echo import read_all

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
"""Longest a test waits for anything."""
HOST = b"Host: 127.0.0.1\r\n"
OUTSIDE = re.compile(
    rb"root:x:0|def secret_key|BEGIN [A-Z ]*PRIVATE|Apache License|SQLite format", re.IGNORECASE
)
"""What files have that nobody should get."""
OURS = re.compile(rb"Traceback|File \"/|/site-packages/|select .* from ", re.IGNORECASE)
"""What answers tell nobody."""


@dataclass
class Server:
    """`python -m app serve`, what it has logged, and a session of the local admin."""

    port: int
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    more: Condition = field(default_factory=Condition)
    cookie: bytes = b""
    """The header that has the session."""
    set_cookie: str = ""
    """How it was given."""

    def listen(self) -> None:
        """Collect what it says until it ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.more:
                self.said.append(line)
                self.more.notify_all()

    def heard(self, words: str) -> bool:
        """Wait until it says something; False if it does not."""
        with self.more:
            return self.more.wait_for(lambda: any(words in line for line in self.said), SECONDS)

    def ask(self, request: bytes) -> bytes:
        """Everything that comes on a new connection until the server closes it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)

    def sign_in(self, folder: Path) -> None:
        """Sign in by a link, as its printer would."""
        token = make_token(EmbeddedDocuments(folder / "documents.db")).encode()
        answer = self.ask(b"GET /sign-in/link?token=%b HTTP/1.1\r\n%b\r\n" % (token, HOST))
        found = re.search(rb"(?i)set-cookie: ((streamgauge=[^;]+)[^\r]*)", answer)
        assert found, answer
        self.set_cookie, self.cookie = found[1].decode(), b"Cookie: %b\r\n" % found[2]


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        found: int = probe.getsockname()[1]
        return found


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Server]:
    """The real server over empty data in a folder."""
    port = free_port()
    words = ["serve", "--no-demo", "--port", str(port), "--data-dir", str(folder)]
    settings = {"log_format": "json"} | settings
    own = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=os.environ | own,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = Server(port, process)
    listener = Thread(target=found.listen, daemon=True)
    listener.start()
    try:
        assert found.heard("ready on"), found.said
        found.sign_in(folder)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        listener.join(SECONDS)
        if process.stderr is not None:
            process.stderr.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("hostile")) as found:
        yield found


def get(target: bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return b"%b %b %b\r\n%b%b\r\n" % (method, target, version, HOST, b"".join(headers))


def post(*headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """A POST to the collector, who reads bodies before anyone else."""
    return b"POST /v1/events %b\r\n%b%b\r\n%b" % (version, HOST, b"".join(headers), body)


def chunked(body: bytes, *headers: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", *headers, body=body)


def statuses(answer: bytes) -> list[int]:
    """The status of each answer; bodies quote requests, never answers."""
    return [int(found) for found in re.findall(rb"HTTP/1\.\d (\d{3}) ", answer)]


def check(server: Server, request: bytes, *allowed: int) -> bytes:
    """One answer with an allowed status and nothing of ours in it; a second request behind is not answered;
    the next connection works."""
    smuggled = get(b"/healthz?smuggled")
    answer = server.ask(request + smuggled)
    found = statuses(answer)
    assert len(found) == 1, answer
    assert found[0] in (allowed or range(400, 500)), answer
    assert not OURS.search(answer), answer
    assert not OUTSIDE.search(answer), answer
    assert b'"healthy"' not in answer, "what was behind was taken for a request"
    assert statuses(server.ask(get(b"/healthz"))) == [200]
    return answer


CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
LENGTH, CHUNKED = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
FRAMINGS = {
    "two equal lengths": post(LENGTH, LENGTH, body=b"hello"),
    "two different lengths": post(LENGTH, b"Content-Length: 6\r\n", body=b"hello!"),
    "a list of lengths": post(b"Content-Length: 5, 5\r\n", body=b"hello"),
    "length and chunks": post(LENGTH, CHUNKED, body=CHUNK),
    "chunks and length": post(CHUNKED, LENGTH, body=CHUNK),
    "chunked twice": post(CHUNKED, CHUNKED, body=CHUNK),
    "chunked twice in one": post(b"Transfer-Encoding: chunked, chunked\r\n", body=CHUNK),
    "chunked, then identity": post(b"Transfer-Encoding: chunked, identity\r\n", body=CHUNK),
    "identity": post(b"Transfer-Encoding: identity\r\n", body=CHUNK),
    "identity and a length": post(b"Transfer-Encoding: identity\r\n", LENGTH, body=b"hello"),
    "gzip alone": post(b"Transfer-Encoding: gzip\r\n", body=CHUNK),
    "a space before the colon": post(b"Transfer-Encoding : chunked\r\n", body=CHUNK),
    "a length before a space": post(b"Content-Length : 5\r\n", body=b"hello"),
    "a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", body=CHUNK),
    "a NUL behind": post(b"Transfer-Encoding: chunked\0\r\n", body=CHUNK),
    "an underscore": post(b"Transfer_Encoding: chunked\r\n", LENGTH, body=b"hello"),
    "a length with an underscore": post(b"Content_Length: 5\r\n", body=b"hello"),
    "folded": post(b"Transfer-Encoding:\r\n chunked\r\n", body=CHUNK),
    "folded length": post(b"Content-Length:\r\n\t5\r\n", body=b"hello"),
    "any folded header": post(b"X-A: b\r\n c\r\n", LENGTH, body=b"hello"),
    "a folded first header": b"POST /v1/events HTTP/1.1\r\n " + HOST + b"\r\n",
    "chunks in HTTP/1.0": post(CHUNKED, body=CHUNK, version=b"HTTP/1.0"),
    "a negative length": post(b"Content-Length: -5\r\n", body=b"hello"),
    "a plus": post(b"Content-Length: +5\r\n", body=b"hello"),
    "a hexadecimal length": post(b"Content-Length: 0x5\r\n", body=b"hello"),
    "a length of digits that are none": post(b"Content-Length: \xb2\r\n", body=b"he"),
    "an underscore among digits": post(b"Content-Length: 1_0\r\n", body=b"hellohello"),
    "a fraction": post(b"Content-Length: 5.0\r\n", body=b"hello"),
    "two numbers": post(b"Content-Length: 5 5\r\n", body=b"hello"),
    "no number": post(b"Content-Length:\r\n", body=b"hello"),
    "a huge length": post(b"Content-Length: %b\r\n" % (b"9" * 30)),
    "a length of 5,000 digits": post(b"Content-Length: %b\r\n" % (b"9" * 5000)),
    "a negative chunk": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk with a plus": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk with a prefix": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk with an underscore": chunked(b"1_0\r\nhellohellohello!\r\n0\r\n\r\n"),
    "a chunk with a space before": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
    "a chunk without a size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "a huge chunk": chunked(b"f" * 30 + b"\r\nhello\r\n"),
    "a chunk longer than said": chunked(b"3\r\nhello\r\n0\r\n\r\n"),
    "a chunk without its end": chunked(b"5\r\nhello0\r\n\r\n"),
    "chunks that end with LF": chunked(b"5\nhello\n0\n\n"),
    "LF in an extension": chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "CR in an extension": chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "a length in a trailer": chunked(b"0\r\nContent-Length: 5\r\n\r\n"),
    "an encoding in a trailer": chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "an authorization in a trailer": chunked(b"0\r\nAuthorization: Bearer x\r\n\r\n"),
    "a trailer that ends with LF": chunked(b"0\r\nX-A: b\n\n"),
    "lines that end with LF": b"GET / HTTP/1.1\n" + HOST.replace(b"\r", b"") + b"\n",
    "one line that ends with LF": b"GET / HTTP/1.1\r\nX-A: b\n" + HOST + b"\r\n",
    "one line that ends with CR": b"GET / HTTP/1.1\r\nX-A: b\r" + HOST + b"\r\n",
}


@pytest.mark.parametrize("request_bytes", FRAMINGS.values(), ids=FRAMINGS)
def test_a_framing_that_others_could_read_otherwise_is_refused(server: Server, request_bytes: bytes) -> None:
    check(server, request_bytes)


@pytest.mark.parametrize(
    "coding", [b"xchunked", b'"chunked"', b"chunked;q=1", b"br", b"gzip, chunked", b"deflate,chunked"]
)
def test_a_coding_nobody_knows_is_refused(server: Server, coding: bytes) -> None:
    """With 501, as the protocol has it (RFC 9112, 6.1)."""
    check(server, post(b"Transfer-Encoding: %b\r\n" % coding, body=CHUNK), 501)


HEADS = {
    "a NUL in the target": get(b"/\0"),
    "an escape in the target": get(b"/\x1b[2J"),
    "a tab in the target": get(b"/\ta"),
    "a byte over 127 in the target": get(b"/\xff"),
    "a space in the target": get(b"/a b"),
    "a NUL in a value": get(b"/", b"X-A: a\0b\r\n"),
    "an escape in a value": get(b"/", b"X-A: a\x1bb\r\n"),
    "DEL in a value": get(b"/", b"X-A: a\x7fb\r\n"),
    "a NUL in a name": get(b"/", b"X\0A: b\r\n"),
    "a space in a name": get(b"/", b"X A: b\r\n"),
    "a byte over 127 in a name": get(b"/", b"X\xdf: b\r\n"),
    "no name": get(b"/", b": b\r\n"),
    "no colon": get(b"/", b"XA\r\n"),
    "two hosts": get(b"/", b"Host: evil.example\r\n"),
    "two types": get(b"/", b"Content-Type: a/b\r\nContent-Type: c/d\r\n"),
    "where the application would be": get(b"/", b"SCRIPT_NAME: /v1\r\n"),
    "a path beside the target": get(b"/", b"PATH_INFO: /healthz\r\n"),
    "an identity with underscores": get(b"/", b"X_Amzn_Oidc_Data: x\r\n"),
    "an unknown expectation": get(b"/", b"Expect: more\r\n"),
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": get(b"/", version=b"HTTP/9.9"),
    "small letters": get(b"/", version=b"http/1.1"),
    "a version of three digits": get(b"/", version=b"HTTP/01.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an authority as target": get(b"127.0.0.1:80"),
    "a star as target": get(b"*"),
    "a small method": get(b"/", method=b"get"),
    "a long method": get(b"/", method=b"A" * 25),
    "a method with an escape": get(b"/", method=b"G\x1bT"),
}


@pytest.mark.parametrize("request_bytes", HEADS.values(), ids=HEADS)
def test_a_head_that_is_none_is_refused(server: Server, request_bytes: bytes) -> None:
    check(server, request_bytes)


LARGE = {
    "an address of 9 KB": (get(b"/" + b"a" * 9000), 414),
    "a query of 9 KB": (get(b"/?" + b"a" * 9000), 414),
    "a header of 9 KB": (get(b"/", b"X-A: %b\r\n" % (b"a" * 9000)), 431),
    "200 headers": (get(b"/", *[b"X-A: b\r\n"] * 200), 431),
    "a cookie of 9 KB": (get(b"/", b"Cookie: a=%b\r\n" % (b"a" * 9000)), 431),
    "a head of 70 KB": (get(b"/", *[b"X-A: %b\r\n" % (b"a" * 7000)] * 10), 431),
    "a body of 17 MB, said": (post(b"Content-Length: 17825792\r\n"), 413),
    "a body of 17 MB, sent": (post(b"Content-Length: 17825792\r\n", body=b" " * 17_825_792), 413),
    "a chunk of 17 MB": (chunked(b"1100000\r\n"), 413),
    "an endless chunk line": (chunked(b"5;" + b"a" * 100_000), 400),
    "an endless trailer": (chunked(b"0\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"), 431),
}


@pytest.mark.parametrize(("request_bytes", "status"), LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_refused(server: Server, request_bytes: bytes, status: int) -> None:
    assert statuses(server.ask(request_bytes)) == [status]
    assert statuses(server.ask(get(b"/healthz"))) == [200]


def test_a_body_over_the_application_s_limit_is_refused(server: Server) -> None:
    body = b"name=a&password=" + b"b" * 1_100_000
    head = b"POST /sign-in HTTP/1.1\r\n%bOrigin: http://127.0.0.1\r\n" % HOST
    form = b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
    answer = server.ask(head + form + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert statuses(answer) == [413]


UP = {
    "dots": b"/assets/../app/keys.py",
    "many dots": b"/assets/../../../../../../../../etc/passwd",
    "encoded dots": b"/assets/%2e%2e/app/keys.py",
    "encoded slash": b"/assets/..%2fapp/keys.py",
    "all encoded": b"/assets/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "capitals": b"/assets/%2E%2E%2Fapp%2Fkeys.py",
    "encoded twice": b"/assets/%252e%252e%252fapp/keys.py",
    "backslashes": b"/assets/..\\app\\keys.py",
    "encoded backslashes": b"/assets/..%5c..%5cLICENSE",
    "mixed": b"/assets/..%5c../LICENSE",
    "dots that grow together": b"/assets/....//....//LICENSE",
    "overlong": b"/assets/%c0%ae%c0%ae/LICENSE",
    "wide dots": b"/assets/%ef%bc%8e%ef%bc%8e/LICENSE",
    "a parameter": b"/assets/..;/LICENSE",
    "a NUL": b"/assets/../LICENSE%00.css",
    "an absolute path": b"/assets//etc/passwd",
    "an encoded absolute path": b"/assets/%2fetc%2fpasswd",
    "a drive": b"/assets/c:/windows/win.ini",
    "a URL": b"/assets/file:///etc/passwd",
    "a line end": b"/assets/..%0a/LICENSE",
    "of a library": b"/_dash-component-suites/dash/../../../../etc/passwd",
    "of a library, encoded": b"/_dash-component-suites/dash/%2e%2e/%2e%2e/flask/app.py",
    "source of a library": b"/_dash-component-suites/dash/dash.py",
    "another library": b"/_dash-component-suites/flask/app.py",
    "a question": b"/csv/..%2f..%2fdocuments.db",
    "a manifest": b"/manifest/%2e%2e%2fsecret_key",
    "the data folder": b"/documents.db",
    "the repository": b"/.git/config",
    "the environment": b"/proc/self/environ",
}


@pytest.mark.parametrize("target", UP.values(), ids=UP)
def test_no_address_leads_out_of_the_files_that_are_served(server: Server, target: bytes) -> None:
    answer = server.ask(get(target, server.cookie, b"Connection: close\r\n"))
    assert statuses(answer) in ([400], [404]), answer
    assert not OUTSIDE.search(answer)
    assert not OURS.search(answer)
    assert statuses(server.ask(get(b"/healthz"))) == [200]


@pytest.mark.parametrize(
    "method", [b"CONNECT", b"TRACE", b"TRACK", b"BREW", b"PUT", b"DELETE", b"PROPFIND", b"PATCH"]
)
@pytest.mark.parametrize(
    "target", [b"/", b"/healthz", b"/v1/query", b"/v1/events", b"/assets/start.js", b"/nowhere"]
)
def test_other_methods_are_refused(server: Server, method: bytes, target: bytes) -> None:
    own = b"Origin: http://127.0.0.1\r\n"
    answer = server.ask(
        get(target, server.cookie, own, b"Connection: close\r\nX-Echo: canary\r\n", method=method)
    )
    assert statuses(answer)[0] in {401, 403, 404, 405}, answer
    assert len(statuses(answer)) == 1
    assert b"canary" not in answer


def test_what_comes_behind_connect_is_no_request(server: Server) -> None:
    answer = server.ask(get(b"127.0.0.1:1", method=b"CONNECT") + get(b"/healthz"))
    assert len(statuses(answer)) == 1
    assert statuses(answer)[0] in range(400, 500)


@pytest.mark.parametrize(
    "target", [b"http://evil.example/", b"http://evil.example:80/healthz", b"http://a@b/"]
)
def test_an_address_with_another_host_leads_nowhere_else(server: Server, target: bytes) -> None:
    """The protocol has servers take such targets (RFC 9112, 3.2.2); nothing we answer is built from it."""
    answer = server.ask(get(target, b"Connection: close\r\n"))
    assert statuses(answer)[0] in {200, 302, 400}
    assert b"evil.example" not in answer


def test_a_smuggled_host_is_in_no_answer(server: Server) -> None:
    for path in (b"/", b"/sign-in", b"/csv/overview.kpis", b"/nowhere"):
        request = get(path, server.cookie, b"Connection: close\r\n").replace(HOST, b"Host: evil.example\r\n")
        assert b"evil.example" not in server.ask(request)


def test_an_unfinished_request_is_answered_or_closed_and_blocks_nobody(server: Server) -> None:
    for begun in (b"GET / HT", b"GET / HTTP/1.1\r\nHo", post(LENGTH, body=b"he"), chunked(b"5\r\nhe")):
        assert statuses(server.ask(begun)) in ([], [400], [408])
        assert statuses(server.ask(get(b"/healthz"))) == [200]


def test_everything_the_server_said_is_a_line_of_json_without_secrets(server: Server) -> None:
    """The tests before have it answer and refuse a few hundred requests."""
    canary = b"Zx9KqT7mWc4RbN2vYd8Lh3PgFs6JtA5e"
    server.ask(get(b"/\x1b[2J\0?country=Andorra&key=" + canary, b"X-Write-Key: wk_%b\0\r\n" % canary))
    server.ask(get(b"/?token=" + canary, b"Authorization: Bearer %b\r\n" % canary, b"X-Request-Id: last\r\n"))
    server.ask(b"GET /v1/query?key=%b HTTP/1.1\r\nCookie: a=%b\r\nbroken\r\n\r\n" % (canary, canary))
    server.ask(b"token=%b HTTP/1.1\r\n\r\n" % canary)
    last = get(b"/healthz", b"X-Request-Id: the-last\r\n", b"Connection: close\r\n")
    assert statuses(server.ask(last)) == [200]
    assert server.heard("the-last")
    said = [json.loads(line) for line in server.said]
    assert {line["logger"] for line in said} >= {"app.access", "app.server", "gunicorn.error"}
    assert not [line for line in said if line["level"] in {"ERROR", "CRITICAL"}]
    assert canary.decode() not in "".join(server.said)
    assert "Andorra" not in "".join(server.said)
    assert "sign-in/link?" not in "".join(server.said), "who reads a log may not sign in"
    assert any(r"/\\x1b[2J" in line for line in server.said)
    assert all(line.rstrip("\n").isprintable() and line.isascii() for line in server.said)
