"""The functions of the lake: curation, and the live counts against it. The chain runs them for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access import leases
from data_access.backends import Backends
from data_access.embedded.documents import EmbeddedDocuments
from data_access.leases import LeaseHeld, held
from data_access.live import Sighting
from pipeline.lambdas import curate, parts, reconcile
from tests.builders import after, embedded, event, table
from tests.door import Door


@pytest.fixture
def backends(tmp_path: Path) -> Backends:
    return embedded(tmp_path)


def test_curate_says_what_it_did(backends: Backends) -> None:
    backends.lake.append(table([event(), event(at=after(days=1))]))
    assert curate.curated(backends.lake) == {"raw_rows": 2, "added": 2, "days": 2}


def test_curate_maintains_when_it_is_told_to(backends: Backends) -> None:
    backends.lake.append(table([event()]))
    told = curate.curated(backends.lake, maintain=True)
    assert told.keys() >= {"days_compacted", "files_before", "files_after", "snapshots_expired"}
    assert backends.lake.snapshot().complete_to == after()


def test_curate_leaves_it_to_another_one(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> None:
        raise LeaseHeld("somebody does it")

    monkeypatch.setattr(backends.lake, "curate", busy)
    assert curate.curated(backends.lake) == {"busy": True}


def test_reconcile_counts_verdicts(backends: Backends) -> None:
    door = Door(backends)
    door.server(event_type="click")
    door.server(event_type="click")
    door.settle()
    door.server()
    assert door.live.step()
    assert sum(reconcile.compared(backends).values()) >= 1
    door.settle()
    assert reconcile.compared(backends).keys() == {"agrees"}


def test_reconcile_fails_for_what_nothing_explains(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    Door(backends).server(event_type="click")
    Door(backends).settle()
    item = next(iter(backends.counters.items(0)))
    backends.counters.fold("another log", 0, 1, [Sighting(1, *item, "click")])
    said: list[str] = []
    monkeypatch.setattr(parts.logger, "error", said.append)
    with pytest.raises(RuntimeError, match="1 differences"):
        reconcile.compared(backends)
    assert len(said) == 1
    assert said[0].endswith("click: 2 live, 1 in the lake, +1 unexplained")


# Turns


@pytest.fixture
def documents(tmp_path: Path) -> EmbeddedDocuments:
    return EmbeddedDocuments(tmp_path / "documents.db")


def test_a_turn_is_one_s_alone_and_given_back(documents: EmbeddedDocuments) -> None:
    with held(documents, "work", 10), pytest.raises(LeaseHeld), held(documents, "work", 10):
        pytest.fail("two have the turn")
    with held(documents, "work", 10), held(documents, "other work", 10):
        assert len(documents.list(leases.KIND)) == 2
    assert documents.list(leases.KIND) == []


def test_a_turn_ends_with_an_error(documents: EmbeddedDocuments) -> None:
    with pytest.raises(ValueError, match="broken"), held(documents, "work", 10):
        raise ValueError("broken")
    assert documents.list(leases.KIND) == []


def test_who_died_keeps_a_turn_no_longer_than_agreed(documents: EmbeddedDocuments) -> None:
    documents.put(leases.KIND, "work", {"until": 100.0, "by": "the dead"}, None)
    with pytest.raises(LeaseHeld), held(documents, "work", 10, lambda: 99.9):
        pytest.fail("the turn is another one's")
    with held(documents, "work", 10, lambda: 100.0):
        (kept,) = documents.list(leases.KIND)
        assert kept[1].value["until"] == 110.0


def test_who_was_late_does_not_give_back_another_one_s_turn(documents: EmbeddedDocuments) -> None:
    now = [0.0]
    with held(documents, "work", 10, lambda: now[0]):
        now[0] = 20.0
        with held(documents, "work", 100, lambda: now[0]):
            pass
        documents.put(leases.KIND, "work", {"until": 200.0, "by": "another"}, None)
    assert [key for key, _ in documents.list(leases.KIND)] == ["work"]
