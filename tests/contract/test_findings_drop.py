"""The drop folder of findings: what is taken in, when, where it goes, and what a killed process leaves."""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data_access.embedded.findings import EmbeddedFindings
from data_access.findings import Finding, Scan, Stored
from data_access.ports import FindingsStore
from pipeline.findings import drop
from pipeline.findings.drop import BY, DropFolder, take_dropped
from pipeline.findings.intake import Intake
from pipeline.local import findings_schedule
from tests.builders import embedded
from tests.findings import DAY, MONDAY, asff

NOW = MONDAY + DAY


@pytest.fixture
def store(tmp_path: Path) -> FindingsStore:
    return EmbeddedFindings(tmp_path / "findings.db")


@pytest.fixture
def folder(tmp_path: Path) -> DropFolder:
    (tmp_path / "drop").mkdir()
    return DropFolder(tmp_path / "drop")


def put(folder: DropFolder, name: str, *documents: Any) -> Path:
    path = folder.path / name
    path.write_text(json.dumps(documents))
    return path


def look(store: FindingsStore, folder: DropFolder, times: int = 1) -> list[Intake]:
    """What the last of some looks took in."""
    for _ in range(times):
        found = take_dropped(store, folder, folder.path.parent / "rejects", NOW)
    return found


def files(folder: DropFolder) -> list[str]:
    """All there is in the folder and below, by path."""
    found = (path for path in folder.path.rglob("*") if not path.is_dir() or path.is_symlink())
    return sorted(str(path.relative_to(folder.path)) for path in found)


def test_a_file_is_taken_in_at_the_second_look_and_moved(store: FindingsStore, folder: DropFolder) -> None:
    put(folder, "scan.json", asff("a"), asff("b"))
    assert look(store, folder) == []
    assert store.scans() == []
    (intake,) = look(store, folder)
    assert intake.stored == Stored(new=2)
    ((scan, count),) = store.scans()
    assert (scan.name, scan.by, scan.at, count) == ("scan.json", BY, NOW, 2)
    assert files(folder) == ["done/scan.json"]
    assert look(store, folder, 2) == []


def test_a_file_that_is_being_written_waits_until_it_is_whole(
    store: FindingsStore, folder: DropFolder
) -> None:
    path = folder.path / "scan.json"
    text = json.dumps([asff("a")])
    for part in (text[:20], text[20:50], text[50:]):
        with path.open("a") as file:
            file.write(part)
        assert look(store, folder) == []
    # The same size at another time is a change, too.
    os.utime(path, ns=(0, 0))
    assert look(store, folder) == []
    assert [one.read for one in look(store, folder)] == [1]
    assert list((folder.path.parent / "rejects").iterdir()) == []


def test_an_empty_file_waits_for_its_content(store: FindingsStore, folder: DropFolder) -> None:
    (folder.path / "scan.json").touch()
    assert look(store, folder, 3) == []
    assert files(folder) == ["scan.json"]
    put(folder, "scan.json", asff())
    assert [one.read for one in look(store, folder, 2)] == [1]


def test_only_files_of_the_folder_itself_are_taken(
    store: FindingsStore, folder: DropFolder, tmp_path: Path
) -> None:
    outside = put(DropFolder(tmp_path), "secret.json", asff("secret"))
    put(folder, ".hidden.json", asff("hidden"))
    (folder.path / "deep").mkdir()
    put(folder, "deep/scan.json", asff("deep"))
    (folder.path / "link.json").symlink_to(outside)
    (folder.path / "nowhere.json").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder.path / "pipe.json")
    put(folder, "scan.json", asff("a"))
    assert [one.scan.name for one in look(store, folder, 2)] == ["scan.json"]
    assert [store.get(row.key).finding.id for row in store.since(0, 10)] == ["a"]  # type: ignore[union-attr]
    assert set(files(folder)) == {
        *(".hidden.json", "deep/scan.json", "done/scan.json", "link.json", "nowhere.json", "pipe.json")
    }


def test_files_of_the_same_name_are_all_kept(store: FindingsStore, folder: DropFolder) -> None:
    digests = []
    for name in ("a", "b", "b"):
        put(folder, "scan.json", asff(name))
        (intake,) = look(store, folder, 2)
        digests.append(intake.scan.id[:12])
    assert files(folder) == ["done/scan.json", f"done/scan-{digests[1]}.json"][::-1]
    assert json.loads((folder.path / f"done/scan-{digests[1]}.json").read_text())[0]["Id"] == "b"


def test_a_file_nothing_could_be_read_of_goes_to_failed(
    store: FindingsStore, folder: DropFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "bad.json").write_text("no findings at all")
    put(folder, "mixed.json", asff(), {"no": 1})
    put(folder, "nothing.json")
    bad, mixed, nothing = look(store, folder, 2)
    assert (bad.read, mixed.read, nothing.read) == (0, 1, 0)
    assert files(folder) == ["done/mixed.json", "done/nothing.json", "failed/bad.json"]
    rejects = sorted(path.name for path in (folder.path.parent / "rejects").iterdir())
    assert rejects == [f"{one.scan.name}-{one.scan.id[:12]}.findings.jsonl" for one in (bad, mixed)]
    assert "'bad.json': 0 findings, 1 rejected; it is now" in caplog.text
    assert "nothing.json" not in caplog.text


