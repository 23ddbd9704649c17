"""One JSON document: which format it is, the findings inside its wrappers, and its canonical form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from data_access.findings import Finding, Refusal, RefusedFinding
from pipeline.findings.asff import parse_asff
from pipeline.findings.members import UnusableError, as_text, shown
from pipeline.findings.ocsf import parse_ocsf
from pipeline.findings.prowler import is_prowler, parse_prowler

EXCERPT = 300
_T = TypeVar("_T")
_SPACE = re.compile(rb"[ \t\r\n]*")
_ASFF = {"SchemaVersion", "ProductArn", "GeneratorId", "AwsAccountId"}
_OCSF = {"class_uid", "finding_info", "severity_id"}
_DJANGO = {"model", "pk", "fields"}
_DEEPEST_WRAPPER = 5
_READ_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError)


def parse_document(document: object, place: int) -> Finding | RefusedFinding:
    """The finding of one decoded JSON value, or why there is none. Never raises for what the value holds."""
    encoded = b""
    try:
        encoded = canonical(document)
        return _parsed(document, encoded)
    except UnusableError as error:
        return refused(place, error.reason, error.message, encoded)


def canonical(document: object) -> bytes:
    """The value as JSON with sorted names and no spaces: equal for equal values. Raises UnusableError."""
    try:
        return msgspec.json.encode(document, order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnusableError(Refusal.UNREADABLE, f"the finding cannot be written as JSON: {error}") from None


def findings_in(data: bytes | msgspec.Raw, place: int = 0) -> Iterator[Finding | RefusedFinding]:
    """The findings of a JSON text: an object, a list, or what wraps them.

    Places count the items from 1, or all are ``place`` if it is not 0. Reads one finding at a time.
    """
    for number, (item, why) in enumerate(_unwrapped(data, _DEEPEST_WRAPPER), 1):
        if why is None:
            yield _read(item, place or number)
        else:
            yield refused(place or number, why.reason, why.message, item)


def refused(place: int, reason: Refusal, message: str, data: bytes | msgspec.Raw = b"") -> RefusedFinding:
    """The refusal of what ``data`` holds, with its beginning."""
    start = bytes(memoryview(data)[: 4 * EXCERPT]).decode(errors="replace")
    return RefusedFinding(place, reason, message, start[:EXCERPT].strip())


def _parsed(document: object, encoded: bytes) -> Finding:
    if not isinstance(document, dict):
        raise UnusableError(Refusal.NOT_A_FINDING, "the finding is not an object")
    names = {str(name) for name in document}
    if not names.isdisjoint(_OCSF):
        return parse_ocsf(document, encoded)
    if not names.isdisjoint(_ASFF) or {"Id", "Resources"} <= names or {"Id", "Severity"} <= names:
        return parse_asff(document, encoded)
    if is_prowler(names):
        return parse_prowler(document, encoded)
    raise UnusableError(Refusal.NOT_A_FINDING, _unknown(document))


def _unknown(document: Mapping[str, Any]) -> str:
    if document.keys() >= _DJANGO:
        return f"a Django fixture of {shown(as_text(document['model']))}, not a finding"
    names = ", ".join(shown(name) for name in list(document)[:6])
    return f"no finding in ASFF, OCSF or a format of Prowler; its members: {names or 'none'}"


def _read(data: bytes | msgspec.Raw, place: int) -> Finding | RefusedFinding:
    try:
        return parse_document(_decoded(data, object), place)
    except UnusableError as error:
        return refused(place, error.reason, error.message, data)


_Item = tuple[bytes | msgspec.Raw, UnusableError | None]


def _unwrapped(data: bytes | msgspec.Raw, depth: int) -> Iterator[_Item]:
    """The JSON of each finding, undecoded; or what cannot be one, with the reason."""
    try:
        inner = _inside(data)
    except UnusableError as error:
        yield data, error
        return
    if inner is None or depth == 0:
        yield data, None
        return
    for item in inner:
        yield from _unwrapped(item, depth - 1)


def _inside(data: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """What a list or wrapper holds; None if the JSON is neither. Raises UnusableError."""
    first = _first(data)
    if first == b"[":
        return _decoded(data, list[msgspec.Raw])
    if first != b"{":
        return None
    return _of_wrapper(_decoded(data, dict[str, msgspec.Raw]))


def _of_wrapper(members: dict[str, msgspec.Raw]) -> list[msgspec.Raw] | None:
    """What is inside an answer, event or message of AWS, or an exported row; None if it is no wrapper."""
    if members.keys() & (_ASFF | _OCSF):
        return None
    for name in ("Findings", "findings"):
        if name in members:
            if _first(members[name]) != b"[":
                raise UnusableError(Refusal.NOT_A_FINDING, f"{name} is not a list")
            return [members[name]]
    if "detail-type" in members:
        return [_findings_of_event(members)]
    inner = members.get("Finding") or (members.get("data") if "status_code" in members else None)
    inner = inner or (members.get("raw") if {"source", "check_id"} <= members.keys() else None)
    return [inner] if inner is not None and _first(inner) == b"{" else None


def _findings_of_event(event: dict[str, msgspec.Raw]) -> msgspec.Raw:
    detail = event.get("detail", msgspec.Raw(b"null"))
    members = _decoded(detail, dict[str, msgspec.Raw]) if _first(detail) == b"{" else {}
    if _first(members.get("findings", b"")) != b"[":
        kind = shown(bytes(event["detail-type"]).decode(errors="replace").strip('"'))
        raise UnusableError(Refusal.NOT_A_FINDING, f"an event without detail.findings: {kind}")
    return members["findings"]


def _first(data: bytes | msgspec.Raw) -> bytes:
    view = memoryview(data)
    match = _SPACE.match(view)
    start = match.end() if match else 0
    return bytes(view[start : start + 1])


def _decoded(data: bytes | msgspec.Raw, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except _READ_ERRORS as error:
        what = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise UnusableError(Refusal.UNREADABLE, f"not readable as JSON: {what}") from None
