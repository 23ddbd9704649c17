"""Findings for the demo: weekly scans of the made-up shop's accounts, the same for the same seed and end.

About 700 findings, more than half of them open at first and a third at the end. Some problems come back after
they had passed. On the day of the planted incident of ``pipeline.demo`` three parts of the payment service
turn out to be open to the internet, and four days later they are closed: both days have a scan of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_access.findings import Change, Finding, RefusedFinding, Scan, Status, Stored
from data_access.ports import FindingsStore
from pipeline.demo_controls import KINDS, Control, load_controls
from pipeline.findings.documents import canonical, parse_document
from pipeline.findings.intake import take_in

Document = dict[str, Any]
DemoScan = tuple[str, datetime, list[Document]]

BY = "demo"
PRODUCT = "arn:aws:securityhub:eu-central-1:111122223333:product/111122223333/default"
_SCANNER = "Shop Scanner"
_WEEK, _DAY, _MICRO = timedelta(days=7), timedelta(days=1), timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOME = "111122223333"
_ACCOUNTS = {
    _HOME: ("eu-central-1", "eu-west-1", "us-east-1"),
    "444455556666": ("eu-central-1", "us-east-1"),
    "123456789012": ("eu-central-1", "eu-west-1"),
}
"""The shop's accounts and their regions."""
_EVERYWHERE = "us-east-1"
"""The region of what belongs to no region."""
_ODDS = {
    "CRITICAL": (0.35, 0.08, 0.012),
    "HIGH": (0.45, 0.09, 0.008),
    "MEDIUM": (0.6, 0.05, 0.009),
    "LOW": (0.62, 0.04, 0.009),
    "INFORMATIONAL": (0.65, 0.03, 0.004),
}
"""Chances of being open at first, of being mended in a week, and of coming back in a week."""
_LATER = 0.08
"""How many findings are of resources that were not there at the first scan."""
_OLDEST_DAYS = 150
"""How long before the first scan the scanner had seen the oldest of what is open in it."""
_INCIDENT = (
    ("ec2_groups_closed", "payment-service"),
    ("lambda_private", "checkout-payment"),
    ("s3_buckets_private", "checkout-receipts"),
)
_INCIDENT_REGIONS = ("eu-central-1", "eu-west-1")
_INCIDENT_DAYS, _MENDED_DAYS = 20, 16
"""Days before the end: see ``pipeline.demo_sessions.period_of``."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """A resource under a check: what a finding is about."""

    control: Control
    account: str
    region: str
    name: str

    @property
    def id(self) -> str:
        return f"shop-scanner-{self.control.name}-{self.account}-{self.region}-{self.name}"

    @property
    def arn(self) -> str:
        return KINDS[self.control.kind].arn.format(name=self.name, account=self.account, region=self.region)


def demo_scans(end: datetime, days: int = 90, seed: int = 7) -> Iterator[DemoScan]:
    """The name, time (UTC) and ASFF documents of each scan in the ``days`` before ``end``, by time.

    A finding that has not changed is the same document in every scan, and of the same version.
    """
    rng = np.random.default_rng([seed, days])  # random, not secret
    weekly, extra = _times(end.astimezone(UTC), days)
    subjects = list(_subjects(load_controls()))
    failed, seen = _courses(rng, subjects, len(weekly))
    ages = rng.uniform(0, _OLDEST_DAYS, len(subjects))
    hurt = list(_hurt())
    documents: dict[str, Document] = {}
    week = -1
    for at in sorted({*weekly, *extra}):
        week += at in weekly
        for number in np.flatnonzero(seen <= week).tolist():
            age = timedelta(days=ages[number]) if week == 0 else timedelta(0)
            _update(documents, subjects[number], bool(failed[number, week]), at - age)
        for subject in hurt:
            _update(documents, subject, bool(extra) and extra[0] <= at < extra[1], at)
        yield f"shop-scanner-{at:%Y-%m-%d}.json", at, list(documents.values())


def _times(end: datetime, days: int) -> tuple[list[datetime], list[datetime]]:
    """The weekly scans, at three in the night, and those of the incident if it is among them."""
    last = (end - timedelta(hours=3)).replace(hour=3, minute=0, second=0, microsecond=0)
    count = max(0, (last - end + days * _DAY) // _WEEK)
    weekly = [last - number * _WEEK for number in range(count, -1, -1)]
    noon = end.replace(hour=12, minute=0, second=0, microsecond=0)
    extra = [noon - _INCIDENT_DAYS * _DAY, noon - _MENDED_DAYS * _DAY]
    return weekly, extra if weekly[0] < extra[0] else []


def _subjects(controls: Iterable[Control]) -> Iterator[_Subject]:
    for control in controls:
        kind = KINDS[control.kind]
        for account, regions in _ACCOUNTS.items():
            for region in (_EVERYWHERE,) if kind.everywhere else regions:
                yield from (_Subject(control, account, region, name) for name in kind.names)


def _hurt() -> Iterator[_Subject]:
    """What is open to the internet in the incident."""
    controls = {control.name: control for control in load_controls()}
    for control, name in _INCIDENT:
        for region in _INCIDENT_REGIONS:
            yield _Subject(controls[control], _HOME, region, name)


def _courses(
    rng: np.random.Generator, subjects: Sequence[_Subject], weeks: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each subject failed in each week, and the week it is first seen."""
    odds = np.array([_ODDS[subject.control.severity] for subject in subjects])
    chance = rng.random((len(subjects), weeks))
    failed = np.zeros(chance.shape, bool)
    failed[:, 0] = chance[:, 0] < odds[:, 0]
    for week in range(1, weeks):
        before = failed[:, week - 1]
        failed[:, week] = np.where(before, chance[:, week] >= odds[:, 1], chance[:, week] < odds[:, 2])
    later = rng.random(len(subjects)) < _LATER
    return failed, np.where(later, rng.integers(0, weeks, len(subjects)), 0)


