"""The demo's findings: believable, repeatable, with the incident; and what people made of them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_access.embedded.findings import EmbeddedFindings
from data_access.finding_index import FindingIndex, Wanted
from data_access.findings import Change, Finding, Status
from data_access.ports import FindingsStore
from pipeline.demo_controls import KINDS, load_controls
from pipeline.demo_findings import BY, DemoScan, add_demo_findings, demo_scans
from pipeline.findings.documents import parse_document
from tests.findings import SCAN, finding
from tests.security_hub import refused_members

END = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
INCIDENT, MENDED = datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def scans() -> list[DemoScan]:
    return list(demo_scans(END))


@pytest.fixture
def store(tmp_path: Path) -> FindingsStore:
    return EmbeddedFindings(tmp_path / "findings.db")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> FindingsStore:
    """A store with the demo's findings, to be read only."""
    found = EmbeddedFindings(tmp_path_factory.mktemp("demo") / "findings.db")
    add_demo_findings(found, END)
    return found


def failed(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in documents if one["Compliance"]["Status"] == "FAILED"]


def test_the_same_seed_and_end_give_the_same_scans(scans: list[DemoScan]) -> None:
    assert list(demo_scans(END)) == scans
    assert list(demo_scans(END.astimezone(None), seed=7)) == scans
    assert list(demo_scans(END, seed=8))[-1][2] != scans[-1][2]


def test_thirteen_weeks_and_two_scans_of_the_incident(scans: list[DemoScan]) -> None:
    times = [at for _, at, _ in scans]
    assert times == sorted(set(times))
    assert END - timedelta(days=90) <= times[0] < END - timedelta(days=83)
    assert END - timedelta(days=1) < times[-1] < END
    extra = {INCIDENT, MENDED}
    weekly = [at for at in times if at not in extra]
    assert extra < set(times)
    assert len(weekly) == 13
    assert {after - before for before, after in itertools.pairwise(weekly)} == {timedelta(days=7)}
    assert [name for name, at, _ in scans if at == INCIDENT] == ["shop-scanner-2026-11-01.json"]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_no_scan_is_later_than_the_end_at_any_hour(hour: int) -> None:
    end = END.replace(hour=hour)
    times = [at for _, at, _ in demo_scans(end)]
    assert len(times) == 15
    assert max(times) <= end


def test_a_short_demo_has_one_scan_and_no_incident() -> None:
    ((_, at, documents),) = demo_scans(END, days=3)
    assert at == END.replace(hour=3)
    assert len(documents) > 500


def test_size_and_kinds(scans: list[DemoScan]) -> None:
    last = scans[-1][2]
    assert 630 < len(last) < 770
    assert 0.3 < len(failed(last)) / len(last) < 0.37
    assert len({one["AwsAccountId"] for one in last}) == 3
    assert len({one["GeneratorId"] for one in last}) == len(load_controls()) >= 40
    assert len({parsed(one).service for one in last}) >= 12
    severities = Counter(one["Severity"]["Label"] for one in failed(last))
    assert 1 <= severities["CRITICAL"] <= 8
    assert severities["MEDIUM"] + severities["LOW"] > 0.75 * len(failed(last))


def parsed(document: dict[str, Any]) -> Finding:
    found = parse_document(document, 1)
    assert isinstance(found, Finding)
    return found


def test_every_document_is_taken_without_a_flag(scans: list[DemoScan]) -> None:
    for one in {id(one): one for _, _, documents in scans for one in documents}.values():
        found = parsed(one)
        assert found.flags == ()
        assert found.service
        assert len(found.remediation.splitlines()) >= 2
        assert 1 <= len(found.standards) <= 3
        assert found.provider == "Shop Scanner"


def test_security_hub_itself_would_take_them(scans: list[DemoScan]) -> None:
    for one in scans[-1][2][::20]:
        assert refused_members(one) == set()
        assert len(one["Remediation"]["Recommendation"]["Text"]) <= 512


def test_every_control_says_how_to_mend_it() -> None:
    for control in load_controls():
        assert control.kind in KINDS
        assert "{name}" in control.wrong or control.kind == "root"
        assert re.match(r"1\. [A-Z].*\.\n", control.remediation)
        assert f"]({control.guide})" in control.remediation
        assert control.guide.startswith("https://docs.aws.amazon.com/")


