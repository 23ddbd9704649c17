"""The quick way in: batches of the CloudPulse contract whose events are all surely good.

``parse_cloudpulse`` alone decides what is taken. The gate says yes only to what that takes for certain, at a
tenth of its cost, and otherwise does not know; a property test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

MAX_BATCH = 1000
SAFE_BYTES = 2 * 1024
"""Properties that take fewer bytes as they came are within their limit, however they are written anew."""
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
"""Moments in these years give an event time in the parser's range, whatever they are taken from."""
_HEX = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_UUIDS = b"00000000-0000-0000-0000-000000000000," * MAX_BATCH
# NUL characters and halves of surrogate pairs, as JSON writes them.
_ODD = re.compile(rb"\\u(?:0000|[dD])").search

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Flat = str | int | float | bool | None
_Inner = _Flat | list[_Flat] | dict[str, _Flat]
_Value = _Flat | list[_Inner] | dict[str, _Inner]
"""What properties hold as a rule; what is nested deeper is for the parser to look at."""


class _Metadata(msgspec.Struct, gc=False):
    ip_address: Annotated[str, msgspec.Meta(max_length=45)] | None = None
    user_agent: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=2)] | None = None
    region: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    referrer: Annotated[str, msgspec.Meta(max_length=2048)] | None = None


class GoodEvent(msgspec.Struct, gc=False):
    """An event as the gate reads it. Good ones are what they say: nothing of them is of the wrong kind."""

    event_type: Literal["page_view", "click", "api_call", "form_submit", "error", "custom"]
    session_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    source: Literal["web", "mobile", "api", "server"]
    event_id: str
    timestamp: _Moment | None = None
    sent_at: _Moment | None = None
    user_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    properties: dict[str, _Value] | None = None
    metadata: _Metadata | None = None


class GoodBatch(msgspec.Struct, gc=False):
    """A batch as the gate reads it."""

    events: Annotated[list[GoodEvent], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]
    sent_at: _Moment | None = None


class _Sizes(msgspec.Struct, gc=False):
    events: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(GoodBatch)
_SIZES = msgspec.json.Decoder(_Sizes)


def ids_if_good(body: bytes) -> list[str] | None:
    """The event ids of a batch; None when ``parse_cloudpulse`` must look at its events one by one."""
    if b"\\" in body and _ODD(body):
        return None
    try:
        batch = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    events = batch.events
    if len(body) > SAFE_BYTES and max(map(len, _SIZES.decode(body).events)) > SAFE_BYTES:
        return None
    if not (_are_in_time(batch) and _are_named(events) and _are_of_countries(events)):
        return None
    ids = ",".join([event.event_id for event in events])
    if not (ids.isascii() and _UUIDS.startswith(ids.encode().translate(_HEX) + b",")):
        return None
    return ids.lower().split(",")


def _are_in_time(batch: GoodBatch) -> bool:
    moments = [moment for event in batch.events for moment in (event.timestamp, event.sent_at) if moment]
    if batch.sent_at:
        moments.append(batch.sent_at)
    return not moments or (min(moments) >= _FIRST and max(moments) <= _LAST)


def _are_named(events: list[GoodEvent]) -> bool:
    """Whether sessions and custom events have names as they must be."""
    customs = [event.properties for event in events if event.event_type == "custom"]
    return "" not in [event.session_id.strip() for event in events] and all(map(_is_named, customs))


def _are_of_countries(events: list[GoodEvent]) -> bool:
    metadata = [event.metadata for event in events if event.metadata]
    codes = "".join({one.country for one in metadata if one.country})
    return not codes or (codes.isascii() and codes.isalpha())


def _is_named(properties: Mapping[str, object] | None) -> bool:
    name = properties.get("name") if properties else None
    return name is None or (isinstance(name, str) and len(name) <= 128)