def _update(documents: dict[str, Document], subject: _Subject, failed: bool, at: datetime) -> None:
    """Replace a finding's document if its status has changed, or it is seen for the first time."""
    status, before = "FAILED" if failed else "PASSED", documents.get(subject.id)
    if before is None or before["Compliance"]["Status"] != status:
        created = before["CreatedAt"] if before else _text(at)
        documents[subject.id] = _document(subject, status, created, _text(at))


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(subject: _Subject, status: str, created: str, updated: str) -> Document:
    control = subject.control
    wrong = control.wrong if status == "FAILED" else "{name} is as it should be."
    return {
        "SchemaVersion": "2018-10-08",
        "Id": subject.id,
        "ProductArn": PRODUCT,
        "ProductName": _SCANNER,
        "CompanyName": "Outdoor shop",
        "GeneratorId": control.name,
        "AwsAccountId": subject.account,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": created,
        "UpdatedAt": updated,
        "Severity": {"Label": control.severity},
        "Title": control.title,
        "Description": wrong.format(name=f"{subject.name} ({subject.account}, {subject.region})"),
        "Resources": [
            {
                "Type": KINDS[control.kind].type,
                "Id": subject.arn,
                "Partition": "aws",
                "Region": subject.region,
            }
        ],
        "Compliance": {
            "Status": status,
            "SecurityControlId": control.name,
            "AssociatedStandards": [{"StandardsId": standard} for standard in control.standards],
        },
        "Remediation": {"Recommendation": {"Text": control.remediation, "Url": control.guide}},
        "RecordState": "ACTIVE",
    }


def add_demo_findings(store: FindingsStore, end: datetime, seed: int = 7) -> int:
    """Take in the demo's scans, and let people have worked on some; how many findings are new.

    Nobody is told of them: no alert of theirs waits afterwards. Doing it again adds nothing.
    """
    total, versions = Stored(), _Versions()
    newest: list[Finding] = []
    for name, at, documents in demo_scans(end, seed=seed):
        newest = [one for one in map(versions.of, documents) if isinstance(one, Finding)]
        scan = Scan(sha256(canonical(documents)).hexdigest(), name, _micros(at), BY)
        total += take_in(store, scan, newest).stored
    keys = {finding.key for finding in newest}
    if waiting := [alert for alert in store.alerts(10 * len(keys)) if alert.key in keys]:
        store.alerted(waiting, None)
    _work_on(store, newest, end)
    return total.new


class _Versions:
    """The findings of documents, each version read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Finding | RefusedFinding] = {}

    def of(self, document: Document) -> Finding | RefusedFinding:
        name = document["Id"], document["UpdatedAt"]
        if name not in self._known:
            self._known[name] = parse_document(document, 1)
        return self._known[name]


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICRO


def _work_on(store: FindingsStore, newest: Sequence[Finding], end: datetime) -> None:
    """Some findings are suppressed, some somebody's, some have a note; what people changed since stays."""
    at = _micros(end.astimezone(UTC) - 3 * _DAY)
    old = [finding for finding in newest if finding.is_open and finding.updated < at]
    bad = [finding for finding in old if finding.severity in {"CRITICAL", "HIGH"}]
    medium = [finding for finding in old if finding.severity == "MEDIUM"]
    low = [finding for finding in old if finding.severity in {"LOW", "INFORMATIONAL"}]
    hurt_ids = {subject.id for subject in _hurt()}
    hurt = [finding for finding in newest if finding.id in hurt_ids]
    day = _DAY // _MICRO
    for findings, change in (
        (bad[:6], Change(Status.NOTIFIED, assignee="Ann")),
        (medium[:40:8], Change(Status.NOTIFIED, assignee="Ben", note="Mended with the next release.")),
        (medium[4:40:12], Change(note="The team that owns it is asked.")),
        (low[:60:10], Change(Status.SUPPRESSED, reason="Replaced next quarter", until=at + 60 * day)),
        (low[5:60:20], Change(Status.SUPPRESSED, reason="A test system without data", until=at + 30 * day)),
        (hurt, Change(Status.RESOLVED, "Ann", "Open since a change for PAY-504; taken back.")),
    ):
        store.change({finding.key: 0 for finding in findings}, change, BY, at)
