"""The API of findings: what it answers, to whom, and what it takes in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from data_access import api_keys
from data_access.backends import Backends
from data_access.findings import Change, Severity, Status
from tests.findings import DAY, MONDAY, SCAN, asff, finding, passed
from tests.forms import Forms

ASFF = asff(
    "finding-1",
    UpdatedAt="2026-03-09T01:00:00.5+01:00",
    Severity={"Label": "CRITICAL"},
    Description="<script>alert(1)</script>",
)


@pytest.fixture
def backends(form: str, forms: Forms, tmp_path: Path) -> Backends:
    return forms.new(form, tmp_path)


@pytest.fixture
def ops(backends: Backends) -> FlaskClient:
    return client(backends, "ops")


def client(backends: Backends, role: str) -> FlaskClient:
    found: FlaskClient = create_app(backends).server.test_client()
    key = api_keys.make(backends.documents, role, role, None)
    found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return found


def ids(ops: FlaskClient, query: str = "") -> list[str]:
    answer = ops.get(f"/v1/findings{query}")
    assert answer.status_code == 200
    assert answer.json["count"] == len(answer.json["data"])
    return [one["id"] for one in answer.json["data"]]


def test_findings_are_listed_newest_first(ops: FlaskClient, backends: Backends) -> None:
    low = finding("b", MONDAY + DAY, severity=Severity.LOW)
    backends.findings.store(SCAN, [finding(), low, passed("c", MONDAY + 2 * DAY)])
    assert ids(ops) == ["c", "b", "a"]
    assert ids(ops, "?severity=high") == ["c", "a"]
    assert ids(ops, "?limit=1") == ["c"]
    assert ids(ops, "?state=open") == ["b", "a"]
    item = ops.get("/v1/findings?severity=LOW").json["data"][0]
    assert item == {
        "id": "b",
        "key": low.key,
        "severity": "LOW",
        "timestamp": "2026-03-10T00:00:00.000Z",
        "title": "Buckets are not public",
        "description": "The bucket is public.",
        "resource_type": "AwsS3Bucket",
        "resource_id": "arn:aws:s3:::b",
        "account_id": "123456789012",
        "region": "eu-west-1",
        "provider": "Prowler",
        "control": "s3_bucket_public",
        "compliance": "FAILED",
        "status": "NEW",
        "open": True,
        "opened_at": "2026-03-10T00:00:00.000Z",
    }


def test_one_is_found_by_id_or_key(ops: FlaskClient, backends: Backends) -> None:
    newer = finding(product="other", updated=MONDAY + DAY)
    backends.findings.store(SCAN, [finding(), newer])
    (by_id,) = ops.get("/v1/findings?id=a").json["data"]
    assert by_id["key"] == newer.key, "of several the newest"
    (by_key,) = ops.get(f"/v1/findings?id={finding().key}").json["data"]
    assert by_key["raw_finding"] == json.loads(finding().document)
    missing = ops.get("/v1/findings?id=nobody")
    assert missing.status_code == 404
    assert missing.json["success"] is False
    assert "nobody" in missing.json["error"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("severity=BAD", "it takes CRITICAL"),
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=²", "1 to 1000"),
        ("state=closed", "it takes open"),
        ("colour=red", "is no parameter"),
    ],
)
def test_what_cannot_be_asked_is_refused(ops: FlaskClient, query: str, message: str) -> None:
    answer = ops.get(f"/v1/findings?{query}")
    assert answer.status_code == 400
    assert message in answer.json["error"]
    assert answer.json["timestamp"].endswith("Z")


def test_a_summary_counts_by_severity(ops: FlaskClient, backends: Backends) -> None:
    empty = ops.get("/v1/summary").json["data"]
    assert (empty["total_findings"], empty["last_updated"]) == (0, None)
    backends.findings.store(SCAN, [finding(), finding("b"), passed("c", MONDAY + DAY, severity=Severity.LOW)])
    key = finding("b").key
    backends.findings.change({key: 0}, Change(Status.SUPPRESSED, reason="test"), "ann", MONDAY + DAY)
    assert ops.get("/v1/summary").json["data"] == {
        "total_findings": 3,
        "open_findings": 1,
        "severity_breakdown": {"CRITICAL": 0, "HIGH": 2, "MEDIUM": 0, "LOW": 1, "INFORMATIONAL": 0},
        "last_updated": "2026-03-10T00:00:00.000Z",
    }


def test_findings_are_for_those_who_may_see_them(backends: Backends) -> None:
    for role, status in (("viewer", 403), ("analyst", 403), ("ops", 200), ("admin", 200)):
        own = client(backends, role)
        assert own.get("/v1/findings").status_code == status
        assert own.get("/v1/summary").status_code == status
        assert own.post("/v1/findings:import", data=b"[]").status_code == status
    nobody = create_app(backends).server.test_client()
    assert nobody.get("/v1/findings").status_code == 401
    assert nobody.get("/v1/health").json["status"] == "healthy"


def test_a_post_without_a_key_must_come_from_our_own_pages(backends: Backends) -> None:
    server = create_app(backends).server.test_client()
    assert server.post("/v1/findings:import", data=b"[]").status_code == 403


@pytest.mark.parametrize("packed", [False, True])
def test_findings_are_taken_in(ops: FlaskClient, backends: Backends, packed: bool) -> None:
    dirty = {**ASFF, "Id": "finding-2", "GeneratorId": None}
    body = json.dumps({"Findings": [ASFF, dirty, {"no": "finding"}, {**ASFF, "Id": ""}]}).encode()
    sent = gzip.compress(body) if packed else body
    answer = ops.post("/v1/findings:import?name=hub", data=sent)
    assert answer.status_code == 200
    said = answer.json
    counts = [said[name] for name in ("accepted", "flagged", "rejected", "new")]
    assert (said["success"], counts) == (True, [2, 1, 2, 2])
    assert [error["place"] for error in said["errors"]] == [3, 4]
    assert sorted(ids(ops)) == ["finding-1", "finding-2"]
    again = ops.post("/v1/findings:import", data=sent).json
    assert (again["new"], again["known"]) == (0, 2)
    ((scan, count),) = backends.findings.scans()
    assert (scan.name, scan.by, count) == ("hub", "key ops", 2)
    one = backends.findings.rows([backends.findings.named("finding-1")[0]])[0]
    assert one.updated == MONDAY + 500_000
    assert one.severity is Severity.CRITICAL


def test_a_body_without_findings_is_refused(ops: FlaskClient) -> None:
    for body in (b"", b"hello", b'{"a": 1}', b"\xff\xfe", b"[" * 5000):
        answer = ops.post("/v1/findings:import", data=body)
        assert answer.status_code == 422
        assert answer.json["success"] is False
        assert answer.json["errors"]
    assert ops.post("/v1/findings:import", data=b"[]").status_code == 200


def test_events_of_eventbridge_are_taken_in(ops: FlaskClient) -> None:
    event: dict[str, Any] = {
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "detail": {"findings": [ASFF]},
    }
    assert ops.post("/v1/findings:import", data=json.dumps(event)).json["accepted"] == 1
