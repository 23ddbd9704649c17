"""JSON files: NDJSON, objects one after another without newlines, and single objects or arrays."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from pipeline.contracts import Draft, FieldError, parse_cloudpulse, parse_sbw
from pipeline.contracts.fields import clean_text, instant, properties_json
from pipeline.enrich import DERIVED, to_table
from pipeline.importers.columns import Source
from pipeline.importers.files import opened, partition
from pipeline.importers.mapping import FieldRule, FieldRules
from pipeline.importers.model import PIECE_ROWS, Faults, ImportOptions, Piece, Reject

_LINE = 8 << 20
_WHOLE_FILE = 8 << 20
Numbered = tuple[int, Any]
_METADATA = ("ip_address", "user_agent", "country", "region", "referrer")
_RECEIVED = ("received_at", "ingested_at", "_ingested_at")


class _Unreadable:
    """Stands for text that is no JSON."""


_UNREADABLE = _Unreadable()


def read_objects(path: Path) -> Iterator[list[tuple[int, Any, int]]]:
    """The JSON values of a file as (1-based line, value, bytes read so far), in lists of PIECE_ROWS.

    Text that is not JSON comes as one `_Unreadable` a line and stops nothing.
    """
    with opened(path) as (stream, raw):
        values = ((line, value, raw.tell()) for line, value in _values(stream))
        while batch := list(islice(values, PIECE_ROWS)):
            yield batch


def _values(stream: IO[bytes]) -> Iterator[Numbered]:
    start = stream.peek(_WHOLE_FILE)[:1]  # type: ignore[attr-defined]
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="\n")
    head = text.read(_WHOLE_FILE)
    whole = _whole(head) if start and len(head) < _WHOLE_FILE else None
    if whole is not None:
        yield from enumerate(whole, 1)
        return
    yield from _lines(head, text)


def _whole(text: str) -> list[Any] | None:
    """The values of a file that is one JSON document, perhaps over many lines; None if it is not."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if (
        isinstance(value, dict)
        and isinstance(value.get("events"), list)
        and set(value) <= {"events", "sent_at"}
    ):
        return list(value["events"])
    return value if isinstance(value, list) else [value]


def _lines(head: str, text: IO[str]) -> Iterator[Numbered]:
    number, rest = 1, ""
    for line in _pieces(head, text):
        ended = line.endswith("\n")
        values, rest = _decode(rest + line)
        for value in values:
            yield number, value
        if rest and (ended or len(rest) > _LINE):
            yield number, _UNREADABLE
            rest = ""
        number += ended
    if rest:
        yield number, _UNREADABLE


def _pieces(head: str, text: IO[str]) -> Iterator[str]:
    """Lines, but none longer than _LINE at once: Firehose can put a whole file on one line."""
    lines = io.StringIO(head, newline="\n").readlines()
    last = lines.pop() if lines and not lines[-1].endswith("\n") else ""
    yield from lines
    if last:
        yield last + text.readline(_LINE)
    yield from iter(lambda: text.readline(_LINE), "")


_DECODER = json.JSONDecoder()


def _decode(text: str) -> tuple[list[Any], str]:
    """The JSON values text begins with, and what is left."""
    values: list[Any] = []
    position, end = 0, len(text)
    while True:
        while position < end and text[position] in " \t\r\n,":
            position += 1
        if position >= end:
            return values, ""
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return values, text[position:]
        values.append(value)


def contract_pieces(path: Path, options: ImportOptions, sbw: bool) -> Iterator[Piece]:
    """The events of a file of CloudPulse or SBW events, as the wire or the upstream store has them."""
    folders = partition(path)
    for batch in read_objects(path):
        drafts: list[Draft] = []
        contents, rejects = [], []
        for line, value, _ in batch:
            try:
                drafts.append(
                    stored_sbw(value, options) if sbw else stored_cloudpulse(value, folders, options)
                )
                contents.append(_content(value))
            except FieldError as error:
                rejects.append(Reject(line, error.field, error.message))
        yield Piece(to_table(drafts, ""), contents, rejects, batch[-1][2])


def _content(value: dict[str, Any]) -> bytes:
    """What the id of an object without one is made of; without the sender's address."""
    kept = {key: part for key, part in value.items() if key not in {"_ingest", "ip_address", "metadata"}}
    return json.dumps(kept, sort_keys=True).encode()


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, _Unreadable):
        raise FieldError("", "is not a JSON object; write one object a line")
    if not isinstance(value, dict):
        raise FieldError("event", "must be a JSON object")
    return value


