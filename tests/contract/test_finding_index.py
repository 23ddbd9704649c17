"""The index of findings against plain loops over the same rows."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.embedded.findings import EmbeddedFindings
from data_access.finding_index import FIELDS, SEVERITIES, SORTS, Ages, FindingIndex, Group, Wanted
from data_access.findings import Change, Compliance, Row, Severity, Status
from data_access.model import UsageError
from data_access.ports import FindingsStore
from tests.depth import examples
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
        standards=st.sampled_from([(), ("CIS",), ("CIS", "PCI"), ("PCI", "CIS", "PCI")]),
        resource_id=st.sampled_from([":::a", ":::b", ":::c"]),
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
    st.sampled_from([None, frozenset(), frozenset({finding("a").key, finding("b").key, "no such key"})]),
)


def filled(store: FindingsStore, findings: list[Any], changes: list[tuple[str, Status]]) -> list[Row]:
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
        and (wanted.keys is None or row.key in wanted.keys)
        and (not wanted.overdue or (opened is not None and opened + TARGETS[row.severity] < NOW))
    )


def values_of(row: Row, name: str) -> tuple[str, ...]:
    if name == "standard":
        return tuple(dict.fromkeys(row.standards)) or ("",)
    return (str(getattr(row, {"resource": "resource_id"}.get(name, name))),)


@settings(max_examples=examples(75, 150), deadline=None)
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
    for name in ("severity", "account", "standard", "resource"):
        groups = index.groups(selected, name)
        for most in range(len(groups) + 2):
            assert index.groups(selected, name, most) == groups[:most]
        found = {group.value: group for group in groups}
        values = Counter(value for row in expected for value in values_of(row, name))
        assert {value: group.findings for value, group in found.items()} == values
        for value, group in found.items():
            of_value = [row for row in expected if value in values_of(row, name)]
            assert group.problems == sum(row.problem for row in of_value)
            assert group.passed == sum(row.compliance is Compliance.PASSED for row in of_value)
            opened = Counter(row.severity for row in of_value if row.opened is not None)
            assert group.open_by_severity == tuple(opened[severity] for severity in SEVERITIES)
            assert group.resources == len({row.resource_id for row in of_value})
            assert group.problem_resources == len({row.resource_id for row in of_value if row.problem})
    assert index.versions(selected) == {row.key: row.workflow.version for row in expected}
    assert index.ages(selected, NOW, TARGETS) == [ages_of(expected, severity) for severity in SEVERITIES]
    times = [MONDAY + day * DAY for day in range(0, 32, 3)]
    drawn, flow = index.trend(selected, times), index.flow(selected, times)
    spans = [(row.severity, span) for row in expected for span in row.spans]
    for line, at in enumerate(times):
        opened = Counter(
            severity
            for severity, span in spans
            if span.opened <= at and (span.closed is None or span.closed > at)
        )
        assert list(drawn[line]) == [opened[severity] for severity in SEVERITIES]
    assert len(flow.opened) == len(flow.closed) == len(times) - 1
    for line, (begin, end) in enumerate(pairwise(times)):
        begun = Counter(severity for severity, span in spans if begin <= span.opened < end)
        ended = Counter(
            severity for severity, span in spans if span.closed is not None and begin <= span.closed < end
        )
        assert list(flow.opened[line]) == [begun[severity] for severity in SEVERITIES]
        assert list(flow.closed[line]) == [ended[severity] for severity in SEVERITIES]


def ages_of(rows: list[Row], severity: Severity) -> Ages:
    """The definition."""
    ages = [NOW - row.opened for row in rows if row.severity is severity and row.opened is not None]
    if not ages:
        return Ages(severity, 0, 0, None, None)
    overdue = sum(age > TARGETS[severity] for age in ages)
    return Ages(severity, len(ages), overdue, int(median(ages)), max(ages))


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_has_all_both_ways(store: FindingsStore, sort: str) -> None:
    store.store(SCAN, [finding(name, MONDAY + ord(name), title=name.upper()) for name in "cabd"])
    index = FindingIndex(store)
    rows = index.select(Wanted(), NOW, TARGETS)
    up = index.page(rows, sort, down=False, start=0, count=9)
    down = index.page(rows, sort, down=True, start=0, count=9)
    assert set(up) == set(down) == {finding(name).key for name in "abcd"}
    if sort in {"title", "updated", "opened"}:
        assert up == [finding(name).key for name in "abcd"]
        assert down == up[::-1]


def test_changes_are_seen_at_once(store: FindingsStore) -> None:
    index = FindingIndex(store)
    assert len(index.select(Wanted(), NOW, TARGETS)) == 0
    store.store(SCAN, [finding()])
    assert len(index.select(Wanted(), NOW, TARGETS)) == 1
    store.store(SCAN, [passed(updated=MONDAY + 1)])
    assert len(index.select(Wanted(), NOW, TARGETS)) == 0
    assert len(index.select(Wanted("passed"), NOW, TARGETS)) == 1


def test_findings_are_found_by_key_while_they_are_there(store: FindingsStore) -> None:
    store.store(SCAN, [finding("a"), passed("b"), finding("c")])
    index = FindingIndex(store)
    keys = [finding("c").key, "no such key", finding("b").key, finding("c").key]
    assert set(index.versions(index.find(keys))) == {finding("b").key, finding("c").key}
    gone = store.whole(finding("b").key)
    assert gone is not None
    assert store.forget(gone)
    store.change({finding("c").key: 0}, Change(note="mine"), "ann", NOW)
    assert index.versions(index.find(keys)) == {finding("c").key: 1}
    assert index.versions(index.find([])) == {}


def test_nobody_is_assigned_where_the_assignee_is_empty(store: FindingsStore) -> None:
    store.store(SCAN, [finding("a"), finding("b")])
    store.change({finding("a").key: 0}, Change(assignee="bob"), "ann", NOW)
    index = FindingIndex(store)
    rows = index.select(Wanted(values=(("assignee", ("",)),)), NOW, TARGETS)
    assert list(index.versions(rows)) == [finding("b").key]


def test_what_is_over_its_target_is_overdue_and_nothing_is_younger_than_now(
    store: FindingsStore,
) -> None:
    store.store(SCAN, [finding("a"), finding("b", MONDAY + 28 * DAY), finding("c", MONDAY + 40 * DAY)])
    index = FindingIndex(store)
    high = index.ages(index.select(Wanted("all"), NOW, TARGETS), NOW, TARGETS)[1]
    assert high == Ages(Severity.HIGH, 3, 1, 2 * DAY, 30 * DAY)


class Endless(EmbeddedFindings):
    """A store that somebody writes to whenever it is read."""

    reads = 0

    def since(self, revision: int, limit: int) -> list[Row]:
        found = super().since(revision, limit)
        self.reads += 1
        assert self.reads < 10, "it reads for ever"
        self.store(SCAN, [finding(str(self.reads))])
        return found


def test_a_busy_writer_keeps_nobody_waiting(tmp_path: Path) -> None:
    store = Endless(tmp_path / "findings.db")
    store.store(SCAN, [finding()])
    index = FindingIndex(store)
    assert len(index.select(Wanted(), NOW, TARGETS)) == 1
    assert len(index.select(Wanted(), NOW, TARGETS)) == 2


class Halts(EmbeddedFindings):
    """A store that gives findings one by one, and halts at the second until it is let on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_second, self.go_on = Event(), Event()

    def since(self, revision: int, limit: int) -> list[Row]:
        if revision:
            self.is_second.set()
            assert self.go_on.wait(60)
        return super().since(revision, 1)


def test_what_is_known_can_be_asked_for_while_the_rest_comes_in(tmp_path: Path) -> None:
    store = Halts(tmp_path / "findings.db")
    store.store(SCAN, [finding("a"), finding("b")])
    index = FindingIndex(store)
    filling = Thread(target=index.refresh)
    filling.start()
    assert store.is_second.wait(60)
    try:
        first = np.array([0])
        assert index.versions(first) == {finding("a").key: 0}
        assert [group.value for group in index.groups(first, "resource")] == [finding("a").resource_id]
    finally:
        store.go_on.set()
        filling.join(60)
    assert len(index.select(Wanted(), NOW, TARGETS)) == 2


def test_a_score_is_what_passed_of_what_was_judged() -> None:
    assert Group("a", 5, 3, 1, (0, 1, 0, 0, 0), 4, 1).score == 75
    assert Group("a", 5, 0, 0, (0, 0, 0, 0, 0), 5, 0).score is None


def test_what_there_is_not_is_refused(store: FindingsStore) -> None:
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
