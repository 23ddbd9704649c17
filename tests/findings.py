"""Findings for tests."""

from __future__ import annotations

import json
from typing import Any

from data_access.findings import Compliance, Finding, Scan, Severity

DAY = 86_400_000_000
"""Microseconds."""
MONDAY = 1_773_014_400_000_000
"""2026-03-09T00:00:00Z in µs."""
SCAN = Scan("scan-1", "monday.json", MONDAY, "ann")


def finding(name: str = "a", updated: int = MONDAY, **fields: Any) -> Finding:
    """A failed check of a bucket. Texts go into the document, so that versions differ with them."""
    values: dict[str, Any] = {
        "product": "prowler",
        "id": name,
        "format": "asff",
        "provider": "Prowler",
        "title": "Buckets are not public",
        "description": "The bucket is public.",
        "severity": Severity.HIGH,
        "compliance": Compliance.FAILED,
        "active": True,
        "control": "s3_bucket_public",
        "service": "s3",
        "standards": ("CIS-1.5",),
        "account": "123456789012",
        "region": "eu-west-1",
        "resource_type": "AwsS3Bucket",
        "resource_id": f"arn:aws:s3:::{name}",
        "resources": 1,
        "created": MONDAY,
        "updated": updated,
        "remediation": "Block public access.",
        "remediation_url": "https://docs.example/s3",
        "flags": (),
    } | fields
    document = {key: value for key, value in values.items() if key != "document"}
    values.setdefault("document", json.dumps(document, sort_keys=True).encode())
    return Finding(**values)


def passed(name: str = "a", updated: int = MONDAY, **fields: Any) -> Finding:
    """The same check, passed."""
    return finding(name, updated, **{"compliance": Compliance.PASSED} | fields)


def asff(name: str = "a", **changes: Any) -> dict[str, Any]:
    """A finding as Security Hub has it."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": name,
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "GeneratorId": "S3.1",
        "AwsAccountId": "123456789012",
        "CreatedAt": "2026-03-09T00:00:00Z",
        "UpdatedAt": "2026-03-09T00:00:00Z",
        "Severity": {"Label": "HIGH"},
        "Title": "Buckets are not public",
        "Description": "A bucket is public.",
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::a", "Region": "eu-west-1"}],
        "Compliance": {"Status": "FAILED"},
    } | changes
