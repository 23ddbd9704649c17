"""Security findings as they cross borders: what a provider says of a resource, and what people make of it.

The two never mix: an import changes the provider's side only, people change the workflow only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from data_access.model import UsageError

MAX_FINDING_BYTES = 240 * 1024
"""The largest finding that is kept, as JSON: what AWS takes, and an item of DynamoDB holds with room."""


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFORMATIONAL = "INFORMATIONAL"


ALERTED = (Severity.CRITICAL, Severity.HIGH)
"""Findings people are told of when they open."""


class Compliance(StrEnum):
    """What a check found; NOT_AVAILABLE when it could not tell, NOT_A_CHECK of what is found without one."""

    FAILED = "FAILED"
    WARNING = "WARNING"
    PASSED = "PASSED"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    NOT_A_CHECK = "NOT_A_CHECK"


class Status(StrEnum):
    """How far people are with it."""

    NEW = "NEW"
    NOTIFIED = "NOTIFIED"
    SUPPRESSED = "SUPPRESSED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True)
class Finding:
    """One version of a finding, as its provider sent it. Times are UTC, in microseconds since 1970.

    ``product`` and ``id`` say which finding it is, ``updated`` and the document which version. ``control`` is
    the check or rule; ``flags`` say what is wrong with the document, in words; ``document`` is the provider's
    own JSON. Texts are as they came: they may hold anything.
    """

    product: str
    id: str
    format: str
    provider: str
    title: str
    description: str
    severity: Severity
    compliance: Compliance
    active: bool
    control: str
    service: str
    standards: tuple[str, ...]
    account: str
    region: str
    resource_type: str
    resource_id: str
    resources: int
    created: int
    updated: int
    remediation: str
    remediation_url: str
    flags: tuple[str, ...]
    document: bytes

    @cached_property
    def key(self) -> str:
        """What names the finding: SHA-256 of product and id."""
        return sha256(f"{self.product}\0{self.id}".encode(errors="surrogatepass")).hexdigest()

    @cached_property
    def digest(self) -> str:
        """What names this version's content: SHA-256 of the document."""
        return sha256(self.document).hexdigest()

    @property
    def is_open(self) -> bool:
        """Whether the provider sees a problem: it is active, and no check that passed or could not tell."""
        return self.active and self.compliance not in {Compliance.PASSED, Compliance.NOT_AVAILABLE}


class Refusal(StrEnum):
    """Why something is no finding that can be kept."""

    UNREADABLE = "unreadable"
    NOT_A_FINDING = "not_a_finding"
    NO_ID = "no_id"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class RefusedFinding:
    """Something that is no finding that can be kept: its place in the file (from 1), and why."""

    place: int
    reason: Refusal
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What came in together, by the SHA-256 of its bytes: importing it again is the same scan."""

    id: str
    name: str
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing some findings came to: new ones, newer and older versions of known ones, and versions that
    were there already."""

    new: int = 0
    newer: int = 0
    older: int = 0
    same: int = 0

    def __add__(self, other: Stored) -> Stored:
        return Stored(
            self.new + other.new, self.newer + other.newer, self.older + other.older, self.same + other.same
        )


@dataclass(frozen=True, slots=True)
class Workflow:
    """What people made of a finding. ``version`` is what a change must name to be taken.

    A suppressed finding has a reason, and ``until`` (UTC µs since 1970) if the suppression ends by itself.
    """

    status: Status = Status.NEW
    assignee: str = ""
    note: str = ""
    reason: str = ""
    until: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of workflow: a status, or None to leave it; an assignee and a note likewise.

    SUPPRESSED needs a reason, and may end at ``until``.
    """

    status: Status | None = None
    assignee: str | None = None
    note: str | None = None
    reason: str = ""
    until: int | None = None


MAX_NOTE, MAX_WORDS = 4000, 200
"""Characters of a note; of a reason or an assignee's name."""


def checked(change: Change, now: int) -> None:
    """Raises UsageError for a change that cannot be."""
    if change.status is Status.SUPPRESSED and not change.reason.strip():
        raise UsageError("muting needs a reason, to know later why it is quiet")
    if change.status is not Status.SUPPRESSED and (change.reason or change.until is not None):
        raise UsageError("only muting has a reason and an end")
    if change.until is not None and change.until <= now:
        raise UsageError("the muting would end in the past; choose a later end, or none")
    if len(change.note or "") > MAX_NOTE:
        raise UsageError(f"the note is longer than {MAX_NOTE:,} characters")
    if max(len(change.reason), len(change.assignee or "")) > MAX_WORDS:
        raise UsageError(f"a reason and a name take at most {MAX_WORDS} characters")


