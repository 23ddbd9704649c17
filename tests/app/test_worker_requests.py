"""The buffered worker: requests reach the application as with gunicorn's gthread, which it builds on."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from types import CodeType

import pytest
from gunicorn import http
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.incoming import Incoming, Limits
from app.worker import BufferedWorker
from tests.app.echo import GET, LAST, Running, chunked, post, read_answer, serve

MB = 1 << 20
SAME = {
    "get": GET + LAST,
    "head": GET.replace(b"GET", b"HEAD") + LAST,
    "post": post(b"hello") + LAST,
    "post of nothing": post(b"") + LAST,
    "post of 10 MB": post(os.urandom(10 * MB)) + LAST,
    "chunked": chunked(b"hello ", b"world") + LAST,
    "chunked 5 MB": chunked(*[os.urandom(64_000)] * 80) + LAST,
    "chunked with a trailer": chunked(b"hello", end=b"0;last\r\nX-Sum: 1\r\n\r\n") + LAST,
    "fifty requests": (GET + post(b"x" * 3000)) * 25 + LAST,
    "body nobody reads": post(b"x" * 5000, b"/unread") + LAST,
    "large body nobody reads": post(b"x" * MB, b"/unread"),
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HTTP/1.0 kept alive": post(b"hi", headers=b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0") + LAST,
    "blank line first": b"\r\n" + LAST,
    "line feeds alone": LAST.replace(b"\r", b""),
    "no method": b"\r\n\r\n",
    "length that is none": post(b"").replace(b": 0", b": zero"),
    "two lengths": post(b"hello", headers=b"Content-Length: 5\r\n"),
    "length and chunks": chunked(b"hello").replace(b"Host", b"Content-Length: 5\r\nHost"),
    "unknown coding": chunked(b"hello").replace(b": chunked", b": other"),
    "bad chunk size": chunked(end=b"xyz\r\n"),
    "bad chunk end": chunked(b"hello", end=b"").replace(b"hello", b"hello!!") + b"\r\n0\r\n\r\n",
    "long address": b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: test\r\n\r\n",
    "long header": GET.replace(b"one", b"1" * 9000),
    "unknown expectation": GET.replace(b"X-Word: one", b"Expect: more"),
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """gunicorn's own worker."""
    with serve(tmp_path_factory.mktemp("plain"), worker="gthread") as running:
        yield running


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The buffered worker as it runs in earnest."""
    with serve(tmp_path_factory.mktemp("usual")) as running:
        yield running


def undated(answers: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]*", b"Date:", answers)


@pytest.mark.parametrize("requests", SAME.values(), ids=SAME)
def test_the_application_sees_and_answers_what_it_does_with_gthread(
    plain: Running, usual: Running, requests: bytes
) -> None:
    expected = undated(plain.ask(requests))
    assert expected.startswith(b"HTTP/1.")
    assert undated(usual.ask(requests)) == expected


@pytest.mark.parametrize(
    "request_bytes", [GET, post(b"hello"), chunked(b"hello")], ids=["get", "post", "chunked"]
)
def test_a_request_may_come_byte_by_byte_on_a_kept_connection(usual: Running, request_bytes: bytes) -> None:
    with usual.connect() as client:
        client.sendall(request_bytes)
        at_once = undated(read_answer(client))
        for place in range(len(request_bytes)):
            client.sendall(request_bytes[place : place + 1])
        assert undated(read_answer(client)) == at_once


def test_a_thousand_connections_stay_open(usual: Running) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(usual.connect()) for _ in range(900)]
        for _ in range(2):
            for client in clients:
                client.sendall(GET)
            assert all(read_answer(client).startswith(b"HTTP/1.1 200") for client in clients)


def test_100_continue_is_said_once_and_only_to_who_waits(usual: Running) -> None:
    expecting = post(b"hello", headers=b"Expect: 100-continue\r\n")
    with usual.connect() as client:
        client.sendall(expecting[:-5])
        assert read_answer(client) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        after_waiting = read_answer(client)
        client.sendall(expecting)
        assert undated(read_answer(client)) == undated(after_waiting)
    assert after_waiting.startswith(b"HTTP/1.1 200")
    assert b'"HTTP_EXPECT": "100-continue"' in after_waiting


@pytest.mark.parametrize(
    ("setting", "value"),
    [("keyfile", "key.pem"), ("protocol", "uwsgi"), ("proxy_protocol", "auto"), ("http_protocols", "h1,h2")],
)
def test_what_the_poller_cannot_read_is_refused_at_start(setting: str, value: str) -> None:
    config = Config()
    BufferedWorker.check_config(config, Logger(config))
    config.set(setting, value)
    with pytest.raises(ConfigError, match="HTTP/1 only"):
        BufferedWorker.check_config(config, Logger(config))


def test_gunicorn_still_has_the_parts_the_worker_builds_on() -> None:
    arguments = {
        "enqueue_req": ["self", "conn"],
        "finish_request": ["self", "conn", "fs"],
        "handle_request": ["self", "req", "conn"],
        "murder_pending": ["self"],
        "_cap_keepalive": ["self", "deadline"],
        "init_process": ["self"],
        "check_config": ["cfg", "log"],
    }
    for name, expected in arguments.items():
        assert list(inspect.signature(getattr(ThreadWorker, name)).parameters) == expected, name
    callers = {
        "run": {"murder_pending", "_cap_keepalive", "nr_conns", "worker_connections"},
        "accept": {"enqueue_req", "nr_conns"},
        "on_client_socket_readable": {"enqueue_req"},
        "finish_request": {"enqueue_req", "unreader", "buf"},
        "enqueue_req": {"finish_request", "handle"},
        "handle": {"data_ready", "initialized", "init", "handle_request"},
    }
    for caller, called in callers.items():
        code = getattr(ThreadWorker, caller).__code__
        inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        assert called <= {name for one in [code, *inner] for name in one.co_names}, caller
    assert {"parser", "initialized"} <= set(TConn.init.__code__.co_names)


def test_gunicorns_parser_still_reads_from_anything_with_recv() -> None:
    incoming = Incoming(Limits())
    incoming.start(post(b"hello", headers=b"Expect: 100-continue\r\n") + b"more", 0.0)
    parser = http.get_parser(Config(), incoming, ("127.0.0.1", 1))
    request = next(parser)
    assert request._expected_100_continue is True
    assert request.body.read() == b"hello"
    assert parser.unreader.take_buffered() + incoming.rest() == b"more"
    parser.unreader.unread(b"again")
    assert parser.unreader.take_buffered() == b"again"
