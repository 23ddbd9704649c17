"""Changes of many findings in pieces: one number, progress for all processes, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from data_access import finding_changes
from data_access.embedded.documents import EmbeddedDocuments
from data_access.embedded.findings import EmbeddedFindings
from data_access.finding_changes import FindingChanges, Progress, interrupted
from data_access.findings import Change, Changed, Status, Workflow
from data_access.model import UsageError
from data_access.ports import FindingsStore
from tests.finding_stores import Stores
from tests.findings import DAY, MONDAY, SCAN, finding

MUTE = Change(Status.SUPPRESSED, reason="a test bucket")
AT = MONDAY + DAY
KEYS = [finding(str(number)).key for number in range(10)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding_changes, "PIECE", 3)


@pytest.fixture
def store(new_store: Stores) -> FindingsStore:
    return cast("FindingsStore", filled(new_store()))


def filled(store: FindingsStore) -> Any:
    store.store(SCAN, [finding(str(number)) for number in range(10)])
    return store


@pytest.fixture
def documents(tmp_path: Path) -> EmbeddedDocuments:
    return EmbeddedDocuments(tmp_path / "documents.db")


@pytest.fixture
def changes(store: FindingsStore, documents: EmbeddedDocuments) -> FindingChanges:
    return FindingChanges(store, documents)


def over(changes: FindingChanges, id: str) -> Progress:
    assert changes.wait(id, 60)
    progress = changes.progress(id)
    assert progress is not None
    assert progress.finished
    return progress


def workflows(store: FindingsStore) -> list[Workflow]:
    return [replace(row.workflow, version=0) for row in store.rows(KEYS)]


def statuses(store: FindingsStore) -> list[Status]:
    return [row.workflow.status for row in store.rows(KEYS)]


def test_all_of_a_selection_is_changed_under_one_number(
    store: FindingsStore, changes: FindingChanges
) -> None:
    progress = over(changes, changes.start(dict.fromkeys(KEYS, 0), MUTE, "ann", AT))
    assert (progress.what, progress.by, progress.at) == ("change", "ann", AT)
    assert (progress.total, progress.done, progress.handled, progress.error) == (10, 10, 10, "")
    assert progress.number is not None
    assert store.changed_by(progress.number) == KEYS
    assert statuses(store) == [Status.SUPPRESSED] * 10


def test_undo_gives_every_workflow_back_and_can_be_undone(
    store: FindingsStore, changes: FindingChanges
) -> None:
    store.change({KEYS[4]: 0}, Change(Status.NOTIFIED, "bob", "on it"), "bob", AT)
    before = workflows(store)
    versions = {row.key: row.workflow.version for row in store.rows(KEYS)}
    muted = over(changes, changes.start(versions, MUTE, "ann", AT + 1))
    after = workflows(store)
    assert muted.number is not None
    undone = over(changes, changes.undo(muted.number, "ann", AT + 2))
    assert (undone.what, undone.total, undone.done) == ("undo", 10, 10)
    assert workflows(store) == before
    assert undone.number is not None
    assert store.changed_by(undone.number) == KEYS
    assert over(changes, changes.undo(undone.number, "ann", AT + 3)).done == 10
    assert workflows(store) == after


def test_what_others_changed_and_what_is_as_wanted_is_counted(
    store: FindingsStore, changes: FindingChanges
) -> None:
    store.change({KEYS[8]: 0}, Change(note="mine"), "bob", AT)
    store.change({KEYS[1]: 0}, MUTE, "bob", AT)
    versions = dict.fromkeys(KEYS, 0) | {KEYS[1]: 1, "no such key": 0}
    progress = over(changes, changes.start(versions, MUTE, "ann", AT))
    assert (progress.done, progress.same, progress.conflicts) == (8, 1, 2)
    assert progress.handled == progress.total == 11
    assert progress.number is not None
    store.change({KEYS[0]: 1}, Change(note="mine"), "bob", AT)
    undone = over(changes, changes.undo(progress.number, "ann", AT))
    assert (undone.total, undone.done, undone.conflicts) == (8, 7, 1)


def test_what_cannot_be_is_refused_before_anything_begins(
    store: FindingsStore, changes: FindingChanges, documents: EmbeddedDocuments
) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        changes.start({KEYS[0]: 0}, Change(Status.SUPPRESSED), "ann", AT)
    with pytest.raises(UsageError, match="no findings"):
        changes.start({}, MUTE, "ann", AT)
    with pytest.raises(UsageError, match="no findings"):
        changes.undo(99, "ann", AT)
    assert documents.list(finding_changes.KIND) == []
    assert changes.progress("no such id") is None
    assert statuses(store) == [Status.NEW] * 10


class BreaksInPieces(EmbeddedFindings):
    """Fails in the third piece of a change, as a full disk does."""

    pieces = 0

    def change(
        self, versions: Mapping[str, int], change: Change, by: str, at: int, number: int | None = None
    ) -> Changed:
        self.pieces += bool(versions)
        if self.pieces == 3:
            raise OSError("no room on /secret/path")
        return super().change(versions, change, by, at, number)


def test_what_a_failing_store_had_changed_is_kept_and_can_be_undone(
    tmp_path: Path, documents: EmbeddedDocuments
) -> None:
    store = filled(BreaksInPieces(tmp_path / "breaks.db"))
    changes = FindingChanges(store, documents)
    progress = over(changes, changes.start(dict.fromkeys(KEYS, 0), MUTE, "ann", AT))
    assert (progress.done, progress.total) == (6, 10)
    assert "the store failed" in progress.error
    assert "secret" not in progress.error
    assert statuses(store) == [Status.SUPPRESSED] * 6 + [Status.NEW] * 4
    assert progress.number is not None
    assert over(changes, changes.undo(progress.number, "ann", AT + 1)).done == 6
    assert statuses(store) == [Status.NEW] * 10


class Waits(EmbeddedFindings):
    """Says when its second piece begins, and waits to be let on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pieces, self.began, self.go_on = 0, Event(), Event()

    def change(
        self, versions: Mapping[str, int], change: Change, by: str, at: int, number: int | None = None
    ) -> Changed:
        self.pieces += bool(versions)
        if self.pieces == 2:
            self.began.set()
            assert self.go_on.wait(60)
        return super().change(versions, change, by, at, number)


