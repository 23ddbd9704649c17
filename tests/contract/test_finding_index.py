"""The index of findings against plain loops over the same rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.embedded.findings import EmbeddedFindings
from data_access.finding_index import FIELDS, SEVERITIES, SORTS, FindingIndex, Group, Wanted
from data_access.findings import Change, Compliance, Row, Severity, Status
from data_access.model import UsageError
from tests.findings import DAY, MONDAY, SCAN, finding, passed

NOW = MONDAY + 30 * DAY
TARGETS = {severity: (1 + place) * 7 * DAY for place, severity in enumerate(SEVERITIES)}

FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from("abcdef"),
        st.integers(0, 25).map(lambda day: MONDAY + day * DAY),
        severity=st.sampled_from(SEVERITIES),
        compliance=st.sampled_from(Compliance),
        title=st.sampled_from(["Buckets", "Users", "Straße"]),
        account=st.sampled_from(["1", "2"]),
        region=st.sampled_from(["eu-west-1", ""]),
        standards=st.sampled_from([(), ("CIS",), ("CIS", "PCI")]),
    ),
    max_size=12,
)
CHANGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(Status)), max_size=4)
WANTED = st.builds(
    Wanted,
    st.sampled_from(["open", "passed", "suppressed", "resolved", "all"]),
    st.sampled_from(
        [
            (),
            (("severity", ("HIGH", "LOW")),),
            (("account", ("1",)), ("region", ("",))),
            (("standard", ("PCI",)),),
            (("title", ("nothing",)),),
        ]
    ),
    st.sampled_from(["", "BUCK", "strasse", ":::a"]),
    st.sampled_from([None, MONDAY + 5 * DAY]),
    st.sampled_from([None, MONDAY + 15 * DAY]),
    st.booleans(),
)


def filled(store: EmbeddedFindings, findings: list[Any], changes: list[tuple[str, Status]]) -> list[Row]:
    store.store(SCAN, findings)
    for number, (name, status) in enumerate(changes):
        known = store.get(finding(name).key)
        if known is not None:
            reason = "why" if status is Status.SUPPRESSED else ""
            version = {known.row.key: known.row.workflow.version}
            store.change(version, Change(status, reason=reason), "ann", MONDAY + (26 + number) * DAY)
    return store.since(0, 1000)


def is_wanted(row: Row, wanted: Wanted) -> bool:
    """The definition."""
    states = {
        "open": row.opened is not None,
        "passed": row.compliance is Compliance.PASSED,
        "suppressed": row.workflow.status is Status.SUPPRESSED,
        "resolved": row.workflow.status is Status.RESOLVED,
        "all": True,
    }
    opened = row.opened
    return (
        states[wanted.state]
        and all(not set(values).isdisjoint(values_of(row, name)) for name, values in wanted.values)
        and any(
            wanted.text.casefold() in text.casefold() for text in (row.title, row.control, row.resource_id)
        )
        and (wanted.opened_from is None or (opened is not None and opened >= wanted.opened_from))
        and (wanted.opened_before is None or (opened is not None and opened < wanted.opened_before))
        and (not wanted.overdue or (opened is not None and opened + TARGETS[row.severity] < NOW))
    )


def values_of(row: Row, name: str) -> tuple[str, ...]:
    if name == "standard":
        return row.standards or ("",)
    return (str(getattr(row, {"resource": "resource_id"}.get(name, name))),)


@settings(max_examples=150, deadline=None)
@given(findings=FINDINGS, changes=CHANGES, wanted=WANTED)
def test_what_is_selected_grouped_and_drawn_is_what_loops_find(
    tmp_path_factory: pytest.TempPathFactory,
    findings: list[Any],
    changes: list[tuple[str, Status]],
    wanted: Wanted,
) -> None:
    store = EmbeddedFindings(tmp_path_factory.mktemp("index") / "findings.db")
    index = FindingIndex(store)
    rows = filled(store, findings, changes)
    expected = [row for row in rows if is_wanted(row, wanted)]
    selected = index.select(wanted, NOW, TARGETS)
    keys = index.page(selected, "severity", down=True, start=0, count=1000)
    ranked = sorted(expected, key=lambda row: (SEVERITIES.index(row.severity), -row.updated, row.key))
    assert keys == [row.key for row in ranked]
    for start in range(0, len(keys) + 1, 2):
        assert index.page(selected, "severity", down=True, start=start, count=2) == keys[start : start + 2]
    for name in ("severity", "account", "standard"):
        found = {group.value: group for group in index.groups(selected, name)}
        values = Counter(value for row in expected for value in values_of(row, name))
        assert {value: group.findings for value, group in found.items()} == values
        for value, group in found.items():
            of_value = [row for row in expected if value in values_of(row, name)]
            assert group.problems == sum(row.problem for row in of_value)
            assert group.passed == sum(row.compliance is Compliance.PASSED for row in of_value)
            opened = Counter(row.severity for row in of_value if row.opened is not None)
            assert group.open_by_severity == tuple(opened[severity] for severity in SEVERITIES)
    times = [MONDAY + day * DAY for day in range(0, 32, 3)]
    drawn = index.trend(selected, times)
    for line, at in enumerate(times):
        opened = Counter(
            row.severity
            for row in expected
            for span in row.spans
            if span.opened <= at and (span.closed is None or span.closed > at)
        )
        assert list(drawn[line]) == [opened[severity] for severity in SEVERITIES]


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedFindings:
    return EmbeddedFindings(tmp_path / "findings.db")


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_has_all_both_ways(store: EmbeddedFindings, sort: str) -> None:
    store.store(SCAN, [finding(name, MONDAY + ord(name), title=name.upper()) for name in "cabd"])
    index = FindingIndex(store)
    rows = index.select(Wanted(), NOW, TARGETS)
    up = index.page(rows, sort, down=False, start=0, count=9)
    down = index.page(rows, sort, down=True, start=0, count=9)
    assert set(up) == set(down) == {finding(name).key for name in "abcd"}
    if sort in {"title", "updated", "opened"}:
        assert up == [finding(name).key for name in "abcd"]
        assert down == up[::-1]


def test_changes_are_seen_at_once(store: EmbeddedFindings) -> None:
    index = FindingIndex(store)
    assert len(index.select(Wanted(), NOW, TARGETS)) == 0
    store.store(SCAN, [finding()])
    assert len(index.select(Wanted(), NOW, TARGETS)) == 1
    store.store(SCAN, [passed(updated=MONDAY + 1)])
    assert len(index.select(Wanted(), NOW, TARGETS)) == 0
    assert len(index.select(Wanted("passed"), NOW, TARGETS)) == 1


def test_a_score_is_what_passed_of_what_was_judged() -> None:
    assert Group("a", 5, 3, 1, (0, 1, 0, 0, 0)).score == 75
    assert Group("a", 5, 0, 0, (0, 0, 0, 0, 0)).score is None


def test_what_there_is_not_is_refused(store: EmbeddedFindings) -> None:
    store.store(SCAN, [finding()])
    index = FindingIndex(store)
    with pytest.raises(UsageError, match="it takes open, passed"):
        index.select(Wanted("closed"), NOW, TARGETS)
    with pytest.raises(UsageError, match="there are severity"):
        index.select(Wanted(values=(("colour", ("red",)),)), NOW, TARGETS)
    with pytest.raises(UsageError, match="it takes severity"):
        index.page(index.select(Wanted(), NOW, TARGETS), "colour", down=True, start=0, count=1)
    assert "standard" in FIELDS
    assert Severity.LOW in SEVERITIES
