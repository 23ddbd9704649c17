"""A tiny WSGI application under a real gunicorn, for tests that speak to it over raw sockets."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.incoming import Limits, Progress, Refusal
from app.worker import BufferedWorker

ROOT = Path(__file__).parents[2]
LARGE = bytes(64 << 20)
SECONDS = 20.0
"""Longest a test waits for anything."""

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: test\r\nX-Word: one\r\nx-word: two\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def post(body: bytes, path: bytes = b"/", headers: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: test\r\n%bContent-Length: %d\r\n\r\n%b" % (
        path,
        headers,
        len(body),
        body,
    )


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"POST /chunked HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


class EchoWorker(BufferedWorker):
    """The worker with the limits the test has set."""

    limits = Limits(**json.loads(os.environ.get("ECHO_LIMITS", "{}")))


class HastyWorker(EchoWorker):
    """Takes a head for a whole request, as if it had misread where the request ends."""

    def _judge(self, conn: Any) -> Progress | Refusal:
        progress = super()._judge(conn)
        return "complete" if conn.incoming.head else progress


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Say what was asked, as JSON. ``/unread`` leaves the body alone, ``/large`` answers with 64 MB,
    ``/hold?PORT`` waits until the connection it opens to that port is closed."""
    path = environ["PATH_INFO"]
    if path == "/hold":
        with socket.create_connection(("127.0.0.1", int(environ["QUERY_STRING"]))) as held:
            held.recv(1)
    body = b"" if path == "/unread" else environ["wsgi.input"].read()
    said = {name: str(value) for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))}
    said |= {
        name: environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL")
    }
    said |= {"body": f"{len(body)} {hashlib.sha256(body).hexdigest()}"}
    answer = LARGE if path == "/large" else json.dumps(said, sort_keys=True).encode()
    if path == "/pid":
        answer = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return iter([answer])


@dataclass(frozen=True, slots=True)
class Running:
    """A server: where it listens, and its processes."""

    port: int
    arbiter: subprocess.Popen[bytes]
    worker_pid: int

    def connect(self) -> socket.socket:
        """A new connection to it."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def ask(self, request: bytes) -> bytes:
        """Everything the server sends on a new connection until it closes it."""
        with self.connect() as client:
            client.sendall(request)
            return read_all(client)

    def resident_bytes(self) -> int:
        """Memory of the worker."""
        pages = int(Path(f"/proc/{self.worker_pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def read_all(client: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    while part := client.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def read_answer(client: socket.socket) -> bytes:
    """One answer with a Content-Length, or one without a body."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += _some(client)
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < length:
        body += _some(client)
    return head + b"\r\n\r\n" + body


def _some(client: socket.socket) -> bytes:
    part = client.recv(65536)
    assert part, "the server closed the connection"
    return part


@contextmanager
def serve(
    folder: Path, *, worker: str = "tests.app.echo.EchoWorker", threads: int = 4, **limits: float
) -> Iterator[Running]:
    """gunicorn with one worker on a free port, as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, (folder / "log").open("wb") as log:
        port = listener.getsockname()[1]
        words = ["-k", worker, "--threads", str(threads), "--bind", f"fd://{listener.fileno()}"]
        arbiter = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words, "--keep-alive", "75", "tests.app.echo:application"],
            cwd=ROOT,
            env=os.environ | {"ECHO_LIMITS": json.dumps(limits)},
            pass_fds=[listener.fileno()],
            stderr=log,
        )
    try:
        answer = Running(port, arbiter, 0).ask(b"GET /pid HTTP/1.0\r\n\r\n")
        yield Running(port, arbiter, int(answer.rpartition(b"\r\n")[2]))
    finally:
        arbiter.send_signal(signal.SIGQUIT)
        arbiter.wait(SECONDS)
