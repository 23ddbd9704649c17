"""Every real findings file of the shared data: what is kept, flagged, refused; known answers of a scan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest

from data_access.findings import Compliance, Finding, Refusal, RefusedFinding, Severity
from pipeline.findings import read_findings
from pipeline.findings.asff import MEMBERS
from tests.contract.findings_files import FILES, SIMULATED
from tests.security_hub import refused_members
from tests.shared_data import shared_data

pytestmark = pytest.mark.shared


@cache
def read(name: str) -> tuple[Finding | RefusedFinding, ...]:
    return tuple(read_findings(shared_data() / "findings" / name))


def kept(name: str) -> list[Finding]:
    return [item for item in read(name) if isinstance(item, Finding)]


def outcome(items: Iterable[Finding | RefusedFinding]) -> tuple[int, int, dict[Refusal, int]]:
    found = list(items)
    good = [item for item in found if isinstance(item, Finding)]
    reasons = Counter(item.reason for item in found if isinstance(item, RefusedFinding))
    return len(good), sum(bool(item.flags) for item in good), dict(reasons)


@pytest.mark.parametrize("name", FILES)
def test_what_each_file_gives(name: str) -> None:
    assert outcome(read(name)) == FILES[name]


def test_every_simulated_file_gives_one_clean_finding() -> None:
    files = sorted((shared_data() / "findings" / SIMULATED).iterdir())
    assert [outcome(read_findings(file)) for file in files] == [(1, 0, {})] * 109


def test_no_file_is_forgotten() -> None:
    folder = shared_data() / "findings"
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in present if not name.startswith(SIMULATED)} == set(FILES)


def test_the_reasons_are_the_right_ones() -> None:
    messages = {
        item.message.partition(" (")[0]
        for name in FILES
        for item in read(name)
        if isinstance(item, RefusedFinding)
    }
    kinds = ["finding", "provider", "providersecret", "resource", "resourcefindingmapping", "scan"]
    assert messages == {
        "neither JSON nor a CSV of Prowler",
        "an event without detail.findings: Security Hub Insight Results",
        *(f"a Django fixture of api.{kind}, not a finding" for kind in kinds),
    }


def test_the_flags_are_the_right_ones() -> None:
    assert Counter(flag for name in FILES for item in kept(name) for flag in item.flags) == {
        "there is no usable time": 223,
        "time is missing": 8,
        "finding_info.created_time has no time zone and is taken as UTC": 8,
        "Description is missing": 7,
        "status New and status_id 3 differ": 6,
        "event_time has no time zone and is taken as UTC": 4,
        "time_dt has no time zone and is taken as UTC": 4,
        "Compliance.Status INFOED is unknown": 4,
        "GeneratorId is missing": 1,
        "AwsAccountId is missing": 1,
    }


def test_all_127_findings_of_the_aws_fixtures_are_kept() -> None:
    folder = shared_data() / "findings" / "aws_asr_fixtures"
    items = [item for file in folder.rglob("*.json") for item in read_findings(file)]
    assert outcome(items) == (127, 1, {})


SCAN = "prowler_asff_731/prowler-output.asff.json.gz"


def expected(answer: str) -> list[list[Any]]:
    document = json.loads((shared_data() / "expected" / "findings.json").read_text("utf-8"))
    rows: list[list[Any]] = document["answers"][answer]["rows"]
    # The one word outside the format's list: it is kept as not available, with a flag.
    return [[Compliance.NOT_AVAILABLE if cell == "INFOED" else cell for cell in row] for row in rows]


def counted(member: str) -> list[list[Any]]:
    """Per value of a member: how many findings, and how many of them failed."""
    scan = kept(SCAN)
    failed = Counter(getattr(item, member) for item in scan if item.compliance is Compliance.FAILED)
    rows = Counter(getattr(item, member) for item in scan).items()
    return sorted([[value, n, failed[value]] for value, n in rows], key=lambda row: (-row[1], row[0]))


def test_totals_of_the_scan() -> None:
    scan = kept(SCAN)
    checks, regions, accounts = (
        {getattr(item, name) for item in scan} for name in ("control", "region", "account")
    )
    row = [len(scan), len({item.key for item in scan}), len(checks), len(regions), len(accounts)]
    assert row == expected("p731_totals")[0][:5] == [731, 728, 101, 17, 1]
    assert {item.created for item in scan} == {item.updated for item in scan} == {1_679_154_211_000_000}
    assert len({(item.key, item.digest) for item in scan}) == 731


def test_ids_that_come_twice() -> None:
    twice = Counter(item.id for item in kept(SCAN))
    assert sorted([name, n] for name, n in twice.items() if n > 1) == expected("p731_duplicate_ids")


@pytest.mark.parametrize("member", ["severity", "compliance", "region", "resource_type", "service"])
def test_counts_of_the_scan(member: str) -> None:
    rows = expected(f"p731_by_{member}")
    assert counted(member) == sorted(rows, key=lambda row: (-row[1], row[0]))


def test_severity_by_outcome() -> None:
    pairs = Counter((item.severity, item.compliance) for item in kept(SCAN))
    assert sorted([*pair, n] for pair, n in pairs.items()) == sorted(expected("p731_severity_x_status"))


def test_checks_that_failed_most() -> None:
    failed = Counter(item.control for item in kept(SCAN) if item.compliance is Compliance.FAILED)
    ranked = sorted(failed.items(), key=lambda row: (-row[1], row[0]))[:20]
    assert [list(row) for row in ranked] == expected("p731_top20_failed_checks")


def test_pass_rate() -> None:
    outcomes = Counter(item.compliance for item in kept(SCAN))
    passed, failed = outcomes[Compliance.PASSED], outcomes[Compliance.FAILED]
    assert round(100 * passed / (passed + failed), 2) == expected("p731_pass_rate")[0][0] == 60.66


def test_open_findings_of_the_scan() -> None:
    scan = kept(SCAN)
    assert sum(item.is_open for item in scan) == 286, "the four INFOED could not tell"
    assert Counter(item.severity for item in scan if item.is_open)[Severity.CRITICAL] == 3


def test_before_and_after_of_one_cloud_name_the_same_findings() -> None:
    before, after = (
        {item.key: item for item in kept(f"prowler_ocsf_multicloud_mit/findings_{when}.json.gz")}
        for when in ("before", "after")
    )
    assert (len(before), len(after), len(before.keys() & after.keys())) == (44, 44, 44)
    assert {key: item.digest for key, item in before.items()} == {
        key: item.digest for key, item in after.items()
    }


def test_what_the_api_model_refuses_is_flagged() -> None:
    read_members = {member.path for member in MEMBERS}
    folder, refused = shared_data() / "findings", 0
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".gz"}):
        for item in read_findings(file):
            if isinstance(item, Finding) and item.format == "asff":
                members = refused_members(json.loads(item.document)) & read_members
                flagged = {flag.partition(" ")[0] for flag in item.flags}
                assert members <= flagged, (file, item.id)
                refused += bool(members)
    assert refused == 9
