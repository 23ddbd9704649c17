"""The buffered worker: slow clients take no thread, little memory and no one else's time."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.server import Server
from app.worker import BufferedWorker
from data_access.settings import Settings
from tests.app.echo import GET, LAST, ROOT, SECONDS, Running, chunked, post, read_all, read_answer, serve

MB = 1 << 20
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: te"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel"


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The buffered worker as it runs in earnest."""
    with serve(tmp_path_factory.mktemp("usual")) as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two threads and a second for everything."""
    seconds = dict.fromkeys(("head_seconds", "slow_body_seconds", "linger_seconds", "send_seconds"), 1)
    with serve(tmp_path_factory.mktemp("strict"), threads=2, body_rate=100, **seconds) as running:
        yield running


def error_of(answer: bytes, status: int) -> str:
    """The message of a refusal, after a look at its form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Type: application/json" in head
    assert b"\r\nContent-Length: %d" % len(body) in head
    said = json.loads(body)
    assert said["success"] is False
    return str(said["error"])


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["at once", "asking first"])
def test_a_body_over_the_limit_is_refused_before_it_is_sent(usual: Running, expect: bytes) -> None:
    answer = usual.ask(b"POST / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (expect, 16 * MB + 1))
    assert error_of(answer, 413) == "The request's body is too large."


def test_who_sends_a_large_body_all_the_same_gets_to_read_the_answer(usual: Running) -> None:
    with usual.connect() as client:
        client.sendall(post(b"x" * 17 * MB))
        client.shutdown(socket.SHUT_WR)
        assert error_of(read_all(client), 413)


def test_a_large_chunk_is_refused_before_it_is_sent(usual: Running) -> None:
    assert error_of(usual.ask(chunked(b"hello", end=b"1000000\r\n")), 413)


def test_a_head_over_the_limit_is_refused(usual: Running) -> None:
    answer = usual.ask(b"GET / HTTP/1.1\r\n" + b"X: 12345678\r\n" * 5100)
    assert error_of(answer, 431) == "The request's headers are too long."


@pytest.mark.parametrize(
    "begun", [HALF_HEAD, HALF_BODY, chunked(b"hel", end=b"")], ids=["head", "body", "chunks"]
)
def test_a_request_that_stops_coming_gets_408(strict: Running, begun: bytes) -> None:
    assert error_of(strict.ask(begun), 408) == "The request took too long to arrive."


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(strict: Running) -> None:
    assert strict.ask(b"") == b""


def test_dribbling_does_not_buy_time(strict: Running) -> None:
    with strict.connect() as client:
        began = time.monotonic()
        client.sendall(HALF_HEAD)
        while not select.select([client], [], [], 0.05)[0]:
            client.sendall(b"x")
        assert error_of(read_all(client), 408)
        assert time.monotonic() - began < SECONDS / 2


def test_a_body_that_keeps_coming_may_take_longer(strict: Running) -> None:
    whole = post(b"x" * 600)
    with strict.connect() as client:
        client.sendall(whole[:-600])
        for _ in range(15):
            assert not select.select([client], [], [], 0.1)[0]
            client.sendall(b"x" * 40)
        assert read_answer(client).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_the_connection_open_blocks_nobody(strict: Running) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(strict.connect())
            client.sendall(LAST)
            assert read_all(client).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert strict.ask(LAST).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - began < 1


def test_a_client_that_does_not_take_its_answer_loses_its_thread(strict: Running) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(strict.connect())
            client.sendall(GET.replace(b"/a", b"/large"))
            assert client.recv(1)
        assert strict.ask(LAST).startswith(b"HTTP/1.1 200")


def test_half_heads_and_half_bodies_do_not_slow_ordinary_requests(tmp_path: Path) -> None:
    with (
        ExitStack() as stack,
        serve(tmp_path, threads=16, head_seconds=5, slow_body_seconds=5) as running,
    ):
        before = running.resident_bytes()
        slow = [stack.enter_context(running.connect()) for _ in range(600)]
        for client, begun in zip(slow, [HALF_HEAD, HALF_BODY] * 300, strict=True):
            client.sendall(begun)
        seconds = sorted(_timed(running) for _ in range(200))
        assert not _readable(slow, 0), "a slow client was closed before its time"
        assert seconds[189] < 1, f"p95 {seconds[189]:.3f} s"
        for client in slow:
            assert error_of(read_all(client), 408)
        assert running.resident_bytes() - before < 20 * MB


def _timed(running: Running) -> float:
    began = time.monotonic()
    assert running.ask(LAST).startswith(b"HTTP/1.1 200")
    return time.monotonic() - began


def _readable(clients: list[socket.socket], timeout_ms: int) -> int:
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    return len(poll.poll(timeout_ms))


def test_a_body_that_is_not_there_takes_no_thread_and_is_no_request_later(tmp_path: Path) -> None:
    with (
        serve(tmp_path, worker="tests.app.echo.HastyWorker", threads=1) as running,
        running.connect() as client,
    ):
        client.sendall(post(b"", b"/unread").replace(b"h: 0", b"h: 200"))
        assert read_answer(client).startswith(b"HTTP/1.1 200")
        client.sendall(LAST)
        assert client.recv(1) == b""
        assert running.ask(LAST).startswith(b"HTTP/1.1 200")


def test_unfinished_bodies_share_a_bounded_memory(tmp_path: Path) -> None:
    begun = post(b"x" * 2 * MB)[:-MB]
    with ExitStack() as stack, serve(tmp_path, all_bytes=8 * MB) as running:
        before = running.resident_bytes()
        clients = [stack.enter_context(running.connect()) for _ in range(40)]
        for client in clients:
            client.sendall(begun)
        refused = [client for client in clients if _readable([client], 100)]
        assert len(refused) >= 30
        answers = [read_all(client) for client in refused]
        assert {error_of(answer, 503) for answer in answers} == {"Too much is being sent at once."}
        assert all(b"\r\nRetry-After: 1\r\n" in answer for answer in answers)
        assert running.ask(post(b"small") + LAST).startswith(b"HTTP/1.1 200")
        assert running.resident_bytes() - before < 20 * MB
        for client in clients:
            client.close()
        with running.connect() as client:
            client.sendall(begun)
            assert not _readable([client], 100)
            client.sendall(b"x" * MB)
            assert read_answer(client).startswith(b"HTTP/1.1 200")
            for _ in range(5):
                client.sendall(post(b"x" * 2 * MB))
                assert read_answer(client).startswith(b"HTTP/1.1 200")


def test_a_stopping_worker_finishes_what_has_begun(tmp_path: Path) -> None:
    with (
        serve(tmp_path) as running,
        socket.create_server(("127.0.0.1", 0)) as gate,
        running.connect() as silent,
        running.connect() as half,
        running.connect() as held,
    ):
        half.sendall(HALF_BODY)
        held.sendall(GET.replace(b"/a?b=%20c", b"/hold?%d" % gate.getsockname()[1]))
        release, _ = gate.accept()
        running.arbiter.send_signal(signal.SIGTERM)
        assert read_all(silent) == b""
        release.close()
        half.sendall(b"lo")
        assert read_all(held).startswith(b"HTTP/1.1 200")
        finished = read_all(half)
        assert finished.startswith(b"HTTP/1.1 200")
        assert b"\r\nConnection: close\r\n" in finished
        assert running.arbiter.wait(SECONDS) == 0


def test_the_worker_ends_when_its_parent_dies(tmp_path: Path) -> None:
    with serve(tmp_path) as running:
        worker = os.pidfd_open(running.worker_pid)
        running.arbiter.kill()
        ended, _, _ = select.select([worker], [], [], SECONDS)
        os.close(worker)
        assert ended


def test_the_server_uses_it_with_sixteen_threads(tmp_path: Path) -> None:
    config = Server(Settings(data_dir=tmp_path)).cfg
    assert config.worker_class is BufferedWorker
    assert config.threads == 16
    assert config.worker_connections >= 1000


@pytest.mark.parametrize(("hard", "connections"), [(600, 300), (1500, 988), (2600, 2000)])
def test_the_limit_of_open_files_bounds_the_connections(hard: int, connections: int) -> None:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, {hard}));"
        "from app.worker import connections_possible; print(connections_possible(2000));"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    possible, files = map(int, said.stdout.split())
    assert possible == connections
    assert files == min(hard, 2512)
