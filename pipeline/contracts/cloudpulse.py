"""The CloudPulse contract: ``POST /v1/events`` and ``POST /v1/events/batch``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_access.events import EVENT_TYPES, SOURCES
from data_access.live import Reason
from pipeline.contracts import fields
from pipeline.contracts.fields import Draft, FieldError
from pipeline.contracts.gate import MAX_BATCH

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_URL_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class EventError:
    """Why one event of a batch was refused: its 0-based index, the field, and what to do."""

    index: int
    field: str
    message: str


def parse_cloudpulse(payload: object, received_at: datetime, site: str) -> Draft:
    """One event of the CloudPulse contract as a draft; ``ts`` and ``received_at`` are naive UTC.

    ``event_id`` is None when the sender gave none: the collector makes a UUID, an import a content
    hash. The sender's IP address is checked and dropped. Raises FieldError.
    """
    if not isinstance(payload, Mapping):
        raise FieldError(
            "event", f"must be a JSON object, not {fields.kind_of(payload)}", Reason.NOT_AN_EVENT
        )
    event_type = fields.choice(
        fields.required(fields.text(payload, "event_type", 64), "event_type"), "event_type", EVENT_TYPES
    )
    source = fields.required(fields.text(payload, "source", 64), "source")
    properties = fields.as_object(payload.get("properties"), "properties")
    created, sent = fields.instant(payload, "timestamp"), fields.instant(payload, "sent_at")
    draft: Draft = {
        "event_id": _event_id(payload),
        "site": site,
        "event_name": _event_name(event_type, properties),
        "event_type": event_type,
        "ts": fields.event_time(created, sent, received_at),
        "received_at": fields.to_utc(received_at),
        "session_id": fields.required(fields.text(payload, "session_id", 128), "session_id"),
        "user_id": fields.text(payload, "user_id", 128),
        "source": fields.choice(source, "source", SOURCES),
        "properties": fields.properties_json(properties),
        "page_url": plain(properties, "page"),
    }
    return draft | _metadata(payload, properties)


def _event_id(payload: Mapping[str, Any]) -> str | None:
    value = fields.text(payload, "event_id", 64)
    if value is not None and not _UUID.fullmatch(value):
        raise FieldError("event_id", "must be a UUID; leave it out to have one made")
    return value.lower() if value else None


def _event_name(event_type: str | None, properties: Mapping[str, Any]) -> str:
    if event_type != "custom":
        return str(event_type)
    return fields.text(properties, "name", 128, prefix="properties.") or "custom"


def _metadata(payload: Mapping[str, Any], properties: Mapping[str, Any]) -> Draft:
    metadata = fields.as_object(payload.get("metadata"), "metadata")
    fields.text(metadata, "ip_address", 45, prefix="metadata.")
    referrer = fields.text(metadata, "referrer", _URL_LIMIT, prefix="metadata.")
    return {
        "user_agent": fields.text(metadata, "user_agent", 512, prefix="metadata."),
        "country": fields.country(metadata, "country", prefix="metadata."),
        "region": fields.text(metadata, "region", 64, prefix="metadata."),
        "referrer": referrer or plain(properties, "referrer"),
    }


def plain(properties: Mapping[str, Any], key: str) -> str | None:
    """A property that is a convention, not a rule: text, or None. One of no use only stays in properties."""
    try:
        return fields.text(properties, key, _URL_LIMIT)
    except FieldError:
        return None


def parse_batch(
    payload: object, received_at: datetime, site: str
) -> tuple[list[tuple[int, Draft]], list[EventError]]:
    """The good events of a batch as (index, draft) pairs, and an error for each of the others.

    A ``sent_at`` beside ``events`` counts for every event that has none. Raises FieldError only when the
    payload is no batch of 1 to 1000 events at all.
    """
    events = _events(payload)
    sent = payload.get("sent_at") if isinstance(payload, Mapping) else None
    drafts: list[tuple[int, Draft]] = []
    errors: list[EventError] = []
    for index, event in enumerate(events):
        if sent is not None and isinstance(event, Mapping):
            event = {"sent_at": sent, **event}
        try:
            drafts.append((index, parse_cloudpulse(event, received_at, site)))
        except FieldError as error:
            errors.append(EventError(index, error.field, error.message))
    return drafts, errors


def _events(payload: object) -> list[Any]:
    events = payload.get("events") if isinstance(payload, Mapping) else None
    if not isinstance(events, list):
        raise FieldError("events", 'is missing; send {"events": [ … ]}')
    if not 1 <= len(events) <= MAX_BATCH:
        raise FieldError("events", f"holds {len(events)} events; send 1 to {MAX_BATCH}")
    return events
