"""Open Cybersecurity Schema Framework: compliance, detection, vulnerability and security findings."""

from __future__ import annotations

from data_access.findings import Compliance, Finding, Refusal, Severity
from pipeline.findings.members import (
    Checks,
    Member,
    Object,
    UnusableError,
    as_text,
    at,
    objects_at,
    shown,
    text_at,
    time_at,
    usable_id,
    within_limit,
)
from pipeline.findings.names import service_of, standards_of
from pipeline.findings.words import outcome_of_word, severity_of_word

FORMAT = "ocsf"
_COMPLIANCE_FINDING = 2003
CLASSES = {2001: "Security Finding", 2002: "Vulnerability", 2003: "Compliance", 2004: "Detection"}
MEMBERS = (
    Member("class_uid", "integer", required=True),
    Member("metadata", "object", required=True),
    Member("metadata.product", "object", required=True),
    Member("severity_id", "integer", required=True),
    Member("finding_info", "object"),
    Member("finding_info.uid", "text", required=True),
    Member("finding_info.title", "text", required=True),
    Member("resources", "list"),
    Member("resources[]", "object"),
    Member("cloud", "object"),
    Member("cloud.account", "object"),
    Member("cloud.account.uid", "text"),
    Member("cloud.region", "text"),
    Member("time", "integer", required=True),
    Member("status", "text"),
    Member("status_id", "integer"),
    Member("status_code", "text"),
)
"""The members that are read and how the schema has them."""
_CHECKS = Checks.of(MEMBERS)
_SEVERITIES = {
    1: Severity.INFORMATIONAL,
    2: Severity.LOW,
    3: Severity.MEDIUM,
    4: Severity.HIGH,
    5: Severity.CRITICAL,
    6: Severity.CRITICAL,
}
_OUTCOMES = {1: Compliance.PASSED, 2: Compliance.WARNING, 3: Compliance.FAILED}
_STATUSES = {"new": 1, "in progress": 2, "suppressed": 3, "resolved": 4, "archived": 5, "deleted": 6}
_OVER = {4, 5, 6}
_INFO = ("finding_info", "finding")
_TIMES = (
    *(f"{info}.modified_time{end}" for info in _INFO for end in ("", "_dt")),
    *("time", "time_dt", "event_time"),
    *(
        f"{info}.{name}_time{end}"
        for info in _INFO
        for name in ("last_seen", "created")
        for end in ("", "_dt")
    ),
)
_CREATED = tuple(
    f"{info}.{name}_time{end}" for info in _INFO for name in ("created", "first_seen") for end in ("", "_dt")
)


def parse_ocsf(document: object, encoded: bytes) -> Finding:
    """The finding of one OCSF object; ``encoded`` is its canonical JSON, which is kept.

    Raises UnusableError when it is no object, has no uid, or is too large.
    """
    if not isinstance(document, dict):
        raise UnusableError(Refusal.NOT_A_FINDING, "the finding is not an object")
    flags = [*_CHECKS.wrong_in(document), *_class_flags(document)]
    resource = next(iter(_resources(document)), {})
    control, kind = _control(document), text_at(resource, "type")
    updated, _ = time_at(document, _TIMES, flags)
    return Finding(
        product=_product(document),
        id=usable_id(_info(document, "uid"), "finding_info.uid"),
        format=FORMAT,
        provider=text_at(document, "metadata.product.name", "metadata.product.vendor_name"),
        title=_info(document, "title"),
        description=text_at(document, "status_detail", "finding_info.desc", "finding.desc", "message"),
        severity=_severity(document, flags),
        compliance=_compliance(document, flags),
        active=_status(document, flags) not in _OVER,
        control=control,
        service=text_at(resource, "group.name").lower() or service_of(control, control, kind),
        standards=_standards(document),
        account=text_at(document, "cloud.account.uid", "cloud.account_uid", "unmapped.provider_uid"),
        region=text_at(resource, "region") or text_at(document, "cloud.region"),
        resource_type=kind,
        resource_id=text_at(resource, "uid", "name"),
        resources=len(_resources(document)),
        created=time_at(document, (*_CREATED, *_TIMES), flags)[0],
        updated=updated,
        remediation=text_at(_remedy(document), "desc"),
        remediation_url=_link(document),
        flags=tuple(dict.fromkeys(flags)),
        document=within_limit(encoded),
    )


