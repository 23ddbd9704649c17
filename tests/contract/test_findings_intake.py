"""Taking in findings from files and folders: each a scan, nothing lost without being said."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli import main
from data_access.embedded.findings import EmbeddedFindings
from data_access.findings import Change, Scan, Status, Stored
from data_access.model import UsageError
from data_access.ports import FindingsStore
from pipeline.findings import intake
from pipeline.findings.intake import import_body, import_findings
from tests.depth import examples
from tests.findings import DAY, MONDAY, asff
from tests.shared_data import shared_data

NOW, BATCH = MONDAY + DAY, 20


def write(path: Path, *documents: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(documents).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def test_a_folder_is_taken_in_file_by_file(store: FindingsStore, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    write(folder / "b.json", asff("b"), asff("c", GeneratorId=None))
    write(folder / "deep" / "a.json.gz", asff("a"))
    write(folder / ".hidden.json", asff("x"))
    told: list[tuple[str, int]] = []
    one, two = import_findings(
        store, [folder], "ann", NOW, report=lambda name, read: told.append((name, read))
    )
    assert [(found.scan.name, found.read, found.flagged) for found in (one, two)] == [
        ("b.json", 2, 1),
        ("deep/a.json.gz", 1, 0),
    ]
    assert told == [("b.json", 2), ("deep/a.json.gz", 3)]
    assert {(scan.name, scan.by, scan.at, count) for scan, count in store.scans()} == {
        ("b.json", "ann", NOW, 2),
        ("deep/a.json.gz", "ann", NOW, 1),
    }


def test_files_of_the_same_name_are_told_apart_by_their_folder(store: FindingsStore, tmp_path: Path) -> None:
    folder, rejects, long = tmp_path / "scans", tmp_path / "rejects", "ü" * 120
    write(folder / "eu" / "a.json", asff("a"), {"no": 1})
    write(folder / "us" / "a.json", asff("b"), {"no": 2})
    write(folder / long / "a.json", {"no": 3})
    odd = folder / os.fsdecode(b"odd-\xff.json")
    write(odd, asff("c"))
    found = import_findings(store, [folder, odd], "ann", NOW, rejects)
    names = ["eu/a.json", "odd-\ufffd.json", "us/a.json", f"{long}/a.json", "odd-\ufffd.json"]
    assert [one.scan.name for one in found] == names
    eu, us, deep = sorted(path.name for path in rejects.iterdir())
    assert eu == f"eu-a.json-{found[0].scan.id[:12]}.findings.jsonl"
    assert us == f"us-a.json-{found[2].scan.id[:12]}.findings.jsonl"
    assert deep.endswith(f"ü-a.json-{found[3].scan.id[:12]}.findings.jsonl")


def test_the_same_file_is_the_same_scan(store: FindingsStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", asff())
    import_findings(store, [path], "ann", NOW)
    (again,) = import_findings(store, [path.rename(tmp_path / "b.json")], "bob", NOW + 1)
    assert again.stored == Stored(same=1)
    ((scan, count),) = store.scans()
    assert (scan.name, scan.by, scan.at, count) == ("a.json", "ann", NOW, 1)


def test_what_is_refused_is_counted_and_kept_with_the_reason(store: FindingsStore, tmp_path: Path) -> None:
    path, rejects = write(tmp_path / "a.json", asff(), {"no": 1}, asff("")), tmp_path / "rejects"
    for _ in range(2):
        (found,) = import_findings(store, [path], "ann", NOW, rejects)
    assert dict(found.reasons) == {"not_a_finding": 1, "no_id": 1}
    (file,) = rejects.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["place"], line["reason"]) for line in lines] == [(2, "not_a_finding"), (3, "no_id")]
    assert all(line["message"] for line in lines)


def test_more_than_a_batch_is_kept(store: FindingsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH", BATCH)
    body = b"\n".join(json.dumps(asff(f"f{number}")).encode() for number in range(BATCH + 5))
    found = import_body(store, body, "many", "ann", NOW)
    assert found.stored.new == BATCH + 5
    assert len(store.of_scan(found.scan.id)) == BATCH + 5


def test_a_path_there_is_not_is_an_error(store: FindingsStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        import_findings(store, [tmp_path / "nothing"], "ann", NOW)


def test_the_command_tells_what_came_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "scan.json", asff(), asff("b", GeneratorId=None), {"no": 1})
    arguments = ["import", "--as", "findings", str(path), "--data-dir", str(tmp_path / "data")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "scan.json: 2 findings, 1 flagged, rejected: 1 not_a_finding" in said
    assert "2 new, 0 newer, 0 older, 0 known versions" in said
    assert str(tmp_path / "data" / "rejects") in said
    assert main(arguments) == 0
    assert "0 new, 0 newer, 0 older, 2 known versions" in capsys.readouterr().out


TIMES = st.sampled_from(
    [
        "2026-03-09T00:00:00Z",
        "2026-03-09T01:00:00+01:00",
        "2026-03-09T00:00:00.000000Z",
        "2026-03-09T00:00:00.000001Z",
        "2026-03-08T19:30:00.5-05:00",
        "2026-03-10T00:00:00.123456789Z",
        1_773_100_800,
        "1773100800000",
        "never",
        None,
    ]
)
DOCUMENTS = st.lists(
    st.builds(
        lambda name, at, status, title: asff(name, UpdatedAt=at, Compliance={"Status": status}, Title=title),
        st.sampled_from("abc"),
        TIMES,
        st.sampled_from(["FAILED", "PASSED", "INFOED"]),
        st.sampled_from(["One", "Two", None]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=examples(60, 200), deadline=None)
@given(data=st.data(), documents=DOCUMENTS)
def test_documents_in_any_order_and_number_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, documents: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    there, here = EmbeddedFindings(folder / "there.db"), EmbeddedFindings(folder / "here.db")
    import_body(there, json.dumps(documents).encode(), "there", "ann", NOW)
    doubled = data.draw(st.permutations([*documents, *documents]))
    for document in doubled:
        turned = dict(reversed(document.items()))
        import_body(here, json.dumps(turned, indent=2).encode(), "here", "ann", NOW)
    assert kept(here) == kept(there)


def kept(store: FindingsStore) -> Any:
    """All there is of the findings, by key."""
    keys = sorted(row.key for row in store.since(0, 100))
    found = [one for key in keys if (one := store.get(key))]
    return [
        (one.finding, one.row.epoch, one.row.spans, one.row.workflow, store.history(one.row.key))
        for one in found
    ]


@pytest.mark.shared
def test_all_real_files_twice_change_nothing_and_workflow_survives(
    store: FindingsStore,
) -> None:
    folder = shared_data() / "findings"
    first = import_findings(store, [folder], "ann", NOW)
    total = sum((one.stored for one in first), Stored())
    assert (sum(one.read for one in first), total.new) == (1299, 1125)
    keys = [row.key for row in store.since(0, 10_000)][::7]
    change = Change(Status.SUPPRESSED, note="kept", reason="known")
    assert store.change(dict.fromkeys(keys, 0), change, "ann", NOW).done == len(keys)
    before, revision = kept_rows(store), store.revision()
    again = import_findings(store, [folder], "bob", NOW + DAY)
    assert sum((one.stored for one in again), Stored()) == Stored(same=1299)
    assert kept_rows(store) == before
    assert store.revision() == revision
    assert isinstance(again[0].scan, Scan)


def kept_rows(store: FindingsStore) -> Any:
    return sorted(store.since(0, 10_000), key=lambda row: row.key)
