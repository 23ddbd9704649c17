"""The archive of findings: nothing leaves the store unverified, whatever fails, and everything comes back."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.archived import BrokenError
from data_access.embedded.findings import EmbeddedFindings
from data_access.embedded.objects import EmbeddedObjects
from data_access.finding_index import FindingIndex, Wanted
from data_access.findings import Change, Compliance, Finding, Scan, Severity, Span, Status, Stored
from data_access.model import UsageError
from data_access.ports import FindingsStore
from pipeline.findings.archive import Archiving, archive_closed, object_name, read, restore, search
from tests.depth import examples
from tests.finding_stores import FEW, ONCE, Stores
from tests.findings import DAY, MONDAY, SCAN, finding, passed

LATER = MONDAY + 200 * DAY
BEFORE = LATER - 90 * DAY
OLD = [finding(), finding(updated=MONDAY + DAY, title="Ünï\n<b>"), passed(updated=MONDAY + 2 * DAY)]
KEY = finding().key


@pytest.fixture
def objects(tmp_path: Path) -> EmbeddedObjects:
    return EmbeddedObjects(tmp_path / "archive")


def change(store: FindingsStore, wanted: Change, name: str = "a", at: int = MONDAY + DAY) -> int:
    kept = store.get(finding(name).key)
    assert kept is not None
    return store.change({kept.row.key: kept.row.workflow.version}, wanted, "ann", at).number


def all_of(store: FindingsStore) -> Any:
    kept = store.get(KEY)
    assert kept is not None
    as_it_was = replace(kept, row=kept.row._replace(revision=0))
    return (
        as_it_was,
        store.history(KEY),
        store.scans(),
        store.of_scan("scan-1"),
        store.alerts(9),
        store.whole(KEY),
    )


def versions(store: FindingsStore, objects: EmbeddedObjects) -> set[Finding]:
    """Every version there is, in the store or in a good object."""
    stored = [store.whole(row.key) for row in store.since(0, 1000) if not row.gone]
    kept = [found.whole for found in search(objects)]
    return {one for whole in (*stored, *kept) if whole is not None for one in whole.versions}


def test_what_is_archived_leaves_the_store_is_found_and_comes_back_as_it_was(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, OLD)
    store.store(Scan("scan-2", "b.json", MONDAY + DAY, "bob"), OLD[2:])
    change(store, Change(note="asked", assignee="bob"))
    taken_back = change(store, Change(Status.RESOLVED), at=MONDAY + DAY + 1)
    store.undo(taken_back, "ann", MONDAY + DAY + 2)
    number = change(store, Change(Status.NOTIFIED), at=MONDAY + 2 * DAY)
    store.alerted(store.alerts(9), "no answer")
    before = all_of(store)
    assert archive_closed(store, objects, BEFORE) == Archiving(archived=1)
    assert (store.get(KEY), store.whole(KEY), store.history(KEY), store.alerts(9)) == (None, None, [], [])
    assert store.of_scan("scan-1") == {}
    (found,) = search(objects, "ASKED")
    assert found.whole == before[-1]
    assert list(search(objects, "not in it")) == []
    assert restore(store, objects, KEY) == 3
    assert all_of(store) == before
    assert restore(store, objects, KEY) == 0
    assert all_of(store) == before
    assert store.undo(number, "ann", LATER).done == 1, "its changes can still be undone"


@pytest.mark.parametrize(
    ("findings", "wanted", "is_archived"),
    [
        ([finding()], None, False),
        ([finding()], Change(Status.NOTIFIED), False),
        ([finding()], Change(Status.SUPPRESSED, reason="quiet"), False),
        ([passed()], Change(Status.SUPPRESSED, reason="quiet"), False),
        ([finding()], Change(Status.RESOLVED), True),
        ([passed()], None, True),
        ([finding(active=False)], None, True),
        ([passed(updated=BEFORE - 1)], None, True),
        ([passed(updated=BEFORE)], None, False),
        ([passed(), finding(updated=BEFORE - 1)], None, False),
    ],
)
def test_only_what_is_closed_for_long_is_archived(
    store: FindingsStore,
    objects: EmbeddedObjects,
    findings: list[Finding],
    wanted: Change | None,
    is_archived: bool,
) -> None:
    store.store(SCAN, findings)
    if wanted:
        change(store, wanted)
    assert archive_closed(store, objects, BEFORE).archived == is_archived
    assert (store.get(KEY) is None) == is_archived


def test_what_people_changed_lately_stays(store: FindingsStore, objects: EmbeddedObjects) -> None:
    store.store(SCAN, [finding()])
    change(store, Change(Status.RESOLVED), at=BEFORE)
    assert archive_closed(store, objects, BEFORE) == Archiving()
    assert archive_closed(store, objects, BEFORE + 1) == Archiving(archived=1)


def test_what_has_an_alert_to_send_stays_while_alerts_are_sent(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, OLD)
    assert archive_closed(store, objects, BEFORE, sending=True) == Archiving(waiting=1)
    store.alerted(store.alerts(9), None)
    assert archive_closed(store, objects, BEFORE, sending=True) == Archiving(archived=1)


class Around:
    """A store or objects with something done before or after one of their verbs."""

    def __init__(
        self, inner: Any, verb: str, before: Callable[[], object], after: Callable[[], object]
    ) -> None:
        self._inner, self._verb, self._before, self._after = inner, verb, before, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        return self._call(real) if name == self._verb else real

    def _call(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._before()
            found = real(*arguments)
            self._after()
            return found

        return call


def nothing() -> None:
    """Does nothing."""


@pytest.mark.parametrize(
    "happens",
    [
        lambda store: store.store(SCAN, [finding(updated=LATER)]),
        lambda store: store.store(Scan("scan-2", "b.json", LATER, "bob"), [OLD[0]]),
        lambda store: change(store, Change(note="wait"), at=LATER),
        lambda store: store.alerted(store.alerts(9), None),
    ],
    ids=["version", "sighting", "note", "alert"],
)
@pytest.mark.parametrize("verb", ["whole", "forget"])
def test_what_changes_meanwhile_is_skipped(
    store: FindingsStore, objects: EmbeddedObjects, happens: Callable[[Any], object], verb: str
) -> None:
    store.store(SCAN, OLD)
    after = (lambda: happens(store)) if verb == "whole" else nothing
    before = (lambda: happens(store)) if verb == "forget" else nothing
    around: Any = Around(store, verb, before, after)
    assert archive_closed(around, objects, BEFORE) == Archiving(changed=1)
    whole = store.whole(KEY)
    assert whole is not None
    assert set(OLD) <= set(whole.versions)


def test_what_opens_before_it_is_read_is_not_archived(store: FindingsStore, objects: EmbeddedObjects) -> None:
    store.store(SCAN, OLD)
    around: Any = Around(store, "whole", lambda: store.store(SCAN, [finding(updated=LATER)]), nothing)
    assert archive_closed(around, objects, BEFORE) == Archiving(changed=1)
    assert list(objects.names("")) == []


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("verb", ["closed_before", "whole", "put_if_absent", "get", "forget"])
def test_a_crash_at_any_step_loses_no_version(
    store: FindingsStore, objects: EmbeddedObjects, verb: str, is_after: bool
) -> None:
    every = {*OLD, passed("b"), passed("c")}
    store.store(SCAN, sorted(every, key=lambda one: one.updated))

    def crash() -> None:
        raise KeyboardInterrupt

    hooks = (nothing, crash) if is_after else (crash, nothing)
    crashing: Any = Around(store, verb, *hooks)
    failing: Any = Around(objects, verb, *hooks)
    with pytest.raises(KeyboardInterrupt):
        archive_closed(crashing, failing, BEFORE)
    assert versions(store, objects) == every
    left = len([row for row in store.since(0, 9) if not row.gone])
    assert archive_closed(store, objects, BEFORE) == Archiving(archived=left)
    assert versions(store, objects) == every
    assert len(list(objects.names(""))) == 3, "what was written before is not written again"


def test_a_write_that_goes_wrong_leaves_the_finding(store: FindingsStore, objects: EmbeddedObjects) -> None:
    store.store(SCAN, OLD)
    whole = store.whole(KEY)
    assert whole is not None
    name = object_name(whole)
    objects.put_if_absent(name, gzip.compress(b"{}"))
    assert archive_closed(store, objects, BEFORE) == Archiving(broken=(name,))
    assert store.whole(KEY) == whole


def flipped(body: bytes) -> bytes:
    return body[:40] + bytes([body[40] ^ 1]) + body[41:]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (flipped, "cannot be unpacked|SHA-256"),
        (lambda body: body[:-20], "cannot be unpacked"),
        (lambda _body: b"", "SHA-256"),
        (lambda body: gzip.compress(gzip.decompress(body).replace(b"HIGH", b"LOW!")), "SHA-256"),
    ],
)
def test_a_broken_object_is_named_and_not_restored(
    store: FindingsStore,
    objects: EmbeddedObjects,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    says: str,
) -> None:
    store.store(SCAN, [*OLD, passed("b")])
    archive_closed(store, objects, BEFORE)
    path = next(tmp_path.glob(f"archive/findings/*/*/{KEY}-*"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BrokenError, match=says):
        restore(store, objects, KEY)
    assert store.get(KEY) is None
    assert sorted(found.whole is None for found in search(objects)) == [False, True]
    assert restore(store, objects, finding("b").key) == 1


def test_an_object_of_another_finding_is_refused(store: FindingsStore, objects: EmbeddedObjects) -> None:
    store.store(SCAN, OLD)
    archive_closed(store, objects, BEFORE)
    ((name, _),) = objects.names("")
    other = name.replace(KEY, finding("b").key)
    objects.put_if_absent(other, objects.get(name))
    with pytest.raises(BrokenError, match="another finding"):
        read(objects, other)
    with pytest.raises(BrokenError, match="its name"):
        read(objects, name.removesuffix(".gz"))


@pytest.mark.parametrize("key", ["", "nobody", "0" * 64, "../../etc/passwd", KEY[:-1]])
def test_only_what_is_there_is_restored(store: FindingsStore, objects: EmbeddedObjects, key: str) -> None:
    store.store(SCAN, OLD)
    archive_closed(store, objects, BEFORE)
    with pytest.raises(UsageError, match="not in the archive"):
        restore(store, objects, key)


def test_archived_versions_that_come_in_again_stay_archived(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [finding()])
    store.alerted(store.alerts(9), None)
    change(store, Change(Status.RESOLVED))
    archive_closed(store, objects, BEFORE)
    assert store.store(SCAN, [finding()]) == Stored(same=1)
    assert store.get(KEY) is None
    assert store.alerts(9) == [], "nobody is told of what was resolved"


def test_an_older_version_of_what_is_archived_opens_nothing_and_is_kept(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [passed(updated=MONDAY + DAY)])
    archive_closed(store, objects, BEFORE)
    assert store.store(SCAN, [finding(), finding()]) == Stored(older=1, same=1)
    assert (store.get(KEY), store.alerts(9)) == (None, [])
    assert restore(store, objects, KEY) == 1
    kept = store.get(KEY)
    assert kept is not None
    assert (kept.row.problem, kept.row.epoch, kept.row.spans) == (False, 1, (Span(MONDAY, MONDAY + DAY),))
    assert set(versions(store, objects)) == {finding(), passed(updated=MONDAY + DAY)}


def test_an_older_version_that_waits_counts_when_a_newer_one_comes(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [passed(updated=MONDAY + DAY)])
    archive_closed(store, objects, BEFORE)
    store.store(SCAN, [passed()])
    assert store.store(SCAN, [finding(updated=MONDAY + 2 * DAY)]) == Stored(new=1)
    whole = store.whole(KEY)
    assert whole is not None
    assert whole.versions == (passed(), finding(updated=MONDAY + 2 * DAY))
    assert [entry.at for entry in store.history(KEY)] == [MONDAY + 2 * DAY, MONDAY]
    assert [alert.at for alert in store.alerts(9)] == [MONDAY + 2 * DAY]


def test_restoring_into_what_came_since_merges_versions_and_keeps_the_workflow(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [finding()])
    store.alerted(store.alerts(9), None)
    change(store, Change(Status.RESOLVED, note="done"))
    archive_closed(store, objects, BEFORE)
    back = finding(updated=LATER, title="Again")
    store.store(SCAN, [passed(updated=LATER - DAY), back])
    store.alerted(store.alerts(9), None)
    change(store, Change(assignee="eve"), at=LATER + 1)
    assert restore(store, objects, KEY) == 1
    kept = store.get(KEY)
    assert kept is not None
    assert kept.finding == back
    assert (kept.row.epoch, kept.row.workflow.status, kept.row.workflow.assignee) == (2, Status.NEW, "eve")
    assert kept.row.spans == (Span(MONDAY, MONDAY + DAY), Span(LATER, None))
    whole = store.whole(KEY)
    assert whole is not None
    assert [(change.by, change.after.status) for change in whole.changes] == [
        ("ann", Status.RESOLVED),
        ("archive", Status.NEW),
        ("ann", Status.NEW),
    ]
    assert [(alert.epoch, alert.sent) for alert in whole.alerts] == [(1, True), (2, True)]
    assert restore(store, objects, KEY) == 0
    assert store.whole(KEY) == whole, "again is nothing"


def test_of_several_objects_the_newest_says_the_workflow(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [passed()])
    archive_closed(store, objects, BEFORE)
    store.store(SCAN, [passed(updated=MONDAY + DAY, title="Newer")])
    change(store, Change(note="last"), at=MONDAY + 2 * DAY)
    archive_closed(store, objects, BEFORE)
    assert len(list(objects.names("findings/"))) == 2
    assert restore(store, objects, KEY) == 2
    kept = store.get(KEY)
    assert kept is not None
    assert (kept.row.title, kept.row.workflow.note) == ("Newer", "last")


def test_the_index_drops_what_is_archived_and_counts_it_again_when_it_is_back(
    store: FindingsStore, objects: EmbeddedObjects
) -> None:
    store.store(SCAN, [*OLD, finding("b", severity=Severity.LOW), finding("c", compliance=Compliance.PASSED)])
    index = FindingIndex(store)

    def counted(of: FindingIndex) -> tuple[int, int, int]:
        every = of.select(Wanted("all"), LATER, {})
        groups = of.groups(every, "account")
        return (
            len(every),
            sum(group.findings for group in groups),
            len(of.select(Wanted("passed"), LATER, {})),
        )

    assert counted(index) == (3, 3, 2)
    archive_closed(store, objects, BEFORE)
    assert counted(index) == (1, 1, 0)
    assert counted(FindingIndex(store)) == (1, 1, 0), "one that knew nothing of them"
    assert index.refresh() == store.revision()
    restore(store, objects, KEY)
    store.store(SCAN, [passed("c", updated=LATER)])
    assert counted(index) == counted(FindingIndex(store)) == (3, 3, 2)


STEPS = st.lists(
    st.one_of(
        st.just("archive"),
        st.just("restore"),
        st.builds(
            lambda day, compliance, title: finding(
                updated=MONDAY + day * DAY, compliance=compliance, title=title
            ),
            st.integers(0, 4),
            st.sampled_from([Compliance.FAILED, Compliance.PASSED]),
            st.sampled_from(["One", "Two"]),
        ),
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=examples(60, 200), deadline=None)
@given(steps=STEPS)
def test_whenever_it_is_archived_once_it_is_back_it_is_as_if_it_never_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | Finding]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    plain, store = EmbeddedFindings(folder / "plain.db"), EmbeddedFindings(folder / "findings.db")
    check_archived_at_times(plain, store, EmbeddedObjects(folder / "archive"), steps)


@settings(max_examples=FEW, deadline=None, phases=ONCE)
@given(steps=STEPS)
def test_whenever_it_is_archived_in_dynamodb_it_is_as_if_it_never_was(
    new_in_dynamodb: Stores, tmp_path_factory: pytest.TempPathFactory, steps: list[str | Finding]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    plain, objects = EmbeddedFindings(folder / "plain.db"), EmbeddedObjects(folder / "archive")
    check_archived_at_times(plain, new_in_dynamodb(), objects, steps)


def check_archived_at_times(
    plain: FindingsStore, store: FindingsStore, objects: EmbeddedObjects, steps: list[str | Finding]
) -> None:
    plain.store(SCAN, [finding()])
    store.store(SCAN, [finding()])
    for step in [*steps, "archive", "restore"]:
        if isinstance(step, Finding):
            plain.store(SCAN, [step])
            store.store(SCAN, [step])
        elif step == "archive":
            archive_closed(store, objects, LATER)
        elif list(objects.names("")):
            restore(store, objects, KEY)
    assert all_of(store) == all_of(plain)


def test_objects_are_private_written_once_and_left_alone(objects: EmbeddedObjects, tmp_path: Path) -> None:
    assert objects.put_if_absent("findings/2026/03/x", b"one")
    assert not objects.put_if_absent("findings/2026/03/x", b"two")
    assert objects.get("findings/2026/03/x") == b"one"
    paths = list((tmp_path / "archive").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert [path.stat().st_mode & 0o777 for path in paths if path.is_file()] == [0o600]
    assert [name for name, _ in objects.names("findings/")] == ["findings/2026/03/x"]
    for name in ("../x", "a//b", "/etc/passwd", ".writing/x", ""):
        with pytest.raises(ValueError, match="no name"):
            objects.put_if_absent(name, b"")


def test_the_bytes_of_an_object_are_the_same_every_time(new_store: Stores, tmp_path: Path) -> None:
    written: list[dict[str, bytes]] = []
    for number in range(2):
        store = new_store()
        objects = EmbeddedObjects(tmp_path / f"archive-{number}")
        store.store(SCAN, OLD)
        archive_closed(store, objects, BEFORE)
        written.append({name: objects.get(name) for name, _ in objects.names("")})
    assert written[0] == written[1]
    assert len(written[0]) == 1