def _class_flags(document: Object) -> list[str]:
    number = at(document, "class_uid")
    known = not isinstance(number, int) or number in CLASSES
    missing = at(document, "finding_info") is None and at(document, "finding") is None
    return ([] if known else [f"class_uid {shown(number)} is unknown"]) + (
        ["finding_info is missing"] if missing else []
    )


def _info(document: Object, name: str) -> str:
    return text_at(document, f"finding_info.{name}", f"finding.{name}")


def _product(document: Object) -> str:
    """What tells products apart. Prowler's is short: its CSV files name the same findings."""
    product = at(document, "metadata.product")
    name, vendor = text_at(product, "name"), text_at(product, "vendor_name")
    if "prowler" in {name.casefold(), text_at(document, "finding_info.product_uid").casefold()}:
        return "prowler"
    return "/".join(filter(None, (vendor, name))) if name else text_at(product, "uid") or vendor


def _severity(document: Object, flags: list[str]) -> Severity:
    number = at(document, "severity_id")
    found = _SEVERITIES.get(number) if isinstance(number, int) else None
    found = found or severity_of_word(text_at(document, "severity"))
    if found is None:
        flags.append("severity_id is missing or unknown")
    return found or Severity.INFORMATIONAL


def _compliance(document: Object, flags: list[str]) -> Compliance:
    number = at(document, "compliance.status_id")
    if isinstance(number, int) and number in _OUTCOMES:
        return _OUTCOMES[number]
    word = text_at(document, "compliance.status", "status_code")
    found = outcome_of_word(word)
    if word and found is None:
        flags.append(f"status_code {shown(word)} is unknown")
    if not word and at(document, "class_uid") != _COMPLIANCE_FINDING:
        return Compliance.NOT_A_CHECK
    return found or Compliance.NOT_AVAILABLE


def _status(document: Object, flags: list[str]) -> int:
    """The number of the provider's status; its word says more than its number where they differ."""
    word, number = text_at(document, "status"), at(document, "status_id")
    named = _STATUSES.get(word.strip().casefold())
    given = number if isinstance(number, int) else 0
    if named and given and named != given:
        flags.append(f"status {shown(word)} and status_id {given} differ")
    return named or given


def _control(document: Object) -> str:
    first = next(iter(objects_at(document, "vulnerabilities")), {})
    return text_at(
        document,
        "metadata.event_code",
        "compliance.control",
        "finding_info.analytic.uid",
        "finding_info.analytic.name",
    ) or text_at(first, "cve.uid", "title")


def _standards(document: Object) -> tuple[str, ...]:
    own, listed = at(document, "unmapped.compliance"), at(document, "compliance.standards")
    names = list(own) if isinstance(own, dict) else []
    return standards_of([*names, *map(as_text, listed if isinstance(listed, list) else [])], ())


def _resources(document: Object) -> list[Object]:
    return objects_at(document, "resources") or objects_at(document, "resource")


def _remedy(document: Object) -> Object:
    """The advice: of the finding, of its details, or of its first vulnerability."""
    places = [document, at(document, "finding"), *objects_at(document, "vulnerabilities")[:1]]
    return next((found for place in places for found in objects_at(place, "remediation")), {})


def _link(document: Object) -> str:
    remedy = _remedy(document)
    given = at(remedy, "references") or at(remedy, "kb_articles")
    links = [as_text(item) for item in given] if isinstance(given, list) else []
    found = next((link for link in links if link.startswith(("https://", "http://"))), "")
    return found or text_at(document, "finding_info.src_url")
