"""A small HTTP server on loopback: it answers some requests itself and passes the others on as they are."""

from __future__ import annotations

import http.client
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_UPSTREAM_SECONDS = 60
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True)
class Request:
    """A request; the names of its headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer; status 0 breaks the connection instead."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Loopback:
    """Serves ``answer``; where that gives None, what ``upstream`` says."""

    def __init__(self, answer: Callable[[Request], Answer | None], upstream: str) -> None:
        self._answer, self._upstream = answer, urlsplit(upstream)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread: Thread | None = None

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve no more: who connects now is refused."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def handle_expect_100(self) -> bool:
                found = super().handle_expect_100()
                self.wfile.flush()
                return found

            def _serve(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, _body(self))
                answer = owner._answer(request) or owner._passed_on(request)
                if answer.status == 0:
                    _break(self.connection)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)
                self.wfile.flush()

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _passed_on(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(
            self._upstream.hostname or "", self._upstream.port, timeout=_UPSTREAM_SECONDS
        )
        try:
            headers = {k: v for k, v in request.headers.items() if k not in _OF_ONE_CONNECTION}
            connection.request(request.method, request.path, request.body, headers)
            found = connection.getresponse()
            body = found.read()
        finally:
            connection.close()
        kept = {k: v for k, v in found.getheaders() if k.lower() not in _OF_ONE_CONNECTION}
        size = found.getheader("Content-Length")
        return Answer(found.status, kept | ({"Content-Length": size} if size else {}), body)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return b"".join(iter(lambda: _chunk(handler), b""))
    return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))


def _chunk(handler: BaseHTTPRequestHandler) -> bytes:
    size = int(handler.rfile.readline().split(b";")[0], 16)
    chunk = handler.rfile.read(size)
    handler.rfile.readline()
    return chunk


def _break(connection: socket.socket) -> None:
    """Reset a connection in the middle: closed at once, without a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
