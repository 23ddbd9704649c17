"""Reading single fields of an untrusted JSON payload: every fault becomes a FieldError.

A draft is a dictionary of canonical fields (data_access.events) plus ``user_agent``; fields that are
not known are left out. `pipeline.enrich` makes canonical events of drafts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from data_access.live import Reason

Draft = dict[str, Any]

MAX_PROPERTIES_BYTES = 10 * 1024
FIRST_YEAR, LAST_YEAR = 1970, 2999
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class FieldError(ValueError):
    """A field of an event cannot be used. ``field`` is its wire name, ``message`` says what to do."""

    def __init__(self, field: str, message: str, reason: Reason = Reason.BAD_FORMAT) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message
        self.reason = reason


def as_object(value: object, field: str) -> Mapping[str, Any]:
    """``value`` as a JSON object; None counts as empty. Raises FieldError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FieldError(field, f"must be a JSON object, not {kind_of(value)}", Reason.WRONG_TYPE)
    return value


def kind_of(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "an array"}
    return names.get(type(value), "an object")


def clean_text(value: str, field: str, limit: int) -> str | None:
    """``value`` without outer blanks, None when empty. Raises FieldError for text no table can hold."""
    if len(value) > limit:
        raise FieldError(field, f"is {len(value)} characters long; shorten it to {limit}", Reason.TOO_LONG)
    if "\0" in value:
        raise FieldError(field, "holds a NUL character; remove it", Reason.BAD_TEXT)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldError(field, "holds half a surrogate pair; send valid Unicode", Reason.BAD_TEXT) from None
    return value.strip() or None


def text(
    source: Mapping[str, Any], key: str, limit: int, *, prefix: str = "", numbers: bool = False
) -> str | None:
    """The text under ``key``, or None; ``numbers`` lets whole numbers through, as ids often are."""
    value = source.get(key)
    if value is None:
        return None
    # Nearly every value is like this, and there are a dozen an event.
    if type(value) is str and len(value) <= limit and value.isascii() and "\0" not in value:
        return value.strip() or None
    field = prefix + key
    if numbers and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        value = str(value)
    if not isinstance(value, str):
        raise FieldError(field, f"must be text, not {kind_of(value)}", Reason.WRONG_TYPE)
    return clean_text(value, field, limit)


def required(value: str | None, field: str) -> str:
    """``value``, which must be there. Raises FieldError."""
    if value is None:
        raise FieldError(field, "is missing; send it with every event", Reason.MISSING)
    return value


def choice(value: str | None, field: str, allowed: tuple[str, ...]) -> str | None:
    """``value`` if it is one of ``allowed``. Raises FieldError that lists them."""
    if value is not None and value not in allowed:
        raise FieldError(field, f"is {value[:40]!r}; use one of {', '.join(allowed)}", Reason.NOT_ALLOWED)
    return value


def boolean(source: Mapping[str, Any], key: str) -> bool | None:
    """The true or false under ``key``, or None."""
    value = source.get(key)
    if value is not None and not isinstance(value, bool):
        raise FieldError(key, f"must be true or false, not {kind_of(value)}", Reason.WRONG_TYPE)
    return value


def number(source: Mapping[str, Any], key: str, *, prefix: str = "") -> float | None:
    """The finite number under ``key``, or None; numbers written as text are taken too."""
    field, value = prefix + key, source.get(key)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FieldError(field, f"must be a number, not {kind_of(value)}", Reason.WRONG_TYPE)
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise FieldError(field, "must be a number, with a point for decimals", Reason.BAD_NUMBER) from None
    if not math.isfinite(result):
        raise FieldError(field, "must be a finite number", Reason.BAD_NUMBER)
    return result


def country(source: Mapping[str, Any], key: str, *, prefix: str = "") -> str | None:
    """The ISO 3166-1 alpha-2 code under ``key`` in capitals, or None."""
    value = text(source, key, 64, prefix=prefix)
    if value is not None and not re.fullmatch(r"[A-Za-z]{2}", value):
        raise FieldError(prefix + key, "must be a country code of two letters, such as DE")
    return value.upper() if value else None


def instant(source: Mapping[str, Any], key: str) -> datetime | None:
    """The ISO 8601 time with offset under ``key`` as naive UTC in whole milliseconds, or None."""
    value = text(source, key, 64)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value.upper())
    except ValueError:
        raise FieldError(key, "must be ISO 8601, such as 2026-03-09T12:00:00.000Z", Reason.BAD_TIME) from None
    if parsed.tzinfo is None:
        raise FieldError(key, "has no offset; add Z or one such as +02:00", Reason.BAD_TIME)
    return in_range(parsed, key)


def in_range(moment: datetime, field: str) -> datetime:
    """``moment`` as naive UTC in whole milliseconds. Raises FieldError outside 1970 to 2999."""
    try:
        utc = to_utc(moment)
    except OverflowError:
        utc = datetime.min  # noqa: DTZ901 - only its year is looked at
    if not FIRST_YEAR <= utc.year <= LAST_YEAR:
        raise FieldError(
            field, f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}; check the clock", Reason.BAD_TIME
        )
    return utc


def to_utc(moment: datetime) -> datetime:
    """``moment`` as naive UTC, cut to milliseconds; a naive one is taken as UTC."""
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    rest = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - rest) if rest else utc


def event_time(created: datetime | None, sent: datetime | None, received_at: datetime) -> datetime:
    """When the event happened, by our clock where the client tells its own.

    With both client times it is received − (sent − created), so a wrong client clock cancels out; an
    event sent "before" it was created is taken as just received. Naive UTC, milliseconds.
    """
    received = to_utc(received_at)
    if created is None or sent is None:
        return created or received
    return in_range(received - max(sent - created, timedelta(0)), "sent_at")


def properties_json(value: Mapping[str, Any], field: str = "properties") -> str:
    """``value`` as compact JSON of at most 10 KB of UTF-8. Raises FieldError for what JSON cannot hold."""
    if not value:
        return "{}"
    try:
        encoded = _ENCODER.encode(value)
        size = len(encoded.encode())
    except UnicodeEncodeError:
        raise FieldError(field, "hold half a surrogate pair; send valid Unicode", Reason.BAD_TEXT) from None
    except RecursionError:
        raise FieldError(field, "are nested too deeply; flatten them", Reason.TOO_DEEP) from None
    except (ValueError, TypeError, OverflowError):
        raise FieldError(
            field, "hold a number that is not finite or a value JSON has not", Reason.BAD_NUMBER
        ) from None
    if size > MAX_PROPERTIES_BYTES:
        raise FieldError(
            field, f"take {size} bytes as JSON; cut them to {MAX_PROPERTIES_BYTES}", Reason.TOO_LONG
        )
    if "\\u0000" in encoded and _NUL_ESCAPE.search(encoded):
        raise FieldError(field, "hold a NUL character; remove it", Reason.BAD_TEXT)
    return encoded
