"""A finding with all that is kept of it, as it leaves the store for the archive and as it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

import msgspec

from data_access.findings import Compliance, Finding, Scan, Severity, Workflow

_FORMAT = 1


class BrokenError(ValueError):
    """An object of the archive that is not what was written."""


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change of workflow: the number it can be undone by, when (UTC µs), who, from what to what; and
    whether it ``counts``, which one that was taken back does not, nor the taking back."""

    number: int
    at: int
    by: str
    before: Workflow
    after: Workflow
    counts: bool = True


@dataclass(frozen=True, slots=True)
class PastAlert:
    """What became of the alert of an epoch that began ``at`` (UTC µs)."""

    epoch: int
    at: int
    sent: bool
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A scan the finding was in, and whether it was a problem in it."""

    scan: Scan
    problem: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """All versions of a finding, in order; what people made of it; its scans and alerts."""

    key: str
    versions: tuple[Finding, ...]
    workflow: Workflow
    changes: tuple[PastChange, ...]
    seen: tuple[Seen, ...]
    alerts: tuple[PastAlert, ...]

    @property
    def newest(self) -> Finding:
        """The version on top."""
        return self.versions[-1]


class Objects(Protocol):
    """Where the archive is: objects by name (``a/b/c``), each written once and never changed."""

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Write an object, durable when this returns; False, and nothing done, when the name is taken."""

    def get(self, name: str) -> bytes:
        """An object's bytes. Raises OSError when it cannot be read."""

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The objects whose name starts with a prefix, by name, and when each was written (UTC µs)."""


class _Version(msgspec.Struct, frozen=True):
    values: dict[str, Any]
    document: msgspec.Raw


class _Object(msgspec.Struct, frozen=True):
    """A whole as JSON; versions are as ``version_text`` writes them."""

    format: int
    key: str
    workflow: Workflow
    changes: tuple[PastChange, ...]
    seen: tuple[Seen, ...]
    alerts: tuple[PastAlert, ...]
    versions: tuple[msgspec.Raw, ...]


_VALUES = tuple(field.name for field in fields(Finding) if field.name != "document")
_VERSION = msgspec.json.Decoder(_Version)
_OBJECT = msgspec.json.Decoder(_Object)


def version_text(finding: Finding) -> bytes:
    """A version as JSON, its document as it came."""
    values = {name: getattr(finding, name) for name in _VALUES}
    return b'{"values":%b,"document":%b}' % (msgspec.json.encode(values), finding.document)


def version_from(text: bytes | msgspec.Raw) -> Finding:
    """A version from its JSON."""
    found = _VERSION.decode(text)
    values = found.values
    return Finding(
        **values
        | {
            "severity": Severity(values["severity"]),
            "compliance": Compliance(values["compliance"]),
            "standards": tuple(values["standards"]),
            "flags": tuple(values["flags"]),
            "document": bytes(found.document),
        }
    )


def whole_text(whole: Whole) -> bytes:
    """A whole as JSON: of the same whole always the same bytes."""
    versions = tuple(msgspec.Raw(version_text(one)) for one in whole.versions)
    return msgspec.json.encode(
        _Object(_FORMAT, whole.key, whole.workflow, whole.changes, whole.seen, whole.alerts, versions)
    )


def whole_from(text: bytes) -> Whole:
    """A whole from its JSON. Raises BrokenError."""
    try:
        found = _OBJECT.decode(text)
        versions = tuple(version_from(one) for one in found.versions)
    except (msgspec.MsgspecError, TypeError, KeyError, ValueError) as error:
        raise BrokenError(f"it is no archived finding: {error}") from error
    if found.format != _FORMAT or not versions:
        raise BrokenError(f"it has format {found.format}, this version reads {_FORMAT}")
    return Whole(found.key, versions, found.workflow, found.changes, found.seen, found.alerts)
