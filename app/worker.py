"""A gunicorn worker slow clients cannot tie up: a thread gets a request when all of its bytes are there."""

from __future__ import annotations

import resource
import socket
import struct
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import http
from gunicorn.errors import ConfigError
from gunicorn.workers.gthread import ThreadWorker

from app.incoming import LATE, Incoming, Limits, Progress, Refusal

RECV_BYTES = 256 << 10
CHECK_SECONDS = 0.25
SPARE_FILES = 512
"""Open files left to the application when there are very many connections."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BufferedWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads behind a poller that reads requests without blocking, within ``limits``.

    A subclass may set other limits. All methods but ``handle_request`` run in the poller's thread.
    """

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watched: set[Any] = set()
        self._buffered = 0
        self._next_check = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse what the poller cannot read: only HTTP/1 without TLS can be looked into."""
        super().check_config(cfg, log)
        plain = cfg.protocol == "http" and cfg.proxy_protocol == "off" and "h2" not in cfg.http_protocols
        if cfg.is_ssl or not plain:
            raise ConfigError("BufferedWorker takes HTTP/1 only: no TLS, HTTP/2, uWSGI or PROXY protocol.")

    def init_process(self) -> None:
        """Allow for the connections' files, or take fewer connections: running out would end the worker."""
        self.worker_connections = connections_possible(self.cfg.worker_connections)
        self.max_keepalived = self.worker_connections - self.cfg.threads
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Listen or not. A worker that stops closes its listeners: behind one that stays open until all is
        answered, the system would let clients wait for nobody."""
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: Any) -> None:
        """Accept all that have connected."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Start to read a request; one that is there at once goes straight to the pool."""
        if conn.parser is None:
            self._prepare(conn)
        if conn.sock.gettimeout() != 0:
            conn.sock.setblocking(False)
        begun = conn.parser.unreader.take_buffered()
        conn.incoming.start(begun, time.monotonic())
        self._buffered += len(begun)
        progress = self._judge(conn) if begun else "waiting"
        self._settle(conn, self._read(conn) if progress == "waiting" else progress)

    def _prepare(self, conn: Any) -> None:
        conn.incoming = Incoming(self.limits)
        conn.parser = http.get_parser(self.cfg, conn.incoming, conn.client)
        conn.data_ready = True
        stalled = struct.pack("ll", self.limits.send_seconds, 0)
        with suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stalled)

    def _on_readable(self, conn: Any, _sock: socket.socket) -> None:
        progress = self._read(conn)
        if progress != "waiting":
            self._unwatch(conn)
            self._settle(conn, progress)

    def _read(self, conn: Any) -> Progress | Refusal:
        try:
            arrived = conn.sock.recv(RECV_BYTES)
        except BlockingIOError:
            return "waiting"
        except OSError:
            return "gone"
        if not arrived:
            return "gone"
        conn.incoming.data += arrived
        self._buffered += len(arrived)
        return self._judge(conn)

    def _judge(self, conn: Any) -> Progress | Refusal:
        incoming: Incoming = conn.incoming
        progress = incoming.look(time.monotonic(), self._buffered)
        if progress == "waiting" and incoming.wants_continue:
            incoming.wants_continue = False
            return "waiting" if self._send(conn, CONTINUE) else "gone"
        return progress

    def _settle(self, conn: Any, progress: Progress | Refusal) -> None:
        if progress == "waiting":
            self._watch(conn, self._on_readable)
        elif progress == "complete":
            super().enqueue_req(conn)
        elif isinstance(progress, Refusal) and self._send(conn, progress.answer()):
            self.log.info("%s: %s", progress.status, conn.client)
            self._linger(conn)
        else:
            self._drop(conn)

    def _send(self, conn: Any, data: bytes) -> bool:
        """Send a short answer without waiting; False when the client does not take it."""
        try:
            return bool(conn.sock.send(data) == len(data))
        except OSError:
            return False

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request as gthread does. Its body is here: no 100 Continue is due any more."""
        req._expected_100_continue = False
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Go on after an answer: with what the client has sent meanwhile, or by closing without blocking."""
        self._buffered -= len(conn.incoming.data)
        rest = conn.parser.unreader.take_buffered() + conn.incoming.rest()
        if conn.incoming.ran_out or fs.cancelled() or not (fs.exception() or fs.result()):
            self._linger(conn)
            return
        if rest:
            conn.parser.unreader.unread(rest)
        super().finish_request(conn, fs)

    def _linger(self, conn: Any) -> None:
        """End our side, and read on for a while: a reset now could take the answer away from the client."""
        self._forget_bytes(conn)
        conn.incoming.deadline = time.monotonic() + self.limits.linger_seconds
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        self._watch(conn, self._on_discarded)

    def _on_discarded(self, conn: Any, sock: socket.socket) -> None:
        try:
            gone = not sock.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._unwatch(conn)
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self._forget_bytes(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget_bytes(self, conn: Any) -> None:
        self._buffered -= len(conn.incoming.data)
        conn.incoming.data = bytearray()

    def _watch(self, conn: Any, callback: Any) -> None:
        self._watched.add(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(callback, conn))

    def _unwatch(self, conn: Any) -> None:
        self._watched.discard(conn)
        self.poller.unregister(conn.sock)

    def murder_pending(self) -> None:
        """Answer 408 to what is late (the main loop calls this after every turn), and close it."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + CHECK_SECONDS
        for conn in [one for one in self._watched if one.incoming.deadline <= now]:
            self._unwatch(conn)
            self._settle(conn, "gone" if conn.incoming.is_silent() else LATE)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker does not wait long for clients that have sent nothing."""
        super()._cap_keepalive(deadline)
        for conn in self._watched:
            if conn.incoming.is_silent():
                conn.incoming.deadline = min(conn.incoming.deadline, deadline)


def connections_possible(wanted: int) -> int:
    """Raise the limit of open files if need be; how many connections it allows for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted + SPARE_FILES if hard == resource.RLIM_INFINITY else hard
    soft = max(soft, min(wanted + SPARE_FILES, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, max(soft - SPARE_FILES, soft // 2))
