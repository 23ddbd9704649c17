"""A key server on loopback: it says what a test gives it, and records every path it is asked for."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Literal


@dataclass(frozen=True)
class Answer:
    """An answer. ``gated`` waits for the test to open the gate; ``held`` says nothing at all; ``dripping``
    sends headers for ever, a byte at a time; ``broken`` ends the connection with a reset."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Literal["whole", "gated", "held", "dripping", "broken"] = "whole"


@dataclass
class KeyServer:
    """What is answered by path, 404 for others, and the paths asked for in order. ``left`` is set when a
    client has gone away from an answer that never ends."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    done: Event = field(default_factory=Event)
    left: Event = field(default_factory=Event)
    asked: Event = field(default_factory=Event)
    gate: Event = field(default_factory=Event)
    _lock: Any = field(default_factory=Lock)

    def note(self, path: str) -> Answer:
        with self._lock:
            self.paths.append(path)
        self.asked.set()
        return self.answers.get(path, Answer(b"not found", 404))


@contextmanager
def key_server(context: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """A server while the block runs; over TLS with a context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    found = server.found = KeyServer(f"{scheme}://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.done.set()
        found.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(OSError):  # a client that has enough goes away in the middle
            super().handle()

    def do_GET(self) -> None:
        found: KeyServer = self.server.found  # type: ignore[attr-defined]
        answer = found.note(self.path)
        if answer.manner == "broken":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif answer.manner == "held":
            found.done.wait()
        elif answer.manner == "dripping":
            self._drip(found)
        else:
            if answer.manner == "gated":
                found.gate.wait()
            self._say(answer)

    def _say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _drip(self, found: KeyServer) -> None:
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not found.done.wait(0.02):  # often enough that no single byte is late
                self.wfile.write(b"x")
        except OSError:
            found.left.set()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
