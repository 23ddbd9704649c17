"""ASFF: what is read, what is flagged and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.findings import MAX_FINDING_BYTES, Compliance, Finding, Refusal, RefusedFinding, Severity
from pipeline.findings import parse_document
from pipeline.findings.asff import MEMBERS
from pipeline.findings.members import Member
from tests.security_hub import finding_shape, refused_members

GOOD: dict[str, Any] = {
    "SchemaVersion": "2018-10-08",
    "Id": "arn:finding/1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
    "GeneratorId": "aws-foundational-security-best-practices/v/1.0.0/S3.1",
    "AwsAccountId": "012345678901",
    "CreatedAt": "2023-11-14T22:13:20Z",
    "UpdatedAt": "2023-11-14T23:13:21.5+01:00",
    "Title": "S3.1 Block public access",
    "Description": "The bucket is open.",
    "Severity": {"Label": "HIGH", "Normalized": 70},
    "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.1"},
    "Resources": [
        {"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b", "Region": "eu-west-3"},
        {"Type": "O", "Id": "2"},
    ],
    "ProductFields": {"StandardsArn": "arn:aws:securityhub:::standards/pci-dss/v/3.2.1"},
    "Remediation": {"Recommendation": {"Text": "Close it.", "Url": "https://example.com/s3"}},
    "RecordState": "ACTIVE",
}
MICROS = 1_700_000_000_000_000


def asff(**changes: Any) -> dict[str, Any]:
    """A good finding with other members; None takes a member away."""
    return {name: value for name, value in (GOOD | changes).items() if value is not None}


def parsed(**changes: Any) -> Finding:
    found = parse_document(asff(**changes), 1)
    assert isinstance(found, Finding)
    return found


def test_a_good_finding_is_read_whole_and_has_no_flags() -> None:
    found = parsed()
    assert found.flags == ()
    assert json.loads(found.document) == GOOD
    assert (found.product, found.id, found.format) == (GOOD["ProductArn"], "arn:finding/1", "asff")
    assert (found.provider, found.title, found.description) == (
        "Security Hub",
        GOOD["Title"],
        GOOD["Description"],
    )
    assert (found.severity, found.compliance, found.active) == (Severity.HIGH, Compliance.FAILED, True)
    assert (found.control, found.service, found.standards) == ("S3.1", "s3", ("PCI DSS v3.2.1",))
    assert (found.account, found.region) == ("012345678901", "eu-west-3")
    assert (found.resource_type, found.resource_id, found.resources) == ("AwsS3Bucket", "arn:aws:s3:::b", 2)
    assert (found.created, found.updated) == (MICROS, MICROS + 1_500_000)
    assert (found.remediation, found.remediation_url) == ("Close it.", "https://example.com/s3")


def test_spaces_and_order_of_names_make_no_other_version() -> None:
    turned = {name: GOOD[name] for name in reversed(GOOD)}
    other = parse_document(json.loads(json.dumps(turned, indent=4)), 9)
    assert isinstance(other, Finding)
    assert (other.digest, other.key) == (parsed().digest, parsed().key)
    assert parsed(Title="Another").digest != other.digest


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"GeneratorId": None}, ("GeneratorId is missing",)),
        ({"Description": " "}, ("Description is empty",)),
        ({"ProductArn": None}, ("ProductArn is missing",)),
        ({"Title": 7}, ("Title is a number",)),
        ({"Severity": {"Label": "HIGH", "Normalized": "70"}}, ("Severity.Normalized is text",)),
        ({"Severity": {"Label": "HIGH", "Normalized": 7.5}}, ("Severity.Normalized is not a whole number",)),
        ({"Compliance": {"Status": "INFOED"}}, ("Compliance.Status INFOED is unknown",)),
        ({"ProductFields": {"a": 1}}, ("ProductFields holds values that are not text",)),
        ({"RecordState": "GONE"}, ("RecordState GONE is unknown",)),
        ({"Resources": [{"Type": "Other"}]}, ("Resources[].Id is missing",)),
        ({"Resources": ["x", "y"]}, ("Resources[] is text",)),
        ({"Resources": []}, ()),
        ({"UpdatedAt": "2023-11-14T22:13:20"}, ("UpdatedAt has no time zone and is taken as UTC",)),
    ],
)
def test_dirty_findings_are_kept_and_flagged(changes: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert parsed(**changes).flags == flags


def test_null_is_flagged_and_the_account_gets_its_zeros_back() -> None:
    found = parse_document(asff() | {"Description": None, "AwsAccountId": 12345678901}, 1)
    assert isinstance(found, Finding)
    assert found.account == "012345678901"
    assert found.flags == ("AwsAccountId is a number", "Description is null")


@pytest.mark.parametrize(
    ("document", "reason", "message"),
    [
        ([1], Refusal.NOT_A_FINDING, "the finding is not an object"),
        ("x", Refusal.NOT_A_FINDING, "the finding is not an object"),
        (asff(Id=None), Refusal.NO_ID, "Id is missing: nothing names the finding"),
        (asff(Id="  "), Refusal.NO_ID, "Id is missing: nothing names the finding"),
        (asff(Id=["x"]), Refusal.NO_ID, "Id is missing: nothing names the finding"),
        (
            asff(Note="x" * MAX_FINDING_BYTES),
            Refusal.TOO_LARGE,
            "the finding has 246,536 bytes of JSON; at most 245,760 are kept",
        ),
        (asff(Title="\ud800"), Refusal.UNREADABLE, "the finding cannot be written as JSON"),
    ],
)
def test_unusable_findings_are_refused_with_a_reason(document: object, reason: Refusal, message: str) -> None:
    refusal = parse_document(document, 7)
    assert isinstance(refusal, RefusedFinding)
    assert (refusal.place, refusal.reason) == (7, reason)
    assert refusal.message.startswith(message)
    assert len(refusal.excerpt) <= 300


def test_the_largest_finding_is_kept() -> None:
    room = MAX_FINDING_BYTES - len(parsed(Note="").document)
    assert len(parsed(Note="x" * room).document) == MAX_FINDING_BYTES


@pytest.mark.parametrize(
    ("severity", "expected", "flag"),
    [
        ({"Label": "LOW", "Normalized": 90}, Severity.LOW, None),
        ({"Normalized": 90}, Severity.CRITICAL, None),
        ({"Normalized": "40"}, Severity.MEDIUM, "Severity.Normalized is text"),
        ({"Label": "high"}, Severity.HIGH, "Severity.Label high is unknown"),
        ({"Normalized": 250, "Original": "Low"}, Severity.LOW, "Severity is taken from Severity.Original"),
        ({"Product": "CRITICAL"}, Severity.CRITICAL, "Severity is taken from Severity.Product"),
        ({"Product": 8}, Severity.INFORMATIONAL, "Severity is missing or unknown"),
        (None, Severity.INFORMATIONAL, "Severity is missing or unknown"),
        ("HIGH", Severity.INFORMATIONAL, "Severity is text"),
    ],
)
def test_severity_by_label_then_score_then_words(
    severity: object, expected: Severity, flag: str | None
) -> None:
    found = parsed(Severity=severity)
    assert found.severity is expected
    assert (flag in found.flags) if flag else not found.flags


def test_severity_of_an_import_before_security_hub_copied_it() -> None:
    assert (
        parsed(Severity=None, FindingProviderFields={"Severity": {"Label": "LOW"}}).severity is Severity.LOW
    )


def test_archived_findings_are_not_active() -> None:
    assert not parsed(RecordState="ARCHIVED").active
    assert parsed(RecordState=None).active


@pytest.mark.parametrize(
    ("times", "micros", "flags"),
    [
        ({"UpdatedAt": "soon", "LastObservedAt": 1_700_000_001}, MICROS + 1_000_000, 3),
        ({"UpdatedAt": None}, MICROS, 2),
        ({"UpdatedAt": "9999-01-01T00:00:00Z"}, MICROS, 2),
        ({"UpdatedAt": None, "CreatedAt": None, "FirstObservedAt": "2023-11-14T22:13:20Z"}, MICROS, 4),
        ({"UpdatedAt": "", "CreatedAt": "x"}, 0, 3),
    ],
)
def test_the_version_falls_back_by_the_document_alone(times: dict[str, Any], micros: int, flags: int) -> None:
    found = parsed(**times)
    assert (found.updated, len(found.flags)) == (micros, flags)
    assert parsed(**times) == found


def test_control_region_and_provider_fall_back() -> None:
    bare = parsed(Compliance=None, Resources=[{"Type": "AwsIamUser", "Id": "u"}])
    assert (bare.control, bare.region) == (GOOD["GeneratorId"], "eu-west-1")
    assert (bare.service, bare.compliance) == ("s3", Compliance.NOT_A_CHECK)
    named = parsed(Compliance=None, ProductFields={"RuleId": "1.3", "ProviderName": "Custodian"}, Region="r")
    assert (named.control, named.provider, named.region) == ("1.3", "Custodian", "eu-west-3")
    assert parsed(ProductName="Own").provider == "Own"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = sorted({member.path for member in MEMBERS})


def put(node: Any, path: str, value: Any) -> None:
    """Sets the member at the path of a document, making what is on the way."""
    name, _, rest = path.partition(".")
    many, name = name.endswith("[]"), name.removesuffix("[]")
    if not rest:
        node[name] = [value] if many else value
        return
    below = {}
    put(below, rest, value)
    node[name] = [below] if many else below


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS), JSON, min_size=1, max_size=3))
def test_no_value_of_any_member_breaks_the_reading(values: dict[str, Any]) -> None:
    document = asff()
    for path, value in values.items():
        put(document, path, value)
    found = parse_document(document, 1)
    if isinstance(found, RefusedFinding):
        assert found.reason in {Refusal.NO_ID, Refusal.UNREADABLE}
        return
    assert all(len(flag) < 150 and flag.isprintable() for flag in found.flags)
    assert all(isinstance(getattr(found, name), str) for name in ("title", "account", "region", "control"))


KINDS = {
    "text": "string",
    "integer": "integer",
    "number": "double",
    "list": "list",
    "object": "structure",
    "texts": "map",
}


def _in_model(member: Member) -> tuple[Any, bool]:
    """The member's shape in the model, and whether it is required."""
    shape, required = finding_shape(), False
    for step in member.steps:
        name = step.removesuffix("[]")
        required = name in shape.required_members and not step.endswith("[]")
        shape = shape.members[name]
        shape = shape.member if step.endswith("[]") else shape
    return shape, required


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.path)
def test_the_table_is_that_of_the_model(member: Member) -> None:
    found, required = _in_model(member)
    assert found.type_name == KINDS[member.kind]
    assert member.values == frozenset(getattr(found, "enum", ()))
    assert member.required == required


def test_the_model_requires_nothing_else() -> None:
    required = {member.path for member in MEMBERS if member.required and "." not in member.path}
    assert required == set(finding_shape().required_members)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS), JSON, min_size=1, max_size=2))
def test_what_the_model_refuses_is_flagged(values: dict[str, Any]) -> None:
    document = asff()
    for path, value in values.items():
        put(document, path, value)
    found = parse_document(document, 1)
    if refused_members(document):
        assert isinstance(found, RefusedFinding) or found.flags
