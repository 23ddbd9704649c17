"""Prowler's own CSV and JSON, versions 2 to 5: the same columns by other names, read by one table.

Names are compared by their letters and digits alone: FINDING_UNIQUE_ID is FindingUniqueId.
Version 2 names no findings. There the id is made of the check, account, region and a hash of the resource, or
of the message where no resource is given: a message that changes is then another finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from data_access.findings import Compliance, Finding, Refusal, Severity
from pipeline.findings.members import (
    Object,
    UnusableError,
    as_text,
    at,
    shown,
    time_at,
    usable_id,
    within_limit,
)
from pipeline.findings.names import standards_of
from pipeline.findings.words import outcome_of_word, severity_of_word

FORMAT = "prowler"
PRODUCT = "prowler"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("findinguid", "findinguniqueid"),
    "account": ("accountuid", "accountid", "accountnum", "accountnumber"),
    "region": ("region",),
    "check": ("checkid", "titleid", "controlid"),
    "title": ("checktitle", "titletext", "control"),
    "status": ("status", "checkresult"),
    "message": ("statusextended", "checkresultextended", "message"),
    "description": ("description",),
    "severity": ("severity", "checkseverity"),
    "service": ("servicename", "checkservicename", "service"),
    "resource_type": ("resourcetype", "checkasffresourcetype"),
    "resource": ("resourceuid", "resourcearn", "resourceid", "checkresourceid", "resourcename"),
    "time": ("timestamp", "assessmentstarttime", "prowlerstarttime"),
    "remedy": ("remediationrecommendationtext", "checkremediation", "remediation"),
    "link": ("remediationrecommendationurl", "checkdoc", "doclink", "relatedurl"),
    "compliance": ("compliance",),
    "type": ("checkasfftype",),
}
"""What is read, and the columns that hold it, the best first."""
_CHECK = re.compile(r"\[([A-Za-z0-9_.-]+)\]\s*(.*)", re.DOTALL)
_STANDARD = "Industry and Regulatory Standards/"
_NOT_WORD = re.compile(r"[^a-z0-9]")


def is_prowler(names: set[str]) -> bool:
    """Whether columns or members of these names are those of a Prowler row."""
    plain = set(map(_plain, names))
    has = {what: not plain.isdisjoint(COLUMNS[what]) for what in ("id", "check", "status", "account")}
    return (has["id"] and has["status"]) or (has["check"] and has["status"] and has["account"])


def parse_prowler(document: object, encoded: bytes, wrong: tuple[str, ...] = ()) -> Finding:
    """The finding of one row; ``encoded`` is its canonical JSON, which is kept, ``wrong`` more flags.

    Raises UnusableError when it is no object, nothing names it, or it is too large.
    """
    if not isinstance(document, dict):
        raise UnusableError(Refusal.NOT_A_FINDING, "the row is not an object")
    flags, columns = list(wrong), _columns(document)
    row = {
        what: next(filter(str.strip, (as_text(columns.get(n)) for n in names)), "")
        for what, names in COLUMNS.items()
    }
    named = _CHECK.fullmatch(row["title"])
    control, title = (named[1], named[2]) if named else (row["check"], row["title"])
    time, _ = time_at(row, ["time"], flags, zones=False)
    return Finding(
        product=PRODUCT,
        id=usable_id(row["id"] or _made_id(row, control), "the finding's id"),
        format=FORMAT,
        provider="Prowler",
        title=title,
        description=row["message"] or row["description"],
        severity=_severity(row["severity"], flags),
        compliance=_compliance(row["status"], flags),
        active=True,
        control=control,
        service=row["service"].strip().lower(),
        standards=_standards(columns.get("compliance"), row["type"]),
        account=row["account"],
        region=row["region"],
        resource_type=row["resource_type"],
        resource_id=row["resource"],
        resources=1 if row["resource"] or row["resource_type"] else 0,
        created=time,
        updated=time,
        remediation=row["remedy"],
        remediation_url=row["link"],
        flags=tuple(dict.fromkeys(flags + _missing(row, control))),
        document=within_limit(encoded),
    )


def _plain(name: str) -> str:
    return _NOT_WORD.sub("", name.lower())


def _columns(document: Object) -> dict[str, object]:
    """The row by plain names; version 3's JSON nests the remediation, CSV does not."""
    columns = {_plain(str(name)): value for name, value in document.items()}
    advice = at(document, "Remediation.Recommendation")
    nested = {"text": at(advice, "Text"), "url": at(advice, "Url")}
    return columns | {f"remediationrecommendation{name}": value for name, value in nested.items() if value}


def _made_id(row: Mapping[str, str], control: str) -> str:
    if not control.strip():
        return ""
    # Version 2's JSON puts the region before the message, its CSV does not.
    subject = row["resource"] or row["message"].removeprefix(f"{row['region']}: ")
    digest = sha256(subject.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"prowler-{control}-{row['account']}-{row['region']}-{digest}"


def _missing(row: Mapping[str, str], control: str) -> list[str]:
    needed = {"check": control, "title": row["title"], "account": row["account"]}
    return [f"the {name} is missing" for name, value in needed.items() if not value.strip()]


def _severity(word: str, flags: list[str]) -> Severity:
    found = severity_of_word(word)
    if found is None:
        flags.append(f"the severity {shown(word)} is unknown" if word else "the severity is missing")
    return found or Severity.INFORMATIONAL


def _compliance(word: str, flags: list[str]) -> Compliance:
    found = outcome_of_word(word)
    if found is None:
        flags.append(f"the status {shown(word)} is unknown" if word else "the status is missing")
    return found or Compliance.NOT_AVAILABLE


def _standards(given: object, kind: str) -> tuple[str, ...]:
    """Version 3 and later list requirements by standard; version 2 names the standard in the check's type."""
    if isinstance(given, Mapping):
        return standards_of(map(str, given), ())
    parts = as_text(given).split(" | ")
    names = [name for name, colon, _ in (part.partition(":") for part in parts) if colon]
    return standards_of([*names, kind.partition(_STANDARD)[2]], ())
