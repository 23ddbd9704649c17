"""Prowler's CSV and JSON of versions 2 to 5, and OCSF: read alike, whatever the columns are called."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.findings import Compliance, Finding, Refusal, RefusedFinding, Severity
from pipeline.findings import parse_document, read_findings_bytes
from pipeline.findings.ocsf import MEMBERS
from tests.unit.test_findings_asff import JSON, put

MICROS = 1_700_000_000_000_000
OCSF: dict[str, Any] = {
    "class_uid": 2004,
    "metadata": {"product": {"name": "Prowler", "vendor_name": "Prowler"}, "event_code": "s3_open"},
    "severity_id": 4,
    "status": "New",
    "status_id": 1,
    "status_code": "FAIL",
    "status_detail": "Bucket b is open.",
    "time": 1_700_000_000,
    "finding_info": {
        "uid": "prowler-aws-s3_open-1",
        "title": "Closed buckets",
        "created_time": 1_699_999_999,
    },
    "resources": [{"uid": "arn:b", "type": "AwsS3Bucket", "region": "eu-west-1", "group": {"name": "s3"}}],
    "cloud": {"account": {"uid": "012345678901"}, "region": "eu-west-1"},
    "unmapped": {"compliance": {"CIS-2.0": ["1"], "CIS-1.4": ["2"]}},
    "remediation": {"desc": "Close it.", "references": ["aws s3 close", "https://example.com/s3"]},
}
ROW = {
    "TIMESTAMP": "2023-11-14 22:13:20.123456",
    "ACCOUNT_UID": "012345678901",
    "FINDING_UID": "prowler-aws-s3_open-1",
    "CHECK_ID": "s3_open",
    "CHECK_TITLE": "Closed buckets",
    "STATUS": "FAIL",
    "STATUS_EXTENDED": "Bucket b is open.",
    "SERVICE_NAME": "s3",
    "SEVERITY": "high",
    "RESOURCE_TYPE": "AwsS3Bucket",
    "RESOURCE_UID": "arn:b",
    "REGION": "eu-west-1",
    "REMEDIATION_RECOMMENDATION_TEXT": "Close it.",
    "REMEDIATION_RECOMMENDATION_URL": "https://example.com/s3",
    "COMPLIANCE": "CIS-2.0: 1 | CIS-1.4: 2, 3",
}
V2_HEADER = (
    "PROFILE,ACCOUNT_NUM,REGION,TITLE_ID,CHECK_RESULT,TITLE_TEXT,CHECK_RESULT_EXTENDED,CHECK_SEVERITY,"
    "CHECK_SERVICENAME,CHECK_ASFF_RESOURCE_TYPE,CHECK_ASFF_TYPE,CHECK_REMEDIATION,CHECK_DOC"
)
V2_ROW = (
    'p,012345678901,us-east-1,1.1,INFO,[check11] Avoid root,"Root, used",Medium,IAM,AwsAccount,'
    "A/Industry and Regulatory Standards/CIS Benchmark,Do not,https://example.com/root"
)
V2_JSON = {
    "Account Number": "012345678901",
    "Control": "[check11] Avoid root",
    "Message": "us-east-1: Root, used",
    "Severity": "Medium",
    "Status": "Info",
    "Control ID": "1.01",
    "Region": "us-east-1",
    "Timestamp": "2023-11-14T22:13:20Z",
    "Service": "iam",
    "Remediation": "Do not",
    "Doc link": "https://example.com/root",
}
V3_JSON = {
    "AssessmentStartTime": "2023-11-14T22:13:20.123456",
    "FindingUniqueId": "prowler-aws-s3_open-1",
    "CheckID": "s3_open",
    "CheckTitle": "Closed buckets",
    "ServiceName": "s3",
    "Status": "FAIL",
    "StatusExtended": "Bucket b is open.",
    "Severity": "high",
    "ResourceType": "AwsS3Bucket",
    "ResourceId": "b",
    "ResourceArn": "arn:b",
    "AccountId": "012345678901",
    "Region": "eu-west-1",
    "Remediation": {"Recommendation": {"Text": "Close it.", "Url": "https://example.com/s3"}},
    "Compliance": {"CIS-2.0": ["1"], "CIS-1.4": ["2"]},
}
SAME = [
    "key",
    "product",
    "id",
    "title",
    "description",
    "severity",
    "compliance",
    "active",
    "control",
    "service",
    "standards",
    "account",
    "region",
    "resource_type",
    "resource_id",
    "resources",
    "remediation",
    "remediation_url",
    "flags",
]


def found(document: dict[str, Any]) -> Finding:
    finding = parse_document(document, 1)
    assert isinstance(finding, Finding)
    return finding


def rows(*lines: str) -> list[Any]:
    return list(read_findings_bytes("\n".join(lines).encode()))


@pytest.mark.parametrize("other", [ROW, V3_JSON], ids=["csv columns", "version 3"])
def test_every_format_of_one_scan_gives_one_finding(other: dict[str, Any]) -> None:
    first, second = found(OCSF), found(other)
    assert {name: getattr(first, name) for name in SAME} == {name: getattr(second, name) for name in SAME}
    assert (second.format, second.updated) == ("prowler", MICROS + 123_456)


def test_an_ocsf_finding_is_read_whole() -> None:
    finding = found(OCSF)
    assert (finding.product, finding.provider, finding.format) == ("prowler", "Prowler", "ocsf")
    assert (finding.severity, finding.compliance) == (Severity.HIGH, Compliance.FAILED)
    assert (finding.control, finding.service, finding.standards) == ("s3_open", "s3", ("CIS-1.4", "CIS-2.0"))
    assert (finding.account, finding.region, finding.resources) == ("012345678901", "eu-west-1", 1)
    assert (finding.created, finding.updated) == (MICROS - 1_000_000, MICROS)
    assert (finding.remediation, finding.remediation_url) == ("Close it.", "https://example.com/s3")
    assert finding.flags == ()


@pytest.mark.parametrize(
    ("changes", "active", "flags"),
    [
        ({"status": "Suppressed", "status_id": 3}, True, ()),
        ({"status": "Resolved", "status_id": 4}, False, ()),
        ({"status": None, "status_id": 5}, False, ("status is null",)),
        ({"status": "Archived", "status_id": 99}, False, ("status Archived and status_id 99 differ",)),
        ({"status": "New", "status_id": 4}, True, ("status New and status_id 4 differ",)),
    ],
)
def test_only_what_the_provider_closed_is_not_active(
    changes: dict[str, Any], active: bool, flags: tuple[str, ...]
) -> None:
    finding = found(OCSF | changes)
    assert (finding.active, finding.flags) == (active, flags)


@pytest.mark.parametrize(
    ("changes", "severity", "flag"),
    [
        *[({"severity_id": number}, severity, "") for number, severity in enumerate(reversed(Severity), 1)],
        ({"severity_id": 6}, Severity.CRITICAL, ""),
        ({"severity_id": 99, "severity": "low"}, Severity.LOW, ""),
        ({"severity_id": 0}, Severity.INFORMATIONAL, "severity_id is missing or unknown"),
        ({"severity_id": "4"}, Severity.INFORMATIONAL, "severity_id is text"),
    ],
)
def test_ocsf_severities(changes: dict[str, Any], severity: Severity, flag: str) -> None:
    finding = found(OCSF | changes)
    assert finding.severity is severity
    assert (flag in finding.flags) if flag else not finding.flags


def test_ocsf_of_other_providers() -> None:
    other = {
        "class_uid": 2003,
        "metadata": {"product": {"name": "Scanner", "vendor_name": "Acme", "uid": "x"}},
        "severity_id": 2,
        "time": MICROS // 1000,
        "finding_info": {"uid": "7", "title": "T", "modified_time": 1_700_000_009},
        "compliance": {"status_id": 3, "control": "IAM.4", "standards": ["PCI DSS", "CIS"]},
    }
    finding = found(other)
    assert (finding.product, finding.provider, finding.control) == ("Acme/Scanner", "Scanner", "IAM.4")
    assert (finding.compliance, finding.service) == (Compliance.FAILED, "iam")
    assert (finding.standards, finding.updated) == (("CIS", "PCI DSS"), MICROS + 9_000_000)
    assert finding.flags == ()
    old = {
        **other,
        "class_uid": 2001,
        "finding": {"uid": "8", "title": "Old"},
        "compliance": {"status": "Pass"},
    }
    del old["finding_info"]
    assert (found(old).id, found(old).title, found(old).compliance) == ("8", "Old", Compliance.PASSED)
    assert found({**other, "class_uid": 6003}).flags == ("class_uid 6003 is unknown",)
    unnamed = {**other, "metadata": {"product": {"uid": "scanner"}}, "compliance": {"status": "Odd"}}
    assert (found(unnamed).product, found(unnamed).flags) == ("scanner", ("status_code Odd is unknown",))


def test_ocsf_without_uid_is_refused() -> None:
    refusal = parse_document(OCSF | {"finding_info": {"title": "T"}}, 3)
    assert isinstance(refusal, RefusedFinding)
    assert (refusal.place, refusal.reason) == (3, Refusal.NO_ID)


def test_times_without_a_zone_are_flagged_in_ocsf_only() -> None:
    local = {**OCSF, "time": None, "time_dt": "2023-11-14T22:13:20"}
    assert found(local).flags == ("time is null", "time_dt has no time zone and is taken as UTC")
    assert found(ROW).flags == ()


def test_version_2_as_csv_and_json_names_the_same_finding() -> None:
    (table,) = rows(V2_HEADER, V2_ROW)
    document = found(V2_JSON)
    assert table.key == document.key
    assert (table.control, table.title, table.service) == ("check11", "Avoid root", "iam")
    assert (table.compliance, table.severity) == (Compliance.NOT_AVAILABLE, Severity.MEDIUM)
    assert (table.standards, table.description) == (("CIS Benchmark",), "Root, used")
    assert (table.remediation, table.remediation_url) == ("Do not", "https://example.com/root")
    assert (table.updated, table.flags) == (0, ("there is no usable time",))
    assert (document.updated, document.flags) == (MICROS, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [("Account Number", "2"), ("Region", "eu-west-1"), ("Control", "[check12] x"), ("Resource ID", "root")],
)
def test_a_made_id_tells_findings_apart_and_is_stable(name: str, value: str) -> None:
    assert found(V2_JSON).id == found({**V2_JSON, "Timestamp": "2024-01-01T00:00:00Z"}).id
    assert found(V2_JSON).id != found({**V2_JSON, name: value}).id
    moved = {**V2_JSON, "Resource ID": "root", "Message": "other"}
    assert found(moved).id == found({**V2_JSON, "Resource ID": "root"}).id


def test_separators_quotes_and_lines_inside_cells() -> None:
    cells = {**ROW, "STATUS_EXTENDED": 'says "a;b"\nand, more'}
    quoted = ['"{}"'.format(cell.replace('"', '""')) for cell in cells.values()]
    semicolons, commas = (rows(by.join(ROW), by.join(quoted))[0] for by in ";,")
    assert semicolons.description == cells["STATUS_EXTENDED"]
    assert semicolons == commas


def test_rows_of_another_width_and_other_bytes_are_flagged() -> None:
    line = ",".join(cell.replace(",", "") for cell in ROW.values())
    short, more, extra, blank = ",".join(list(ROW.values())[:8]), f"{line},x", f"{line},,", ",,,"
    found = rows(",".join(ROW), "", short, more, extra, blank)
    assert [finding.flags for finding in found[:3]] == [
        ("the row has fewer columns than the header", "the severity is missing"),
        ("the row has more columns than the header",),
        (),
    ]
    assert len(found) == 3
    (latin,) = read_findings_bytes(f"{','.join(ROW)}\n{line}".replace("open", "öpen").encode("latin-1"))
    assert isinstance(latin, Finding)
    assert latin.flags == ("some characters are not UTF-8",)


def test_words_nobody_knows_are_flagged() -> None:
    odd = found({**ROW, "STATUS": "SO-SO", "SEVERITY": "odd\n\x00"})
    assert (odd.severity, odd.compliance) == (Severity.INFORMATIONAL, Compliance.NOT_AVAILABLE)
    assert odd.flags == ("the severity odd ? is unknown", "the status SO-SO is unknown")


def test_a_row_nothing_names_is_refused() -> None:
    (refusal,) = rows("FINDING_UID,CHECK_ID,STATUS,SEVERITY", ",,FAIL,low")
    assert (refusal.place, refusal.reason) == (2, Refusal.NO_ID)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(member.path for member in MEMBERS)), JSON, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(sorted(V3_JSON)), JSON, min_size=1, max_size=3),
)
def test_no_value_of_any_member_breaks_the_reading(ocsf: dict[str, Any], row: dict[str, Any]) -> None:
    document = dict(OCSF)
    for path, value in ocsf.items():
        put(document, path, value)
    for result in (parse_document(document, 1), parse_document(V3_JSON | row, 1)):
        refused = isinstance(result, RefusedFinding) and result.reason in {Refusal.NO_ID, Refusal.UNREADABLE}
        assert refused or isinstance(result, Finding)
