"""The collector: requests with events in, answers out. Plain functions over plain values, for any server.

An event is accepted when its parser takes it, and acknowledged when the log has it on disk.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from data_access.live import Once, Refused
from data_access.ports import Documents, Intake, LogBusy, LogFull, OnceError
from data_access.records import Batch, Head, batch, batch_of, sealed
from data_access.settings import Settings
from data_access.sites import Doors, Site
from pipeline.contracts import MAX_BATCH, FieldError
from pipeline.contracts.gate import ids_if_good
from pipeline.envelope import MAX_EVENT_BYTES, draft_of
from pipeline.limits import RateLimit, TooLargeError, gunzip

EVENTS, BATCH, CLICKSTREAM = "/v1/events", "/v1/events/batch", "/clickstream"
PATHS = frozenset({EVENTS, BATCH, CLICKSTREAM})
RETRY_BUSY, RETRY_FULL = 1, 30
"""Seconds after which to come again."""
_COUNTRY_HEADERS = ("cloudfront-viewer-country", "cf-ipcountry")
_NOWHERE = frozenset({"XX", "T1"})
_HEADERS_ALLOWED = "authorization, content-encoding, content-type, idempotency-key, x-write-key"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request: header names in lower case; ``query`` holds the first value of each parameter."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers and JSON body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Collector:
    """Takes events over HTTP into the log."""

    def __init__(
        self,
        log: Intake,
        documents: Documents,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log, self._clock = log, clock
        self._doors = Doors(documents)
        self._rate = RateLimit(settings.intake_per_second)
        self.most_bytes = settings.intake_megabytes * 1_000_000

    def answer(self, request: Incoming) -> Reply:
        """Answer a request to one of ``PATHS``; never raises for anything a sender can do."""
        origin = request.headers.get("origin", "")
        if request.method == "OPTIONS":
            return _preflight(origin, self._doors.knows(origin))
        try:
            site = self._site(request, origin)
            return _readable(self._taken(request, site), origin)
        except _Refusal as refusal:
            allowed = origin and refusal.status != 403
            return _readable(refusal.reply(request.path), origin if allowed else "")

    def _site(self, request: Incoming, origin: str) -> Site:
        """Whose events they are, by key, or for the tracker of old by the page's origin."""
        if request.method != "POST":
            raise _Refusal(405, "Send events with POST.", (("Allow", "POST, OPTIONS"),))
        key = _key(request)
        site = self._doors.of_key(key) if key else None
        if site is None and not key and request.path == CLICKSTREAM:
            sites = self._doors.of_origin(origin)
            site = sites[0] if len(sites) == 1 else None
        if site is None:
            raise _Refusal(401, "Send a write key: Authorization: Bearer wk_…, X-Write-Key or ?key=.")
        if origin and not site.allows(origin):
            raise _Refusal(403, f"Site {site.name} takes no events from {origin[:200]}; add that origin.")
        return site

    def _taken(self, request: Incoming, site: Site) -> Reply:
        body = _unpacked(request, self.most_bytes)
        if request.path != BATCH:
            body = batch_of(_one(body))
        head = Head(
            site.name,
            int(self._clock() * 1000),
            request.headers.get("user-agent", "")[:512] or None,
            _country(request),
            request.path == CLICKSTREAM,
        )
        ids = None if head.clickstream else ids_if_good(body)
        found = _sort_out(body, head) if ids is None else _Sorted(sealed(replace(head, good=True), body), ids)
        wait = self._rate.take(site.name, len(found.ids) + len(found.errors))
        if wait:
            raise _Refusal(429, "Too many events a second; send fewer.", _retry(math.ceil(wait)))
        return self._kept(request, site, found)

    def _kept(self, request: Incoming, site: Site, found: _Sorted) -> Reply:
        reply = found.reply(request.path)
        once = _once(request, site, reply)
        try:
            appended = self._log.append(found.record, len(found.ids), found.refused, once)
        except LogBusy as error:
            raise _Refusal(503, f"Busy: {error}.", _retry(RETRY_BUSY)) from None
        except LogFull as error:
            raise _Refusal(507, f"Not kept: {error}.", _retry(RETRY_FULL)) from None
        except OnceError as error:
            raise _Refusal(409, f"Not kept: {error}.") from None
        if appended.answer is not None:
            return Reply(int(appended.answer[:3]), appended.answer[3:], (("Idempotency-Replayed", "true"),))
        return reply


class _Refusal(Exception):
    """The whole request is turned away."""

    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers

    def reply(self, path: str) -> Reply:
        if path == CLICKSTREAM:
            body: dict[str, Any] = {"success": False, "message": self.message}
        else:
            body = {"success": False, "error": self.message}
        return Reply(self.status, _json(body), self.headers)