class KilledError(BaseException):
    """The process ends here."""


def test_killed_between_storing_and_moving_changes_nothing(
    store: FindingsStore, folder: DropFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "scan.json", asff("a"), asff("b"))

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(drop, "_move", killed)
        with pytest.raises(KilledError):
            look(store, folder, 2)
    assert files(folder) == ["scan.json"]
    before = store.since(0, 10), store.scans(), store.revision()
    assert len(before[0]) == 2
    (again,) = look(store, DropFolder(folder.path), 2)
    assert again.stored == Stored(same=2)
    assert (store.since(0, 10), store.scans(), store.revision()) == before
    assert files(folder) == ["done/scan.json"]


def test_a_file_that_changes_while_it_is_read_stays_for_the_next_look(
    store: FindingsStore, folder: DropFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "scan.json", asff("a"))
    take = drop.import_file

    def meanwhile(*args: Any) -> Intake:
        found = take(*args)
        put(folder, "scan.json", asff("a"), asff("b"))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(drop, "import_file", meanwhile)
        look(store, folder, 2)
    assert files(folder) == ["scan.json"]
    (intake,) = look(store, folder, 2)
    assert intake.stored == Stored(new=1, same=1)
    assert files(folder) == ["done/scan.json"]


def test_an_unreadable_file_stays_and_the_others_go_on(
    store: FindingsStore,
    folder: DropFolder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = put(folder, "a.json", asff("a"))
    put(folder, "b.json", asff("b"))
    take = drop.import_file

    def forbidden(store: FindingsStore, one: Path, *rest: Any) -> Intake:
        if one == path:  # a mode of 0 would not keep root out
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(one))
        return take(store, one, *rest)

    monkeypatch.setattr(drop, "import_file", forbidden)
    assert [one.scan.name for one in look(store, folder, 2)] == ["b.json"]
    look(store, folder, 2)
    assert files(folder) == ["a.json", "done/b.json"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert f"'{path}' stays in the folder for findings: Permission denied" in caplog.text
    monkeypatch.setattr(drop, "import_file", take)
    assert [one.scan.name for one in look(store, folder)] == ["a.json"]


def test_a_file_that_cannot_be_moved_stays_and_the_others_go_on(
    store: FindingsStore, folder: DropFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "failed").write_text("in the way")
    (folder.path / "a.json").write_text("bad")
    put(folder, "b.json", asff("b"))
    look(store, folder, 4)
    assert files(folder) == ["a.json", "done/b.json", "failed"]
    assert len([record for record in caplog.records if "a.json' stays" in record.message]) == 1


def test_a_store_that_fails_for_one_file_does_not_hold_up_the_others(
    folder: DropFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(EmbeddedFindings):
        def store(self, scan: Scan, findings: Sequence[Finding]) -> Stored:
            if scan.name == "a.json":
                raise sqlite3.OperationalError("database is locked")
            return super().store(scan, findings)

    for name in ("a", "b"):
        put(folder, f"{name}.json", asff(name))
    look(Failing(tmp_path / "failing.db"), folder, 2)
    assert files(folder) == ["a.json", "done/b.json"]
    assert "'a.json' stays" in caplog.text.replace(f"{folder.path}/", "")


def test_a_name_cannot_forge_a_line_of_the_log(
    store: FindingsStore, folder: DropFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "a\nERROR all is lost.json").write_text("bad")
    look(store, folder, 2)
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


def test_the_longest_name_goes_away_a_second_time_too(store: FindingsStore, folder: DropFolder) -> None:
    name = "n" * 250 + ".json"
    for finding in ("a", "b"):
        put(folder, name, asff(finding))
        look(store, folder, 2)
    assert len(files(folder)) == 2
    assert all(one.startswith("done/") for one in files(folder))


def test_a_folder_that_cannot_be_made_is_one_error_and_no_crash(
    store: FindingsStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    folder = DropFolder(tmp_path / "file" / "drop")
    assert look(store, folder, 3) == []
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"{folder.path}, cannot be read: Not a directory" in record.message


def test_the_schedule_looks_where_a_folder_is_set(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path / "new" / "drop")
    backends = embedded(tmp_path, findings_folder=str(folder.path))
    schedule = findings_schedule(backends)
    assert schedule.run_due() == ["unmute", "drop folder"]
    put(folder, "scan.json", asff(), {"no": 1})
    for _ in range(2):
        for job in schedule._jobs:
            job.due = 0.0
        schedule.run_due()
    assert files(folder) == ["done/scan.json"]
    assert len(list((backends.settings.data_dir / "rejects").iterdir())) == 1


@pytest.mark.parametrize("settings", [{}, {"findings_folder": "drop", "findings_folder_seconds": 0}])
def test_without_a_folder_or_seconds_nothing_looks(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert findings_schedule(embedded(tmp_path, **settings)).run_due() == ["unmute"]
