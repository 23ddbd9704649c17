"""The bytes of a log record: the events of a request as they came, and what the server knew when they did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading bytes that are none of these may raise."""


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the events of a request share: their site, when they were received (ms since 1970, UTC), the
    browser's user agent, the country a content network saw them come from, and whether they came as
    /clickstream, the tracker's old way.

    ``skip`` are the indexes of events that were refused; ``ids`` the event ids, where the server made any;
    ``good`` that the quick gate let the whole batch through.
    """

    site: str
    at: int
    agent: str | None = None
    country: str | None = None
    clickstream: bool = False
    skip: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    good: bool = False

    @property
    def received_at(self) -> datetime:
        """When they were received, naive UTC."""
        return _EPOCH + timedelta(milliseconds=self.at)


class Batch(msgspec.Struct, frozen=True):
    """The body of a batch: each event as JSON, and when the sender says it sent them."""

    events: list[msgspec.Raw]
    sent_at: str | None = None


class Envelope(msgspec.Struct, frozen=True):
    """A whole record."""

    head: Head
    batch: Batch

    def kept(self) -> Iterator[tuple[bytes, str | None]]:
        """The events that were not refused, in order, each with the id the server made for it."""
        skipped = set(self.head.skip)
        events = [bytes(event) for index, event in enumerate(self.batch.events) if index not in skipped]
        return zip(events, self.head.ids or (None,) * len(events), strict=True)


_ENVELOPE = msgspec.json.Decoder(Envelope)
_BATCH = msgspec.json.Decoder(Batch)


def opened(body: bytes) -> Envelope:
    """A record's parts. Raises UNREADABLE."""
    return _ENVELOPE.decode(body)


def batch(body: bytes) -> Batch:
    """A batch's events. Raises UNREADABLE."""
    return _BATCH.decode(body)


def sealed(head: Head, batch: bytes) -> bytes:
    """A log record's bytes: the head, and the batch just as it came."""
    return b'{"head":%b,"batch":%b}' % (msgspec.json.encode(head), batch)


def batch_of(event: bytes, sent_at: str | None = None) -> bytes:
    """A batch of one event."""
    if sent_at is None:
        return b'{"events":[%b]}' % event
    return b'{"events":[%b],"sent_at":%b}' % (event, msgspec.json.encode(sent_at))


def alone(head: Head, event: bytes, made_id: str | None, sent_at: str | None) -> bytes:
    """A record of one event of a request."""
    own = msgspec.structs.replace(head, skip=(), ids=(made_id,) if made_id else ())
    return sealed(own, batch_of(event, sent_at))


def singles(body: bytes) -> list[bytes]:
    """A record as records of one event each. Raises UNREADABLE."""
    found = opened(body)
    return [alone(found.head, event, made_id, found.batch.sent_at) for event, made_id in found.kept()]