@dataclass(slots=True)
class _Sorted:
    """The events of a request: a log record of the good ones with their ids, and the bad ones."""

    record: bytes
    ids: list[str]
    refused: list[Refused] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, path: str) -> Reply:
        if path == CLICKSTREAM:
            if not self.errors:
                return Reply(200, b'{"success":true}')
            error = self.errors[0]
            return Reply(400, _json({"success": False, "message": f"{error['field']} {error['message']}"}))
        status = 200 if not self.errors else 207 if self.ids else 422
        return Reply(
            status,
            _json(
                {
                    "accepted": len(self.ids),
                    "rejected": len(self.errors),
                    "event_ids": self.ids,
                    "errors": self.errors,
                }
            ),
        )


def _key(request: Incoming) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return request.headers.get("x-write-key", "") or request.query.get("key", "")


def _country(request: Incoming) -> str | None:
    """The country of the browser, where a content network in front of us says it."""
    names = (request.headers.get(name, "") for name in _COUNTRY_HEADERS)
    return next((name for name in names if re.fullmatch("[A-Z]{2}", name) and name not in _NOWHERE), None)


def _unpacked(request: Incoming, most: int) -> bytes:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    too_large = f"The body is larger than {most // 1_000_000} MB unpacked; send fewer events at once."
    if coding in {"", "identity"}:
        if len(request.body) > most:
            raise _Refusal(413, too_large)
        return request.body
    if coding not in {"gzip", "x-gzip"}:
        raise _Refusal(415, "Content-Encoding takes gzip or nothing.", (("Accept-Encoding", "gzip"),))
    try:
        return gunzip(request.body, most)
    except TooLargeError:
        raise _Refusal(413, too_large) from None
    except ValueError as error:
        raise _Refusal(400, f"The body {error}.") from None


def _one(body: bytes) -> bytes:
    """A body that is one event. Raises _Refusal."""
    with _refusing():
        return bytes(_ONE.decode(body))


def _several(body: bytes) -> Batch:
    """A body that is a batch. Raises _Refusal."""
    with _refusing():
        found = batch(body)
    if not 1 <= len(found.events) <= MAX_BATCH:
        raise _Refusal(422, f"The batch holds {len(found.events):,} events; send 1 to {MAX_BATCH:,}.")
    return found


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise _Refusal(400, "The body is nested too deeply.") from None
    except msgspec.ValidationError as error:
        raise _Refusal(422, f'Send {{"events": [ … ], "sent_at": "…"}}: {error}.') from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Refusal(400, "The body is no JSON in UTF-8.") from None


_ONE = msgspec.json.Decoder(msgspec.Raw)


def _sort_out(body: bytes, head: Head) -> _Sorted:
    """The events of a batch one by one, by the parser, which decides."""
    found, sent = _Sorted(b"", []), _several(body)
    for index, event in enumerate(map(bytes, sent.events)):
        try:
            own = draft_of(event, head, sent.sent_at).get("event_id")
        except FieldError as error:
            found.errors.append({"index": index, "field": error.field, "message": error.message})
            found.refused.append(_refused(head, event, sent.sent_at, error))
        else:
            found.ids.append(own or _new_id())
    skip = tuple(error["index"] for error in found.errors)
    found.record = sealed(replace(head, skip=skip, ids=tuple(found.ids)), body)
    return found


def _refused(head: Head, event: bytes, sent_at: str | None, error: FieldError) -> Refused:
    kept = event if len(event) <= MAX_EVENT_BYTES else b"null"
    return Refused(head.site, error.reason, error.field, error.message, sealed(head, batch_of(kept, sent_at)))


def _new_id() -> str:
    """A random UUID, version 4, as text."""
    digits = bytearray(secrets.token_bytes(16))
    digits[6], digits[8] = digits[6] & 0x0F | 0x40, digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _once(request: Incoming, site: Site, reply: Reply) -> Once | None:
    key = request.headers.get("idempotency-key", "")
    if not key:
        return None
    if len(key) > 255:
        raise _Refusal(400, "The Idempotency-Key is longer than 255 characters.")
    digest = sha256(request.path.encode() + b"\0" + request.body).digest()
    return Once(f"{site.name}\0{key}", digest, b"%d" % reply.status + reply.body)


def _preflight(origin: str, known: bool) -> Reply:
    if not known:
        return Reply(403, _json({"success": False, "error": "No site takes events from this origin."}))
    return _readable(
        Reply(
            204,
            b"",
            (
                ("Access-Control-Allow-Methods", "POST"),
                ("Access-Control-Allow-Headers", _HEADERS_ALLOWED),
                ("Access-Control-Max-Age", "86400"),
            ),
        ),
        origin,
    )


def _readable(reply: Reply, origin: str) -> Reply:
    """The reply, readable for pages of an origin."""
    headers: tuple[tuple[str, str], ...] = (("Vary", "Origin"),)
    if origin:
        headers += (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "Idempotency-Replayed, Retry-After"),
        )
    return Reply(reply.status, reply.body, reply.headers + headers)


def _retry(seconds: int) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(max(1, seconds))),)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