def stored_cloudpulse(value: object, folders: dict[str, str], options: ImportOptions) -> Draft:
    """A stored CloudPulse event: flat or nested; the folders' values fill missing fields."""
    event = dict(_object(value))
    if "event_type" in folders:
        event.setdefault("event_type", folders["event_type"])
    if isinstance(event.get("properties"), str):
        event["properties"] = _embedded(event["properties"], "properties")
    flat = {key: event[key] for key in _METADATA if event.get(key) is not None}
    if flat:
        event["metadata"] = flat | (event["metadata"] if isinstance(event.get("metadata"), dict) else {})
    received = next((moment for key in _RECEIVED if (moment := instant(event, key))), None)
    if event.get("timestamp") is None and received is None:
        raise FieldError("timestamp", "is missing; a stored event needs the time it happened at")
    event.pop("sent_at", None)
    return parse_cloudpulse(event, received or options.received_at, options.site)


def _embedded(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FieldError(field, "must be a JSON object") from None


def stored_sbw(value: object, options: ImportOptions) -> Draft:
    """A stored SBW event: the tracker's payload with the collector's ``_ingest`` block."""
    event = _object(value)
    ingest = event.get("_ingest")
    ingest = ingest if isinstance(ingest, dict) else {}
    received = instant(ingest, "receivedAt") or instant(event, "receivedAt")
    if received is None and event.get("timestamp") is None:
        raise FieldError("_ingest.receivedAt", "is missing; a stored event needs the time it happened at")
    agent = ingest.get("userAgent")
    event = {key: part for key, part in event.items() if key not in {"sentAt", "receivedAt"}}
    return parse_sbw(
        event, received or options.received_at, options.site, agent if isinstance(agent, str) else None
    )


def object_sources(
    path: Path, rules_of: Callable[[set[str]], FieldRules]
) -> Iterator[tuple[Source, FieldRules]]:
    """The rows of a file of JSON objects of any shape, by a mapping of dotted names such as ``user.id``.

    ``rules_of`` makes the rules out of the names a batch has. What is not mapped stays in properties.
    """
    for batch in read_objects(path):
        faults = Faults()
        rows = [_row(value, index, faults) for index, (_, value, _) in enumerate(batch)]
        flat = [_flatten(row) for row in rows]
        rules = rules_of({name for row in flat for name in row})
        given = rules.pop("properties", FieldRule("properties")).column
        mapped = {rule.column for rule in rules.values() if rule.column}
        columns = {name: _column([row.get(name) for row in flat], name, faults) for name in sorted(mapped)}
        numbers = np.array([line for line, _, _ in batch], dtype=np.int64)
        properties = pa.array(
            [_rest(row, mapped, given, index, faults) for index, row in enumerate(rows)], pa.string()
        )
        contents = [json.dumps(row, sort_keys=True).encode() for row in rows]
        yield Source(columns, numbers, faults, [], batch[-1][2], properties, contents), rules


def _row(value: object, index: int, faults: Faults) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    faults.add(index, "", "is not a JSON object; write one object a line")
    return {}


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by name; inner objects under ``outer.inner`` as well as whole."""
    flat: dict[str, Any] = {}
    for key, part in value.items():
        flat[prefix + key] = part
        if isinstance(part, dict) and prefix.count(".") < 8:
            flat |= _flatten(part, f"{prefix}{key}.")
    return flat


def _column(values: list[Any], name: str, faults: Faults) -> Any:
    return pa.array([_text(value, name, index, faults) for index, value in enumerate(values)], pa.string())


def _text(value: Any, name: str, index: int, faults: Faults) -> str | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return value if value.isascii() else clean_text(value, name, 1 << 20)
        if isinstance(value, float) and not math.isfinite(value):
            raise FieldError(name, "must be a finite number")
        return properties_json(value, name)
    except FieldError as error:
        faults.add(index, name, error.message)
        return None


def _rest(row: dict[str, Any], mapped: set[str], given: str | None, index: int, faults: Faults) -> str:
    """What is not mapped, with the members of the object ``given`` at its top, as JSON."""
    whole = row.get(given or "")
    kept = _without(row, mapped | DERIVED | ({given} if given and isinstance(whole, dict) else set()))
    try:
        return properties_json(
            kept | _without(whole, mapped, f"{given}.") if isinstance(whole, dict) else kept
        )
    except FieldError as error:
        faults.add(index, error.field, error.message)
        return "{}"


def _without(value: dict[str, Any], names: set[str], prefix: str = "") -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, part in value.items():
        if prefix + key in names:
            continue
        inner = _without(part, names, f"{prefix}{key}.") if isinstance(part, dict) else part
        if inner != {} or part == {}:
            kept[key] = inner
    return kept
