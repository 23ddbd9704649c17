"""Times, severities and names of findings: every zone, precision, word and number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.findings import Compliance, Severity
from pipeline.findings.names import provider_of, service_of, standard_of, standards_of
from pipeline.findings.times import NO_ZONE, to_micros
from pipeline.findings.words import outcome_of_word, severity_of_score, severity_of_word

MOMENT = 1_700_000_000_000_000
"""2023-11-14 22:13:20 UTC."""


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("2023-11-14T22:13:20Z", MOMENT),
        ("2023-11-14t22:13:20z", MOMENT),
        ("2023-11-14 22:13:20 UTC", MOMENT),
        ("2023-11-14T23:13:20+01:00", MOMENT),
        ("2023-11-15T03:43:20+0530", MOMENT),
        ("2023-11-14T14:13:20-08", MOMENT),
        ("2023-11-14T22:13:20.5Z", MOMENT + 500_000),
        ("2023-11-14T22:13:20,123Z", MOMENT + 123_000),
        ("2023-11-14T22:13:20.123456+00:00", MOMENT + 123_456),
        ("2023-11-14T22:13:20.123456789Z", MOMENT + 123_456),
        ("2023-11-14T22:13Z", MOMENT - 20_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        (1_700_000_000, MOMENT),
        (1_700_000_000.25, MOMENT + 250_000),
        (1_700_000_000_123, MOMENT + 123_000),
        (MOMENT + 7, MOMENT + 7),
    ],
)
def test_times_of_any_zone_and_precision(value: object, micros: int) -> None:
    assert to_micros(value) == (micros, "")


@pytest.mark.parametrize(
    ("value", "micros", "wrong"),
    [
        ("1700000000", MOMENT, "is a number as text"),
        ("1700000000.5", MOMENT + 500_000, "is a number as text"),
        ("1700000000123", MOMENT + 123_000, "is a number as text"),
        ("2023-11-14T22:13:20", MOMENT, NO_ZONE),
        ("2023-11-14", MOMENT - (22 * 3600 + 13 * 60 + 20) * 1_000_000, "has no time of day"),
    ],
)
def test_usable_times_with_something_wrong(value: object, micros: int, wrong: str) -> None:
    assert to_micros(value) == (micros, wrong)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("", "is not a time"),
        ("yesterday", "is not a time"),
        ("2023-02-30T00:00:00Z", "is not a time"),
        ("2023-11-14T25:00:00Z", "is not a time"),
        ("2023-11-14T22:13:61Z", "is not a time"),
        ("2023-11-14T22:13:20+01:75", "is not a time"),
        ("٢٠٢٣-11-14T22:13:20Z", "is not a time"),
        ("9999-12-31T23:59:59-23:00", "is not a time"),
        ("9999-12-31T23:59:59Z", "is not between 1970 and 2100"),
        ("1969-12-31T23:59:59Z", "is not between 1970 and 2100"),
        (0, "is not between 1970 and 2100"),
        (-5, "is not between 1970 and 2100"),
        (10**30, "is not between 1970 and 2100"),
        (float("nan"), "is not between 1970 and 2100"),
        (True, "is not a time"),
        (None, "is not a time"),
        ([], "is not a time"),
        ({}, "is not a time"),
    ],
)
def test_what_is_no_time(value: object, wrong: str) -> None:
    assert to_micros(value) == (None, wrong)


@given(
    st.integers(10**15, 4 * 10**15),
    st.integers(-23 * 60, 23 * 60),
)
def test_the_zone_never_changes_the_moment(micros: int, minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert to_micros(local.isoformat()) == (micros, "")


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_no_value_breaks_the_reading_of_times(value: object) -> None:
    micros, wrong = to_micros(value)
    assert micros is not None or wrong


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (0, Severity.INFORMATIONAL),
        (0.5, Severity.LOW),
        (1, Severity.LOW),
        (39, Severity.LOW),
        (40, Severity.MEDIUM),
        (69, Severity.MEDIUM),
        (70, Severity.HIGH),
        (89, Severity.HIGH),
        (90, Severity.CRITICAL),
        (100, Severity.CRITICAL),
        ("70", Severity.HIGH),
        (" 0.0 ", Severity.INFORMATIONAL),
        (101, None),
        (-1, None),
        ("1e9", None),
        ("high", None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_severity_by_score(score: object, severity: Severity | None) -> None:
    assert severity_of_score(score) is severity


def test_severity_by_word() -> None:
    words = ["Critical", "FATAL", "high", " Medium ", "moderate", "low", "info", "INFORMATIONAL", "odd", ""]
    assert [severity_of_word(word) for word in words] == [
        *[Severity.CRITICAL] * 2,
        Severity.HIGH,
        *[Severity.MEDIUM] * 2,
        Severity.LOW,
        *[Severity.INFORMATIONAL] * 2,
        None,
        None,
    ]


def test_outcome_by_word() -> None:
    assert outcome_of_word("Fail") is Compliance.FAILED
    assert outcome_of_word("PASSED") is Compliance.PASSED
    assert outcome_of_word("warning") is Compliance.WARNING
    assert outcome_of_word("MANUAL") is Compliance.NOT_AVAILABLE
    assert outcome_of_word("INFOED") is None


@pytest.mark.parametrize(
    ("control", "generator", "resource", "service"),
    [
        ("", "prowler-ec2_ebs_default_encryption", "Other", "ec2"),
        ("IAM.1", "x", "AwsAccount", "iam"),
        ("PCI.S3.4", "x", "Other", "s3"),
        ("ELBv2.1", "", "", "elbv2"),
        ("1.3", "aws-foundational-security-best-practices/v/1.0.0/RDS.7", "", "rds"),
        ("1.3", "arn:aws:securityhub:::ruleset/x/v/1.2.0/rule/1.3", "AwsIamUser", "iam"),
        ("", "", "AwsS3Bucket", "s3"),
        ("", "", "AwsEMR", "emr"),
        ("", "", "AwsECSTaskDefinition", "ecs"),
        ("", "", "AwsCloudTrailTrail", "cloudtrail"),
        ("", "", "AwsCertificateManagerCertificate", "acm"),
        ("", "", "AWS::Lambda::Function", "lambda"),
        ("", "", "Other", ""),
    ],
)
def test_services(control: str, generator: str, resource: str, service: str) -> None:
    assert service_of(control, generator, resource) == service


def test_standards_have_readable_names() -> None:
    assert standard_of("arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0") == (
        "CIS AWS Foundations Benchmark v1.2.0"
    )
    assert standard_of("standards/pci-dss/v/3.2.1") == "PCI DSS v3.2.1"
    assert standard_of("standards/house-rules/v/2") == "house-rules v2"
    assert standard_of(" CIS-1.5 ") == "CIS-1.5"


def test_requirements_name_standards_nothing_else_names() -> None:
    names = ["standards/pci-dss/v/3.2.1", "CIS-1.5", "CIS-1.5", ""]
    requirements = ["PCI DSS 1.2.1", "CIS-1.5 1.20", "NIST.800-53.r5 AC-2(1)", "ISO 27001 v2022/A.6", ""]
    assert standards_of(names, requirements) == (
        "CIS-1.5",
        "ISO 27001 v2022",
        "NIST.800-53.r5",
        "PCI DSS v3.2.1",
    )


def test_providers_by_product() -> None:
    assert provider_of("arn:aws:securityhub:us-east-1::product/aws/guardduty") == "GuardDuty"
    assert provider_of("arn:aws:securityhub:us-east-1::product/prowler/prowler") == "Prowler"
    assert provider_of("arn:aws:securityhub:us-east-1::product/acme/scanner") == "acme scanner"
    assert provider_of("arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default") == "default"
    assert provider_of("odd") == ""