def test_progress_is_seen_by_another_process_and_while_it_lasts(tmp_path: Path) -> None:
    path = tmp_path / "waits.db", tmp_path / "documents.db"
    store = filled(Waits(path[0]))
    mine = FindingChanges(store, EmbeddedDocuments(path[1]))
    other = FindingChanges(EmbeddedFindings(path[0]), EmbeddedDocuments(path[1]))
    id = mine.start(dict.fromkeys(KEYS, 0), MUTE, "ann", AT)
    next_id = mine.start(dict.fromkeys(KEYS, 1), Change(note="later"), "ann", AT + 1)
    assert store.began.wait(60)
    seen, waiting = other.progress(id), other.progress(next_id)
    assert seen is not None
    assert (seen.total, seen.done, seen.finished) == (10, 3, False)
    assert seen.number is not None, "known before the first piece, to undo what a dead process changed"
    assert waiting is not None
    assert (waiting.handled, waiting.number, waiting.finished) == (0, None, False)
    assert not mine.wait(id, 0)
    store.go_on.set()
    assert over(mine, id) == other.progress(id)
    assert over(mine, next_id).done == 10, "one after the other: the versions are those after the first"


@dataclass
class Clock:
    now: int = AT

    def __call__(self) -> int:
        self.now += 6_000_000
        return self.now


def test_who_waits_for_a_turn_gives_signs_of_life(tmp_path: Path, documents: EmbeddedDocuments) -> None:
    store, clock = filled(Waits(tmp_path / "waits.db")), Clock()
    changes = FindingChanges(store, documents, clock)
    first = changes.start(dict.fromkeys(KEYS[:4], 0), MUTE, "ann", AT)
    assert store.began.wait(60)
    second = changes.start({KEYS[9]: 7}, MUTE, "ann", AT)
    began = changes.progress(second)
    beats: list[int] = []
    note = documents.put

    def noted(kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
        if key == second and value["number"] is None:
            beats.append(value["beat"])
        return note(kind, key, value, expected)

    documents.put = noted  # type: ignore[method-assign]
    store.go_on.set()
    over(changes, first)
    over(changes, second)
    assert began is not None
    assert beats[0] > began.beat


def test_a_change_without_signs_of_life_was_interrupted() -> None:
    progress = Progress("id", "change", "ann", AT, 10, beat=AT)
    assert not interrupted(progress, AT + 30_000_000)
    assert interrupted(progress, AT + 30_000_001)
    assert not interrupted(replace(progress, finished=True), AT + DAY)


def test_progress_is_kept_for_a_week(store: FindingsStore, documents: EmbeddedDocuments) -> None:
    clock = Clock()
    changes = FindingChanges(store, documents, clock)
    first = changes.start({KEYS[0]: 0}, MUTE, "ann", AT)
    over(changes, first)
    clock.now += 6 * DAY
    second = changes.start({KEYS[1]: 0}, MUTE, "ann", AT)
    over(changes, second)
    clock.now += 2 * DAY
    over(changes, changes.start({KEYS[2]: 0}, MUTE, "ann", AT))
    assert changes.progress(first) is None
    assert changes.progress(second) is not None


def test_a_change_is_made_once_however_the_pieces_fall(
    store: FindingsStore, changes: FindingChanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Collection[str]] = []
    change = store.change

    def counted(versions: Mapping[str, int], *rest: Any) -> Changed:
        calls.append(list(versions))
        return change(versions, *rest)

    monkeypatch.setattr(store, "change", counted)
    over(changes, changes.start(dict.fromkeys(KEYS[:6], 0), MUTE, "ann", AT))
    assert calls == [[], KEYS[:3], KEYS[3:6]]
