"""The events of log records, and what can be read of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from data_access.live import Reason, Record
from data_access.records import UNREADABLE, Head, alone, opened
from pipeline.contracts import Draft, FieldError, parse_cloudpulse, parse_sbw

MAX_DEPTH = 64
"""Objects and arrays inside each other; a document of more is an attack or a mistake."""
MAX_EVENT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One event of the log: its place, its JSON, and what it shares with those that came with it."""

    sequence: int
    event: bytes
    head: Head
    sent_at: str | None = None
    made_id: str | None = None

    def draft(self) -> Draft:
        """The event as a draft. Raises FieldError."""
        draft = draft_of(self.event, self.head, self.sent_at)
        if draft.get("event_id") is None:
            draft["event_id"] = self.made_id
        return draft

    def alone(self) -> bytes:
        """The event in an envelope of its own."""
        head = msgspec.structs.replace(self.head, good=False)
        return alone(head, self.event, self.made_id, self.sent_at)


_ANY = msgspec.json.Decoder()
_NAMES = msgspec.json.Decoder(dict[str, msgspec.Raw])


def items(record: Record) -> Iterator[Item]:
    """The events of a log record, in order. Raises FieldError when the bytes are no envelope."""
    try:
        found = opened(record.body)
    except UNREADABLE as error:
        raise FieldError("event", f"is no envelope: {error}", Reason.UNREADABLE) from None
    places = range(record.first, record.last + 1)
    for sequence, (event, made_id) in zip(places, found.kept(), strict=True):
        yield Item(sequence, event, found.head, found.batch.sent_at, made_id)


def draft_of(event: bytes, head: Head, sent_at: str | None) -> Draft:
    """An event as a draft; ``event_id`` is None when the sender gave none. Raises FieldError.

    ``sent_at`` counts where the event has no sending time of its own.
    """
    if len(event) > MAX_EVENT_BYTES:
        message = f"takes {len(event):,} bytes; cut it to {MAX_EVENT_BYTES:,}"
        raise FieldError("event", message, Reason.TOO_LONG)
    received_at, payload = head.received_at, _decoded(event)
    if head.clickstream or _is_tracker(event):
        draft = parse_sbw(_timed(payload, "sentAt", sent_at), received_at, head.site, head.agent)
        return draft | {"country": head.country}
    return parse_cloudpulse(_timed(payload, "sent_at", sent_at), received_at, head.site)


def _is_tracker(event: bytes) -> bool:
    """Batches take events of both contracts; the tracker's have an ``eventName`` and no ``event_type``."""
    if b'"eventName"' not in event:
        return False
    try:
        names = _NAMES.decode(event)
    except msgspec.MsgspecError:
        return False
    return "eventName" in names and "event_type" not in names


def _timed(payload: object, name: str, sent_at: str | None) -> object:
    if sent_at is None or not isinstance(payload, dict):
        return payload
    return {name: sent_at, **payload}


def _decoded(event: bytes) -> object:
    if event.count(b"{") + event.count(b"[") > MAX_DEPTH and _depth(event) > MAX_DEPTH:
        raise FieldError("event", f"is nested more than {MAX_DEPTH} deep; flatten it", Reason.TOO_DEEP)
    try:
        return _ANY.decode(event)
    except UnicodeDecodeError:
        raise FieldError("event", "is no UTF-8; send JSON as UTF-8", Reason.BAD_TEXT) from None
    except msgspec.ValidationError:
        raise FieldError("event", "holds a number that is too large", Reason.BAD_NUMBER) from None
    except msgspec.DecodeError as error:
        raise FieldError("event", f"is no JSON: {error}") from None


def _depth(event: bytes) -> int:
    """How deep objects and arrays are nested; text in quotes does not count."""
    deepest = depth = 0
    quoted = escaped = False
    for byte in event:
        if quoted:
            quoted, escaped = escaped or byte != 0x22, byte == 0x5C and not escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest
