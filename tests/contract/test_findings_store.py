"""The FindingsStore port: versions in any order, workflow apart, reopening, history, scans and alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.embedded.findings import EmbeddedFindings
from data_access.findings import (
    Change,
    Compliance,
    Finding,
    Row,
    Scan,
    Severity,
    Span,
    Status,
    Stored,
    Version,
    Workflow,
    epochs,
    open_spans,
    version_of,
)
from data_access.model import UsageError
from data_access.ports import FindingsStore
from tests.depth import examples
from tests.finding_stores import FEW, ONCE, Stores
from tests.findings import DAY, MONDAY, SCAN, finding, passed

MUTE = Change(Status.SUPPRESSED, reason="a test bucket")


def row(store: FindingsStore, name: str = "a") -> Row:
    kept = store.get(finding(name).key)
    assert kept is not None
    return kept.row


def change(store: FindingsStore, change: Change, name: str = "a", at: int = MONDAY + DAY // 2) -> Any:
    found = row(store, name)
    return store.change({found.key: found.workflow.version}, change, "ann", at)


def test_what_is_stored_comes_back(store: FindingsStore) -> None:
    one = finding(title="<b>Ünïcode</b>\n", flags=("GeneratorId is missing",))
    assert store.store(SCAN, [one, one, finding("b")]) == Stored(new=2, same=1)
    kept = store.get(one.key)
    assert kept is not None
    assert kept.finding == one
    assert (kept.row.title, kept.row.flagged, kept.row.workflow) == (one.title, True, Workflow())
    assert store.get("no key") is None


def test_the_newest_version_is_on_top_whatever_comes_last(store: FindingsStore) -> None:
    old, new = finding(title="Old"), finding(updated=MONDAY + 1, title="New")
    assert store.store(SCAN, [new]) == Stored(new=1)
    assert store.store(SCAN, [old]) == Stored(older=1)
    assert row(store).title == "New"
    assert store.store(SCAN, [finding(updated=MONDAY + 2, title="Newer")]) == Stored(newer=1)
    assert row(store).title == "Newer"


def test_of_equal_times_the_greater_digest_is_newer(new_store: Stores) -> None:
    pair = sorted([finding(title="One"), finding(title="Two")], key=lambda one: one.digest)
    for order in (pair, pair[::-1]):
        store = new_store()
        store.store(SCAN, order)
        assert row(store).title == pair[1].title


def test_a_failed_store_keeps_nothing(store: FindingsStore) -> None:
    broken = replace(finding("b"), title=None)
    with pytest.raises(Exception, match=r"NOT NULL|Expected `str`, got `null`"):
        store.store(SCAN, [finding(), broken])
    assert store.get(finding().key) is None
    assert store.scans() == []


def test_workflow_changes_by_compare_and_set(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    before = row(store)
    done = store.change({before.key: 0}, Change(Status.NOTIFIED, "bob", "on it"), "ann", MONDAY + 5)
    assert (done.done, done.same, done.conflicts) == (1, 0, ())
    assert row(store).workflow == Workflow(Status.NOTIFIED, "bob", "on it", version=1)
    late = store.change({before.key: 0, "nothing": 0}, Change(assignee="eve"), "eve", MONDAY + 6)
    assert (late.done, late.conflicts) == (0, (before.key, "nothing"))
    assert store.change({before.key: 1}, Change(assignee="bob"), "ann", MONDAY + 7).same == 1
    assert row(store).workflow.version == 1
    assert row(store).revision > before.revision


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Change(Status.SUPPRESSED), "needs a reason"),
        (Change(Status.RESOLVED, reason="why"), "only muting"),
        (Change(Status.SUPPRESSED, reason="x", until=MONDAY), "in the past"),
        (Change(note="x" * 4001), "longer than 4,000"),
        (Change(assignee="x" * 201), "at most 200"),
    ],
)
def test_changes_that_cannot_be_are_refused(store: FindingsStore, wrong: Change, message: str) -> None:
    store.store(SCAN, [finding()])
    with pytest.raises(UsageError, match=message):
        change(store, wrong)
    assert row(store).workflow == Workflow()


def test_workflow_survives_every_import(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    change(store, replace(MUTE, assignee="bob", note="asked the owner"))
    muted = row(store).workflow
    store.store(SCAN, [finding(updated=MONDAY + DAY, title="New words"), passed(updated=MONDAY + 2 * DAY)])
    store.store(SCAN, [finding(updated=MONDAY + 3 * DAY), finding()])
    assert row(store).workflow == muted
    assert row(store).epoch == 2, "it opened again, but stays quiet"


def test_a_problem_that_comes_back_reopens_what_was_resolved(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    change(store, Change(Status.RESOLVED))
    store.store(SCAN, [finding(updated=MONDAY + DAY)])
    assert row(store).workflow.status is Status.RESOLVED, "it never passed in between"
    store.store(SCAN, [passed(updated=MONDAY + 2 * DAY)])
    assert row(store).workflow.status is Status.RESOLVED
    store.store(SCAN, [finding(updated=MONDAY + 3 * DAY)])
    assert (row(store).workflow.status, row(store).epoch) == (Status.NEW, 2)
    assert row(store).spans == (Span(MONDAY, MONDAY + DAY // 2), Span(MONDAY + 3 * DAY, None))
    assert row(store).opened == MONDAY + 3 * DAY


def test_suppressions_end_when_they_were_to(store: FindingsStore) -> None:
    store.store(SCAN, [finding(), finding("b")])
    end = MONDAY + 3 * DAY
    change(store, replace(MUTE, until=end))
    change(store, MUTE, "b")
    assert store.unmute(end - 1) == 0
    assert store.unmute(end) == 1
    assert row(store).workflow == Workflow(version=2)
    assert row(store).spans == (Span(MONDAY, MONDAY + DAY // 2), Span(end, None))
    assert row(store, "b").workflow.status is Status.SUPPRESSED


def test_a_change_can_be_undone_where_nobody_went_on(store: FindingsStore) -> None:
    store.store(SCAN, [finding(), finding("b"), finding("c")])
    change(store, Change(Status.NOTIFIED), "b")
    versions = {row(store, name).key: row(store, name).workflow.version for name in "abc"}
    bulk = store.change(versions, MUTE, "ann", MONDAY + DAY)
    change(store, Change(note="no!"), "c", MONDAY + 2 * DAY)
    undone = store.undo(bulk.number, "ann", MONDAY + 3 * DAY)
    assert (undone.done, undone.conflicts) == (2, (row(store, "c").key,))
    assert [row(store, name).workflow.status for name in "abc"] == [
        Status.NEW,
        Status.NOTIFIED,
        Status.SUPPRESSED,
    ]
    assert row(store).opened == MONDAY  # as if it had never been muted
    again = store.undo(undone.number, "ann", MONDAY + 4 * DAY)
    assert again.done == 2
    assert row(store).workflow.status is Status.SUPPRESSED
    assert row(store).spans == (Span(MONDAY, MONDAY + 4 * DAY),)
    assert store.undo(again.number, "ann", MONDAY + 5 * DAY).done == 2
    assert row(store).spans == (Span(MONDAY, None),)


def test_history_says_who_did_what_when(store: FindingsStore) -> None:
    store.store(SCAN, [finding(), passed(updated=MONDAY + DAY)])
    change(store, replace(MUTE, note="quiet"))
    first, second, third = store.history(row(store).key)
    assert (first.at, first.by, first.after["problem"]) == (MONDAY + DAY, "provider", False)
    assert (second.by, second.before["status"], second.after["status"]) == ("ann", "NEW", "SUPPRESSED")
    assert (second.after["reason"], second.after["note"]) == ("a test bucket", "quiet")
    assert (third.at, third.before, third.after["problem"]) == (MONDAY, {}, True)


def test_findings_are_found_by_id_and_key(store: FindingsStore) -> None:
    other = finding(product="guardduty")
    store.store(SCAN, [finding(), other, finding("b")])
    assert store.named("a") == sorted([finding().key, other.key])
    assert store.named("nobody") == []
    wanted = [finding("b").key, "no key", finding().key]
    assert [found.id for found in store.rows(wanted)] == ["b", "a"]


def test_scans_know_their_findings(store: FindingsStore) -> None:
    tuesday = Scan("scan-2", "tuesday.json", MONDAY + DAY, "bob")
    store.store(SCAN, [finding(), passed("b")])
    store.store(tuesday, [passed(updated=MONDAY + DAY), finding("c")])
    store.store(tuesday, [passed(updated=MONDAY + DAY), finding("c")])
    assert store.scans() == [(tuesday, 2), (SCAN, 2)]
    assert store.of_scan("scan-1") == {finding().key: True, finding("b").key: False}
    assert store.of_scan("scan-2") == {finding().key: False, finding("c").key: True}


def test_what_changed_since_a_revision(store: FindingsStore) -> None:
    store.store(SCAN, [finding(), finding("b")])
    seen = store.revision()
    assert [found.revision for found in store.since(0, 10)] == [seen - 1, seen]
    assert len(store.since(0, 1)) == 1
    assert store.since(seen, 10) == []
    store.store(SCAN, [finding()])
    assert store.revision() == seen, "nothing was new"
    change(store, MUTE)
    assert [found.workflow.status for found in store.since(seen, 10)] == [Status.SUPPRESSED]


def test_an_alert_for_every_time_a_bad_one_opens(store: FindingsStore) -> None:
    store.store(SCAN, [finding(), finding("low", severity=Severity.LOW), passed("ok")])
    (alert,) = store.alerts(10)
    assert (alert.key, alert.epoch, alert.severity, alert.attempts) == (row(store).key, 1, Severity.HIGH, 0)
    store.alerted([alert], "no answer")
    assert store.alerts(10) == [replace(alert, attempts=1)]
    store.alerted([alert], None)
    assert store.alerts(10) == []
    store.store(SCAN, [finding(), finding(updated=MONDAY + 1, title="Still")])
    assert store.alerts(10) == [], "it is open as before"
    store.store(SCAN, [passed(updated=MONDAY + 2), finding(updated=MONDAY + 3)])
    assert [found.epoch for found in store.alerts(10)] == [2]


def test_nobody_is_alerted_of_what_is_suppressed(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    change(store, replace(MUTE, until=MONDAY + DAY))
    assert store.alerts(10) == []
    store.unmute(MONDAY + DAY)
    assert len(store.alerts(10)) == 1


def test_another_process_sees_it_at_once(tmp_path: Path) -> None:
    one, other = (EmbeddedFindings(tmp_path / "findings.db") for _ in range(2))
    one.store(SCAN, [finding()])
    assert row(other) == row(one)
    change(other, MUTE)
    assert row(one).workflow.status is Status.SUPPRESSED


def test_a_change_in_pieces_has_one_number(store: FindingsStore) -> None:
    store.store(SCAN, [finding(name) for name in "dcba"])
    keys = [row(store, name).key for name in "cabd"]
    seen = store.revision()
    first = store.change(dict.fromkeys(keys[:3], 0), MUTE, "ann", MONDAY + DAY)
    more = store.change({keys[3]: 0}, MUTE, "ann", MONDAY + DAY, first.number)
    assert (more.number, more.done) == (first.number, 1)
    assert store.changed_by(first.number) == keys
    assert [found.key for found in store.since(seen, 10)] == keys, "in the order they were changed"
    undone = store.undo(first.number, "ann", MONDAY + 2 * DAY, keys=[keys[3], keys[0], "no such key"])
    assert (undone.done, undone.conflicts) == (2, ())
    assert [row(store, name).workflow.status for name in "cd"] == [Status.NEW] * 2
    assert [row(store, name).workflow.status for name in "ab"] == [Status.SUPPRESSED] * 2
    rest = store.undo(first.number, "ann", MONDAY + 2 * DAY, keys[1:3], undone.number)
    assert (rest.number, rest.done) == (undone.number, 2)
    assert sorted(store.changed_by(undone.number)) == sorted(keys)
    assert row(store).workflow.version == 2, "never the same version with another content"
    assert store.undo(undone.number, "ann", MONDAY + 3 * DAY).done == 4
    assert row(store).workflow.status is Status.SUPPRESSED


def test_only_a_change_that_was_begun_goes_on(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    with pytest.raises(UsageError, match="no change 7"):
        store.change({row(store).key: 0}, MUTE, "ann", MONDAY + DAY, 7)
    with pytest.raises(UsageError, match="no change 7"):
        store.undo(1, "ann", MONDAY + DAY, undoing=7)
    assert store.changed_by(7) == []
    begun = store.change({}, MUTE, "ann", MONDAY + DAY)
    assert (begun.done, begun.conflicts) == (0, ())
    assert store.change({row(store).key: 0}, MUTE, "ann", MONDAY + DAY, begun.number).done == 1


def test_readers_wait_for_no_writer(store: FindingsStore) -> None:
    store.store(SCAN, [finding()])
    known, changed = row(store), change(store, Change(note="mine"))
    is_writing, go_on = Event(), Event()

    class Slow(list[Finding]):
        def __iter__(self) -> Iterator[Finding]:
            yield finding("b")
            is_writing.set()
            assert go_on.wait(60)
            yield finding("c")

    writer = Thread(target=store.store, args=(SCAN, Slow()))
    answers: list[Any] = []

    def read() -> None:
        answers.append([found.id for found in store.since(0, 10)])
        answers.extend([store.get(finding("b").key), store.named("b"), store.rows([finding("b").key])])
        answers.extend([store.scans(), len(store.of_scan(SCAN.id)), store.changed_by(changed.number)])
        answers.extend([store.revision(), len(store.history(known.key)), len(store.alerts(10))])
        answers.extend([store.whole(finding("b").key), store.closed_before(MONDAY + DAY, "", 9)])

    reader = Thread(target=read)
    revision = store.revision()
    writer.start()
    assert is_writing.wait(60)
    try:
        reader.start()
        reader.join(20)
        assert not reader.is_alive(), "it waits for the writer"
    finally:
        go_on.set()
        writer.join(60)
        reader.join(60)
    assert answers == [["a"], None, [], [], [(SCAN, 1)], 1, [known.key], revision, 2, 1, None, []]
    assert [found.id for found in store.since(0, 10)] == ["a", "b", "c"]


VERSIONS = st.lists(
    st.builds(
        lambda name, day, compliance, title, active, severity: finding(
            name, MONDAY + day * DAY, compliance=compliance, title=title, active=active, severity=severity
        ),
        st.sampled_from("abc"),
        st.integers(0, 4),
        st.sampled_from([Compliance.FAILED, Compliance.PASSED, Compliance.WARNING]),
        st.sampled_from(["One", "Two"]),
        st.booleans(),
        st.sampled_from([Severity.HIGH, Severity.LOW]),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=examples(100, 400), deadline=None)
@given(data=st.data(), versions=VERSIONS)
def test_order_and_repetition_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, versions: list[Finding]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    there, here = EmbeddedFindings(folder / "there.db"), EmbeddedFindings(folder / "here.db")
    check_order_and_repetition(there, here, data, versions)


@settings(max_examples=FEW, deadline=None, phases=ONCE)
@given(data=st.data(), versions=VERSIONS)
def test_order_and_repetition_change_nothing_in_dynamodb(
    new_in_dynamodb: Stores,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    versions: list[Finding],
) -> None:
    there = EmbeddedFindings(tmp_path_factory.mktemp("order") / "there.db")
    check_order_and_repetition(there, new_in_dynamodb(), data, versions)


def check_order_and_repetition(
    there: FindingsStore, here: FindingsStore, data: st.DataObject, versions: list[Finding]
) -> None:
    there.store(SCAN, versions)
    shuffled = data.draw(st.permutations(versions + data.draw(st.lists(st.sampled_from(versions)))))
    for part in parts(shuffled, data.draw(st.integers(1, 4))):
        here.store(SCAN, part)
    assert state(here) == state(there)
    change_all(here)
    before = state(here)
    again = data.draw(st.permutations(versions))
    assert here.store(SCAN, again) == Stored(same=len(versions))
    assert state(here) == before


def parts(findings: Sequence[Finding], count: int) -> list[Sequence[Finding]]:
    size = -(-len(findings) // count)
    return [findings[start : start + size] for start in range(0, len(findings), size)]


def change_all(store: FindingsStore) -> None:
    versions = {found.key: found.workflow.version for found in store.since(0, 100)}
    store.change(versions, replace(MUTE, note="kept"), "ann", MONDAY + 9 * DAY)


def state(store: FindingsStore) -> Any:
    """All there is, revisions apart."""
    found = sorted(store.since(0, 100), key=lambda one: one.key)
    rows = [one._replace(revision=0) for one in found]
    kept = [(kept.finding, store.history(kept.row.key)) for one in found if (kept := store.get(one.key))]
    return rows, kept, store.alerts(100), store.scans(), store.of_scan(SCAN.id)


CHANGES = st.builds(
    lambda status, note: Change(status, note=note, reason="why" if status is Status.SUPPRESSED else ""),
    st.sampled_from([None, *Status]),
    st.sampled_from([None, "", "mine"]),
)
PEOPLE = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abcd"), st.sampled_from([0, 0, 0, 1]), min_size=1),
        CHANGES | st.none(),
        st.integers(0, 6),
    ),
    max_size=6,
)
"""Changes of some findings, in that order, some of them not in the version they have; None undoes one."""


@settings(max_examples=examples(50, 100), deadline=None)
@given(versions=VERSIONS, people=PEOPLE, data=st.data())
def test_many_at_a_time_come_to_the_same_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    versions: list[Finding],
    people: list[tuple[dict[str, int], Change | None, int]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("bulk")
    bulk, single = EmbeddedFindings(folder / "bulk.db"), EmbeddedFindings(folder / "single.db")
    check_many_at_a_time(bulk, single, versions, people, data)


@settings(max_examples=FEW, deadline=None, phases=ONCE)
@given(versions=VERSIONS, people=PEOPLE, data=st.data())
def test_many_at_a_time_come_to_the_same_in_dynamodb(
    new_in_dynamodb: Stores,
    tmp_path_factory: pytest.TempPathFactory,
    versions: list[Finding],
    people: list[tuple[dict[str, int], Change | None, int]],
    data: st.DataObject,
) -> None:
    single = EmbeddedFindings(tmp_path_factory.mktemp("bulk") / "single.db")
    check_many_at_a_time(new_in_dynamodb(), single, versions, people, data)


def check_many_at_a_time(
    bulk: FindingsStore,
    single: FindingsStore,
    versions: list[Finding],
    people: list[tuple[dict[str, int], Change | None, int]],
    data: st.DataObject,
) -> None:
    bulk.store(SCAN, versions)
    single.store(SCAN, versions)
    for names, wanted, day in people:
        at, seen, seen_single = MONDAY + day * DAY, bulk.revision(), single.revision()
        if wanted is None:
            number = data.draw(st.integers(1, 6))
            keys = bulk.changed_by(number)
            assert single.changed_by(number) == keys
            all_at_once = bulk.undo(number, "ann", at)
            begun = single.undo(number, "ann", at, [])
            pieces = [single.undo(number, "ann", at, [key], begun.number) for key in keys]
        else:
            wanted_versions = {finding(name).key: found for name, found in as_it_is(bulk, names).items()}
            all_at_once = bulk.change(wanted_versions, wanted, "ann", at)
            begun = single.change({}, wanted, "ann", at)
            pieces = [
                single.change({key: version}, wanted, "ann", at, begun.number)
                for key, version in wanted_versions.items()
            ]
        assert all_at_once.done == sum(piece.done for piece in pieces)
        assert all_at_once.same == sum(piece.same for piece in pieces)
        assert all_at_once.conflicts == tuple(key for piece in pieces for key in piece.conflicts)
        assert all_at_once.number == begun.number
        assert state(bulk) == state(single)
        marked = [found.key for found in bulk.since(seen, 100)]
        assert marked == [found.key for found in single.since(seen_single, 100)]
    assert_spans_follow(bulk)


def as_it_is(store: FindingsStore, names: dict[str, int]) -> dict[str, int]:
    """The versions the workflows have, plus what they are to be off."""
    found = {one.id: one.workflow.version for one in store.since(0, 100)}
    return {name: found.get(name, 0) + off for name, off in names.items()}


def assert_spans_follow(store: FindingsStore) -> None:
    for found in store.since(0, 100):
        whole = store.whole(found.key)
        assert whole is not None
        statuses = [
            (one.at, one.after.status)
            for one in whole.changes
            if one.counts and one.before.status is not one.after.status
        ]
        spans = open_spans([version_of(version) for version in whole.versions], statuses)
        assert found.spans == tuple(spans)


@given(
    versions=st.lists(st.booleans(), max_size=8),
    workflow=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(Status)), max_size=5),
)
def test_spans_are_open_exactly_while_it_is(versions: list[bool], workflow: list[tuple[int, Status]]) -> None:
    problems = [Version(at, "", problem, Severity.LOW) for at, problem in enumerate(versions)]
    changes = sorted(workflow, key=lambda one: one[0])
    spans = open_spans(problems, changes)
    for at in range(11):
        problem = next((one.problem for one in reversed(problems) if one.at <= at), False)
        status = next((value for time, value in reversed(changes) if time <= at), Status.NEW)
        wanted = problem and status not in {Status.SUPPRESSED, Status.RESOLVED}
        assert wanted == any(
            span.opened <= at and (span.closed is None or at < span.closed) for span in spans
        )
    assert all(one.closed is not None and one.closed <= two.opened for one, two in pairwise(spans))
    starts = sum(now and not before for before, now in zip([False, *versions], versions, strict=False))
    assert len(epochs(problems)) == starts
