"""The bytes of one request as they arrive: how far it reaches, and a source gunicorn's parser reads from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

_BLANK_LINE = b"\r\n\r\n"
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]+[ \t]*(?:;|$)")
_LENGTH_DIGITS = 19
"""More would be over any limit, and Python refuses to convert thousands."""
_LINE_BYTES = 65536

Progress = Literal["waiting", "complete", "gone"]
"""How far a request has come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send, and how long it may take: bytes and seconds."""

    head_bytes: int = 64 << 10
    body_bytes: int = 16 << 20
    all_bytes: int = 128 << 20
    """Bytes of all unfinished requests of the process together."""
    head_seconds: float = 10
    body_seconds: float = 60
    slow_body_seconds: float = 10
    """A body may take this long, and a second more for every ``body_rate`` bytes of it that came."""
    body_rate: int = 4096
    linger_seconds: float = 2
    """How long a closed connection is read on, so that the client gets the answer and no reset."""
    send_seconds: int = 30
    """How long a client may take nothing at all of an answer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not handed over: the status line's end, what the client is told, more headers."""

    status: str
    error: str
    headers: str = ""

    def answer(self) -> bytes:
        """The whole answer, which closes the connection."""
        body = json.dumps({"success": False, "error": self.error})
        return (
            f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Cache-Control: no-store\r\nConnection: close\r\n{self.headers}\r\n{body}"
        ).encode()


LATE = Refusal("408 Request Timeout", "The request took too long to arrive.")
LONG_HEAD = Refusal("431 Request Header Fields Too Large", "The request's headers are too long.")
LARGE_BODY = Refusal("413 Content Too Large", "The request's body is too large.")
FULL = Refusal("503 Service Unavailable", "Too much is being sent at once.", "Retry-After: 1\r\n")


class Incoming:
    """Holds a connection's unread bytes and says where the request they start with ends.

    It only decides when a request is handed over; gunicorn's parser decides what it means. Bytes that are no
    proper request count as complete, for the parser to refuse them. The parser reads with ``recv``, which
    ends where the bytes end: nothing a client sends can make a thread wait for more.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.data = bytearray()
        self.deadline = 0.0
        self.start(b"", 0.0)

    def start(self, data: bytes, now: float) -> None:
        """Begin with a request of which ``data`` is already there; ``now`` as of ``time.monotonic``."""
        self.data = bytearray(data)
        self.head = 0
        self.end = 0
        self.wants_continue = False
        self.ran_out = False
        self.deadline = now + self.limits.head_seconds
        self._read = 0
        self._chunk = 0
        self._body_began = 0.0

    def recv(self, size: int) -> bytes:
        """The next bytes, at most ``size``; empty at the end, as a socket whose client has gone."""
        found = bytes(memoryview(self.data)[self._read : self._read + size])
        self._read += len(found)
        self.ran_out = self.ran_out or not found
        return found

    def rest(self) -> bytes:
        """What ``recv`` has not returned yet; all of it is forgotten here."""
        found = bytes(memoryview(self.data)[self._read :])
        self.data = bytearray()
        return found

    def is_silent(self) -> bool:
        """True while the client has sent nothing but, at most, blank lines."""
        return not self.data.strip()

    def look(self, now: float, all_bytes: int) -> Progress | Refusal:
        """Take new bytes into account. ``all_bytes`` is what all connections hold together.

        Sets ``head`` and ``end`` (offsets; ``end`` as far as it is known) and ``deadline``.
        """
        limits, size = self.limits, len(self.data)
        if not self.head and not self._find_head(now):
            return LONG_HEAD if size > limits.head_bytes else self._unless_malformed()
        if self._chunk:
            self.end = self._chunks_end()
        if self.head > limits.head_bytes:
            return LONG_HEAD
        if self.end - self.head > limits.body_bytes:
            return LARGE_BODY
        if size >= self.end:
            return "complete"
        earned = limits.slow_body_seconds + (size - self.head) / limits.body_rate
        self.deadline = self._body_began + min(limits.body_seconds, earned)
        return FULL if all_bytes > limits.all_bytes else "waiting"

    def _unless_malformed(self) -> Progress:
        # A line that ends with LF alone is an error the parser reports without waiting for more.
        return "waiting" if self.data.count(b"\n") == self.data.count(b"\r\n") else "complete"

    def _find_head(self, now: float) -> bool:
        found = self.data.find(_BLANK_LINE)
        if found >= 0:
            self.head = self.end = found + len(_BLANK_LINE)
            self._body_began = now
            self._read_framing(bytes(self.data[: self.head]))
        return found >= 0

    def _read_framing(self, head: bytes) -> None:
        for name, value in _FRAMING.findall(head):
            kind = name[:1].lower()
            if kind == b"c" and value.strip().isdigit():
                self.end = self.head + int(value.strip().lstrip(b"0")[:_LENGTH_DIGITS] or b"0")
            elif kind == b"t" and b"chunked" in value.lower():
                self._chunk = self.head
            elif kind == b"e":
                asked = value.strip().lower() == b"100-continue"
                self.wants_continue = asked and not head.lstrip().partition(b"\r\n")[0].endswith(b"/1.0")

    def _chunks_end(self) -> int:
        """The end of the last chunk, or of the part that is still to come."""
        data = self.data
        while (end := data.find(b"\r\n", self._chunk)) >= 0:
            line = bytes(data[self._chunk : end])
            if not _CHUNK_SIZE.match(line):
                return len(data)
            size = int(line.partition(b";")[0], 16)
            if size == 0:
                return self._trailers_end(end + 2)
            after = end + 2 + size + 2
            if after > len(data):
                return after
            self._chunk = after
        return self._more_after(self._chunk)

    def _trailers_end(self, begin: int) -> int:
        if self.data.startswith(b"\r\n", begin):
            return begin + 2
        found = self.data.find(_BLANK_LINE, begin)
        return found + len(_BLANK_LINE) if found >= 0 else self._more_after(begin)

    def _more_after(self, begin: int) -> int:
        """At least one byte more, unless the line or trailers from ``begin`` are longer than any may be."""
        return len(self.data) + (len(self.data) - begin <= _LINE_BYTES)
