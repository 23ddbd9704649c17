"""Files and bodies of findings: the format is told by the content, and nothing breaks the reading."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.findings import Finding, Refusal, RefusedFinding
from pipeline.findings import files, read_findings, read_findings_bytes
from tests.unit.test_findings_asff import asff
from tests.unit.test_findings_prowler import OCSF, ROW, V2_JSON

ONE, TWO = asff(Id="one"), asff(Id="two")
BOTH = ["one", "two"]


def lines(*documents: object) -> bytes:
    return "\n".join(map(json.dumps, documents)).encode()


def ids(data: bytes) -> list[str]:
    """The ids of the findings; "?" and the reason for what is refused."""
    return [_id(item) for item in read_findings_bytes(data)]


def _id(item: Finding | RefusedFinding) -> str:
    return item.id if isinstance(item, Finding) else f"?{item.reason}"


def refusal(data: bytes) -> RefusedFinding:
    (item,) = read_findings_bytes(data)
    assert isinstance(item, RefusedFinding)
    return item


EVENT = {"detail-type": "Security Hub Findings - Imported", "source": "aws.securityhub"}
SHAPES: dict[str, tuple[bytes, list[str]]] = {
    "list": (json.dumps([ONE, TWO]).encode(), BOTH),
    "pretty list": (json.dumps([ONE, TWO], indent=2).encode(), BOTH),
    "list with one finding on its own line": (b"[\n" + json.dumps(ONE).encode() + b"\n]", ["one"]),
    "one finding": (json.dumps(ONE).encode(), ["one"]),
    "one pretty finding": (json.dumps(ONE, indent=4).encode(), ["one"]),
    "one a line": (lines(ONE, TWO), BOTH),
    "one a line, blank lines, Windows": (
        b"\r\n" + lines(ONE, TWO).replace(b"\n", b"\r\n\r\n") + b"\r\n",
        BOTH,
    ),
    "a list a line": (lines([ONE], [TWO]), BOTH),
    "mixed formats": (lines(ONE, OCSF, V2_JSON)[:-1] + b"}", ["one", OCSF["finding_info"]["uid"]]),
    "answer": (json.dumps({"Findings": [ONE, TWO], "NextToken": "x"}).encode(), BOTH),
    "small findings": (json.dumps({"findings": [ONE, TWO]}).encode(), BOTH),
    "recorded answer": (json.dumps({"status_code": 200, "data": {"Findings": [ONE, TWO]}}).encode(), BOTH),
    "event": (json.dumps({**EVENT, "detail": {"findings": [ONE, TWO]}}, indent=1).encode(), BOTH),
    "events a line": (lines(*({**EVENT, "detail": {"findings": [one]}} for one in (ONE, TWO))), BOTH),
    "message with one finding": (json.dumps({"Finding": ONE, "Metrics": {}}).encode(), ["one"]),
    "exported row": (
        json.dumps([{"source": "prowler", "check_id": "x", "raw": OCSF}]).encode(),
        [OCSF["finding_info"]["uid"]],
    ),
    "CSV": (f"{';'.join(ROW)}\n{';'.join(ROW.values())}\n".encode(), [ROW["FINDING_UID"]]),
    "CSV without rows": (f"\n{';'.join(ROW)}\n".encode(), []),
    "empty list": (b" [\n ] ", []),
    "empty answer": (b'{"Findings": []}', []),
}
SHAPES["mixed formats"][1].append(
    next(_id(item) for item in read_findings_bytes(json.dumps(V2_JSON).encode()))
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packing", ["plain", "gzip", "mark", "mark in gzip"])
def test_the_content_tells_the_format(tmp_path: Path, shape: str, packing: str) -> None:
    data, expected = SHAPES[shape]
    data = b"\xef\xbb\xbf" + data if "mark" in packing else data
    data = gzip.compress(data) if "gzip" in packing else data
    assert ids(data) == expected
    file = tmp_path / "misleading.txt"
    file.write_bytes(data)
    assert [_id(item) for item in read_findings(file)] == expected


def test_layout_makes_no_other_version() -> None:
    digests = {
        item.digest
        for shape in ("list", "pretty list", "one a line", "event", "one pretty finding")
        for item in read_findings_bytes(SHAPES[shape][0])
        if isinstance(item, Finding) and item.id == "one"
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Refusal.UNREADABLE, "the file is empty"),
        (b" \n\n", Refusal.UNREADABLE, "the file is empty"),
        (b"# Read me\n", Refusal.UNREADABLE, "neither JSON nor a CSV of Prowler"),
        (b"a,b,c\n1,2,3\n", Refusal.UNREADABLE, "neither JSON nor a CSV of Prowler"),
        (b"PAR1\x00\x15", Refusal.UNREADABLE, "neither JSON nor a CSV of Prowler"),
        (b'[{"Id": ', Refusal.UNREADABLE, "not readable as JSON: Input data was truncated"),
        (b'{"Id": "1", "Severity": NaN}', Refusal.UNREADABLE, "not readable as JSON: JSON is malformed"),
        (b'{"Id": "1", "Title": "\xff", "Severity": 1}', Refusal.UNREADABLE, "not readable as JSON: 'utf-8'"),
        (
            b'{"Id": "\\ud800x", "Resources": []}',
            Refusal.UNREADABLE,
            "not readable as JSON: JSON is malformed",
        ),
        (b"[" * 99999, Refusal.UNREADABLE, "not readable as JSON: too deeply nested"),
        (b'{"a":' * 99999, Refusal.UNREADABLE, "not readable as JSON: too deeply nested"),
        (b"[7]", Refusal.NOT_A_FINDING, "the finding is not an object"),
        (b'{"Findings": {}}', Refusal.NOT_A_FINDING, "Findings is not a list"),
        (
            b'{"detail-type": "EC2", "detail": {}}',
            Refusal.NOT_A_FINDING,
            "an event without detail.findings: EC2",
        ),
        (
            b'{"detail-type": "EC2", "detail": 1}',
            Refusal.NOT_A_FINDING,
            "an event without detail.findings: EC2",
        ),
        (
            b'{"model": "api.scan", "pk": 1, "fields": {}}',
            Refusal.NOT_A_FINDING,
            "a Django fixture of api.scan, not a finding",
        ),
        (
            b'{"x": 1}',
            Refusal.NOT_A_FINDING,
            "no finding in ASFF, OCSF or a format of Prowler; its members: x",
        ),
        (b"{}", Refusal.NOT_A_FINDING, "no finding in ASFF, OCSF or a format of Prowler; its members: none"),
        (
            gzip.compress(b"x" * 99, mtime=0)[:20],
            Refusal.UNREADABLE,
            "the file cannot be read: Compressed file ended",
        ),
        (b"\x1f\x8bnot gzip", Refusal.UNREADABLE, "the file cannot be read"),
    ],
)
def test_what_is_refused_says_why(data: bytes, reason: Refusal, message: str) -> None:
    item = refusal(data)
    assert (item.place, item.reason) == (1, reason)
    assert item.message.startswith(message)
    assert len(item.excerpt) <= 300


def test_a_file_that_is_not_there_is_one_refusal(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        assert list(read_findings(path)) == [
            RefusedFinding(1, Refusal.UNREADABLE, f"the file cannot be read: {message}", "")
        ]


def test_bad_items_do_not_take_the_others_with_them() -> None:
    good, other = lines(ONE), lines(TWO)
    data = b"[" + good + b', {"Id": "\xff", "Resources": []}, 3, ' + other + b"]"
    items = list(read_findings_bytes(data))
    assert [_id(item) for item in items] == ["one", "?unreadable", "?not_a_finding", "two"]
    assert [item.place for item in items if isinstance(item, RefusedFinding)] == [2, 3]


BAD = [b'{"Id": "x"', b'{"Id": "\xff", "Resources": []}', b"oops", b"\x00"]


@pytest.mark.parametrize(
    ("bad", "first"), [*((bad, True) for bad in BAD[:2]), *((bad, False) for bad in BAD)]
)
def test_bad_lines_do_not_take_the_others_with_them(bad: bytes, first: bool) -> None:
    rows = [bad, lines(ONE), lines(TWO)] if first else [lines(ONE), bad, b"", lines(TWO)]
    items = list(read_findings_bytes(b"\n".join(rows)))
    assert [_id(item) for item in items if isinstance(item, Finding)] == BOTH
    (item,) = (item for item in items if isinstance(item, RefusedFinding))
    assert (item.place, item.reason) == (1 if first else 2, Refusal.UNREADABLE)
    assert item.excerpt == bad.decode(errors="replace")


@pytest.mark.parametrize("where", [0, 1, 2])
def test_lines_that_are_too_long_are_skipped(monkeypatch: pytest.MonkeyPatch, where: int) -> None:
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 5000)
    rows = [lines(ONE), lines(TWO)]
    rows.insert(where, lines(asff(Note="x" * 3_000_000)))
    items = list(read_findings_bytes(b"\n".join(rows)))
    assert [_id(item) for item in items if isinstance(item, Finding)] == BOTH
    (item,) = (item for item in items if isinstance(item, RefusedFinding))
    assert (item.place, item.reason) == (where + 1, Refusal.TOO_LARGE)
    assert (item.message, len(item.excerpt)) == ("the line is longer than 5,000 bytes", 300)


def test_csv_lines_and_cells_that_are_too_long_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 200_000)
    row, header = ";".join(ROW.values()), ";".join(ROW)
    data = "\n".join([header, row, row + "x" * 199_000, row + "x" * 400_000, row]).encode()
    items = list(read_findings_bytes(data))
    assert [_id(item) for item in items] == [
        ROW["FINDING_UID"],
        "?unreadable",
        "?too_large",
        ROW["FINDING_UID"],
    ]
    assert [item.place for item in items if isinstance(item, RefusedFinding)] == [3, 4]


def test_a_quote_left_open_costs_the_rows_it_swallows_only() -> None:
    row, header = ";".join(ROW.values()), ";".join(ROW)
    count = 2000
    data = "\n".join([header, row, '"' + row, *[row] * count]).encode()
    items = list(read_findings_bytes(data))
    kept = sum(isinstance(item, Finding) for item in items)
    assert count // 2 < kept < count
    assert [item.reason for item in items if isinstance(item, RefusedFinding)] == [Refusal.UNREADABLE]


def test_other_json_is_read_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.dumps([ONE, TWO]).encode()
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", len(data))
    assert ids(data) == BOTH
    assert ids(gzip.compress(data)) == BOTH
    item = refusal(data + b" ")
    assert item.reason is Refusal.TOO_LARGE
    assert item.message.endswith("larger files must hold one finding per line")


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "findings.ndjson"
    file.write_bytes(lines(*(asff(Id=str(number), Note="x" * 2000) for number in range(2000))))
    reading = read_findings(file)
    assert _id(next(reading)) == "0"
    file.write_bytes(b"")  # What is not in the buffer yet is gone: of some 6 MB only the first are read.
    assert 0 < sum(isinstance(item, Finding) for item in reading) < 1000


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"{", b"[", b'[{"Id":"1","Severity":', b"FINDING_UID,STATUS\n"]),
)
def test_no_bytes_break_the_reading(data: bytes, start: bytes) -> None:
    for item in read_findings_bytes(start + data):
        assert isinstance(item, Finding) or item.message


def test_decoded_names_of_any_kind_are_readable() -> None:
    document: dict[str, Any] = {"Id": "x", "Resources": [], "": {"": [None]}, "Title": "a\x00b"}
    (found,) = read_findings_bytes(json.dumps(document).encode())
    assert isinstance(found, Finding)
    assert found.title == "a\x00b"
    assert "GeneratorId is missing" in found.flags