def changed(workflow: Workflow, change: Change) -> Workflow:
    """A workflow after a change, its version left as it is. A status that is named brings its reason and end;
    what is not named stays."""
    found = workflow
    if change.status is not None:
        found = replace(found, status=change.status, reason=change.reason, until=change.until)
    if change.assignee is not None:
        found = replace(found, assignee=change.assignee)
    if change.note is not None:
        found = replace(found, note=change.note)
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did: its number, by which it can be undone; the findings changed, those that were as
    wanted already, and those somebody else had changed in between, which were left alone."""

    number: int
    done: int
    same: int
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a finding's history: who changed what, when (UTC µs), from what to what."""

    at: int
    by: str
    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """When a finding was open: from its opening to its end (UTC µs), None while it lasts."""

    opened: int
    closed: int | None


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A version of a finding: its time (UTC µs), digest, and what it says. The first two order it."""

    at: int
    digest: str
    problem: bool
    severity: Severity


def open_spans(versions: Sequence[Version], workflow: Sequence[tuple[int, Status]]) -> list[Span]:
    """When a finding was open, from its provider's versions (time, whether it is a problem) and the changes
    of its status, both in order.

    It is open while the provider sees a problem and people neither suppressed nor resolved it.
    """
    steps = sorted(
        [(version.at, 0, version.problem) for version in versions]
        + [(at, 1, status not in {Status.SUPPRESSED, Status.RESOLVED}) for at, status in workflow],
        key=lambda step: step[:2],
    )
    spans: list[Span] = []
    problem, wanted = False, True
    for at, side, value in steps:
        problem, wanted = (problem, value) if side else (value, wanted)
        is_open = bool(spans) and spans[-1].closed is None
        if problem and wanted and not is_open:
            spans.append(Span(at, None))
        elif not (problem and wanted) and is_open:
            spans[-1] = Span(spans[-1].opened, at)
    return spans


def version_of(finding: Finding) -> Version:
    """A finding as a version of itself."""
    return Version(finding.updated, finding.digest, finding.is_open, finding.severity)


@dataclass(frozen=True, slots=True)
class Epoch:
    """A time a provider saw a problem, from its opening (UTC µs) on; ``alerted`` if it was bad enough."""

    opened: int
    alerted: bool


def epochs(versions: Sequence[Version]) -> list[Epoch]:
    """The times a provider saw a finding as a problem, from its versions in order."""
    found: list[Epoch] = []
    was = False
    for version in versions:
        if version.problem:
            last = found.pop() if was else Epoch(version.at, False)
            found.append(Epoch(last.opened, last.alerted or version.severity in ALERTED))
        was = version.problem
    return found


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding to tell people of, once for every time it opens."""

    key: str
    epoch: int
    severity: Severity
    title: str
    account: str
    region: str
    resource_id: str
    at: int
    attempts: int = 0


class Row(NamedTuple):
    """What lists and figures need of a finding: its newest version and its workflow, without long texts. A
    tuple, because every one there is is made at a start, and a frozen dataclass takes six times as long.

    ``problem`` is the provider's view, ``spans`` when it was open for people; both agree but for suppressed
    and resolved ones. ``epoch`` counts how often it opened. Of one that is ``gone`` from the store, only key
    and revision say anything.
    """

    key: str
    revision: int
    id: str
    title: str
    provider: str
    control: str
    service: str
    account: str
    region: str
    resource_type: str
    resource_id: str
    created: int
    updated: int
    epoch: int
    severity: Severity
    compliance: Compliance
    problem: bool
    flagged: bool
    standards: tuple[str, ...]
    spans: tuple[Span, ...]
    workflow: Workflow
    gone: bool = False

    @property
    def opened(self) -> int | None:
        """When it opened (UTC µs), if it is open."""
        return self.spans[-1].opened if self.spans and self.spans[-1].closed is None else None


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding as it is kept: its row, and its newest version."""

    row: Row
    finding: Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scans compared, by the keys of findings: problems that are new in the later, those fixed in it,
    those it does not have at all, and those of both."""

    new: frozenset[str]
    fixed: frozenset[str]
    gone: frozenset[str]
    same: frozenset[str]


def compared(earlier: Mapping[str, bool], later: Mapping[str, bool]) -> Comparison:
    """What became of the problems of an earlier scan in a later one: both by key, and whether it was a
    problem. Every problem of either is in exactly one set."""
    before = {key for key, problem in earlier.items() if problem}
    after = {key for key, problem in later.items() if problem}
    left = before - after
    return Comparison(
        new=frozenset(after - before),
        fixed=frozenset(left & later.keys()),
        gone=frozenset(left - later.keys()),
        same=frozenset(before & after),
    )