def test_open_findings_fall_with_a_bump_in_the_incident(scans: list[DemoScan]) -> None:
    course = {at: len(failed(documents)) for _, at, documents in scans}
    weekly = [count for at, count in course.items() if at not in {INCIDENT, MENDED}]
    assert weekly[0] > 1.4 * weekly[-1]
    assert all(after < before + 5 for before, after in itertools.pairwise(weekly))
    times = list(course)
    before = course[times[times.index(INCIDENT) - 1]]
    assert course[INCIDENT] == before + 6
    assert course[MENDED] == before


def test_the_incident_is_about_the_payment_service(scans: list[DemoScan]) -> None:
    (before,) = (documents for _, at, documents in scans if at == INCIDENT.replace(month=10, day=31, hour=3))
    (then,) = (documents for _, at, documents in scans if at == INCIDENT)
    fine = {one["Id"] for one in before if one["Compliance"]["Status"] == "PASSED"}
    hurt = [one for one in failed(then) if one["Id"] in fine]
    assert {one["Severity"]["Label"] for one in hurt} == {"CRITICAL", "HIGH"}
    assert {one["UpdatedAt"] for one in hurt} == {"2026-11-01T12:00:00.000Z"}
    assert len(hurt) == 6
    assert all(re.search("payment|checkout", one["Resources"][0]["Id"]) for one in hurt)


def test_what_does_not_change_is_the_same_version(scans: list[DemoScan]) -> None:
    versions: dict[str, dict[str, str]] = {}
    for _, _, documents in scans:
        for one in documents:
            seen = versions.setdefault(one["Id"], {})
            assert (
                seen.setdefault(one["UpdatedAt"], one["Compliance"]["Status"]) == one["Compliance"]["Status"]
            )
    for seen in versions.values():
        states = list(seen.values())
        assert all(before != after for before, after in itertools.pairwise(states))
    again = [list(seen.values()) for seen in versions.values()]
    assert sum(states[-3:] == ["FAILED", "PASSED", "FAILED"] for states in again) >= 2


def test_adding_them_again_adds_nothing(store: FindingsStore, scans: list[DemoScan]) -> None:
    assert add_demo_findings(store, END) == len(scans[-1][2])
    before = store.since(0, 10_000), store.scans(), store.revision()
    assert len(before[1]) == len(scans)
    assert {(scan.by, scan.name) for scan, _ in before[1]} == {(BY, name) for name, _, _ in scans}
    assert add_demo_findings(store, END) == 0
    assert (store.since(0, 10_000), store.scans(), store.revision()) == before


def test_people_have_worked_on_some(filled: FindingsStore) -> None:
    rows = filled.since(0, 10_000)
    status = Counter(row.workflow.status for row in rows)
    assert 3 <= status[Status.SUPPRESSED] <= 20
    assert 3 <= status[Status.NOTIFIED] <= 20
    assert status[Status.RESOLVED] == 6
    now = END.timestamp() * 1_000_000
    quiet = [row.workflow for row in rows if row.workflow.status is Status.SUPPRESSED]
    assert all(one.reason and one.until and one.until > now for one in quiet)
    assert all(row.workflow.assignee for row in rows if row.workflow.status is Status.NOTIFIED)
    assert sum(bool(row.workflow.note) for row in rows) >= 5
    assert {entry.by for row in rows for entry in filled.history(row.key)} >= {BY}


def test_nobody_is_told_of_them_but_of_others(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    add_demo_findings(store, END)
    assert [alert.key for alert in store.alerts(1000)] == [finding().key]


def test_what_people_changed_since_stays(store: FindingsStore) -> None:
    add_demo_findings(store, END)
    row = next(row for row in store.since(0, 10_000) if row.workflow.status is Status.SUPPRESSED)
    store.change({row.key: row.workflow.version}, Change(Status.NEW), "ann", row.updated)
    add_demo_findings(store, END)
    assert store.rows([row.key])[0].workflow.status is Status.NEW


def test_the_trend_shows_the_bump(filled: FindingsStore) -> None:
    index = FindingIndex(filled)
    days = [int((INCIDENT + timedelta(days=day)).timestamp() * 1_000_000) for day in (-1, 1, 5)]
    critical = index.trend(index.select(Wanted("all"), days[-1], {}), days)[:, 0].tolist()
    assert critical[1] == critical[0] + 2
    assert critical[2] == critical[0]
