"""AWS Security Finding Format: one finding as Security Hub, its imports and its events write it."""

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
from pipeline.findings.names import provider_of, service_of, standards_of
from pipeline.findings.words import outcome_of_word, severity_of_score, severity_of_word

FORMAT = "asff"
_LABELS = frozenset(Severity)
_OUTCOMES = frozenset(Compliance) - {Compliance.NOT_A_CHECK}
_FIELDS = "ProductFields.aws/securityhub"
MEMBERS = (
    Member("SchemaVersion", "text", required=True),
    Member("Id", "text", required=True),
    Member("ProductArn", "text", required=True),
    Member("GeneratorId", "text", required=True),
    Member("AwsAccountId", "text", required=True),
    Member("CreatedAt", "text", required=True),
    Member("UpdatedAt", "text", required=True),
    Member("Title", "text", required=True),
    Member("Description", "text", required=True),
    Member("Resources", "list", required=True),
    Member("Resources[]", "object"),
    Member("Resources[].Type", "text", required=True),
    Member("Resources[].Id", "text", required=True),
    Member("Resources[].Region", "text"),
    Member("FirstObservedAt", "text"),
    Member("LastObservedAt", "text"),
    Member("ProductName", "text"),
    Member("CompanyName", "text"),
    Member("Region", "text"),
    Member("ProductFields", "texts"),
    Member("Severity", "object"),
    Member("Severity.Label", "text", values=_LABELS),
    Member("Severity.Normalized", "integer"),
    Member("Severity.Original", "text"),
    Member("Severity.Product", "number"),
    Member("FindingProviderFields", "object"),
    Member("FindingProviderFields.Severity", "object"),
    Member("FindingProviderFields.Severity.Label", "text", values=_LABELS),
    Member("Compliance", "object"),
    Member("Compliance.Status", "text", values=_OUTCOMES),
    Member("Compliance.SecurityControlId", "text"),
    Member("Compliance.RelatedRequirements", "list"),
    Member("Compliance.RelatedRequirements[]", "text"),
    Member("Compliance.AssociatedStandards", "list"),
    Member("Compliance.AssociatedStandards[]", "object"),
    Member("Compliance.AssociatedStandards[].StandardsId", "text"),
    Member("Remediation", "object"),
    Member("Remediation.Recommendation", "object"),
    Member("Remediation.Recommendation.Text", "text"),
    Member("Remediation.Recommendation.Url", "text"),
    Member("RecordState", "text", values=frozenset({"ACTIVE", "ARCHIVED"})),
)
"""The members that are read, as the API's model has them."""
_CHECKS = Checks.of(MEMBERS)


def parse_asff(document: object, encoded: bytes) -> Finding:
    """The finding of one ASFF object; ``encoded`` is its canonical JSON, which is kept.

    Raises UnusableError when it is no object, has no Id, or is too large.
    """
    if not isinstance(document, dict):
        raise UnusableError(Refusal.NOT_A_FINDING, "the finding is not an object")
    flags = _CHECKS.wrong_in(document)
    resource = next(iter(objects_at(document, "Resources")), {})
    control = _control(document)
    generator, kind = text_at(document, "GeneratorId"), text_at(resource, "Type")
    return Finding(
        product=text_at(document, "ProductArn"),
        id=usable_id(text_at(document, "Id"), "Id"),
        format=FORMAT,
        provider=_provider(document),
        title=text_at(document, "Title"),
        description=text_at(document, "Description"),
        severity=_severity(document, flags),
        compliance=_compliance(document),
        active=text_at(document, "RecordState").strip().upper() != "ARCHIVED",
        control=control,
        service=service_of(control, generator, kind),
        standards=_standards(document),
        account=_account(document),
        region=_region(document, resource),
        resource_type=kind,
        resource_id=text_at(resource, "Id"),
        resources=len(objects_at(document, "Resources")),
        created=_time(document, "CreatedAt", ("FirstObservedAt", "UpdatedAt"), flags),
        updated=_time(document, "UpdatedAt", ("LastObservedAt", "CreatedAt", "FirstObservedAt"), flags),
        remediation=text_at(document, "Remediation.Recommendation.Text"),
        remediation_url=text_at(
            document, "Remediation.Recommendation.Url", "ProductFields.RecommendationUrl"
        ),
        flags=tuple(dict.fromkeys(flags)),
        document=within_limit(encoded),
    )


def _severity(document: Object, flags: list[str]) -> Severity:
    label = text_at(document, "Severity.Label", "FindingProviderFields.Severity.Label")
    score = at(document, "Severity.Normalized")
    found = severity_of_word(label) or severity_of_score(score)
    if score is not None and severity_of_score(score) is None:
        flags.append(f"Severity.Normalized {shown(score)} is not within 0 to 100")
    for path in ("Severity.Original", "Severity.Product"):
        if found is None:
            found = severity_of_word(text_at(document, path))
            if found:
                flags.append(f"Severity is taken from {path}")
    if found is None:
        flags.append("Severity is missing or unknown")
    return found or Severity.INFORMATIONAL


def _compliance(document: Object) -> Compliance:
    word = text_at(document, "Compliance.Status")
    return (outcome_of_word(word) or Compliance.NOT_AVAILABLE) if word else Compliance.NOT_A_CHECK


def _control(document: Object) -> str:
    return text_at(
        document,
        "Compliance.SecurityControlId",
        "ProductFields.ControlId",
        "ProductFields.RuleId",
        "GeneratorId",
    )


def _standards(document: Object) -> tuple[str, ...]:
    associated = [
        text_at(item, "StandardsId") for item in objects_at(document, "Compliance.AssociatedStandards")
    ]
    fields = [text_at(document, f"ProductFields.{name}") for name in ("StandardsArn", "StandardsGuideArn")]
    related = at(document, "Compliance.RelatedRequirements")
    return standards_of(associated + fields, map(as_text, related if isinstance(related, list) else []))


def _provider(document: Object) -> str:
    named = text_at(document, "ProductName", "ProductFields.ProviderName", f"{_FIELDS}/ProductName")
    return named or provider_of(text_at(document, "ProductArn"))


def _account(document: Object) -> str:
    """The account; as a number it may have lost the zeros it begins with."""
    value = at(document, "AwsAccountId")
    return as_text(value) if isinstance(value, str) or not as_text(value) else as_text(value).zfill(12)


def _region(document: Object, resource: Object) -> str:
    arn = text_at(document, "ProductArn").split(":")
    return text_at(resource, "Region") or text_at(document, "Region") or (arn[3] if len(arn) > 3 else "")


def _time(document: Object, path: str, others: tuple[str, ...], flags: list[str]) -> int:
    micros, used = time_at(document, (path, *others), flags)
    if used and used != path:
        flags.append(f"{path} is replaced by {used}")
    return micros
