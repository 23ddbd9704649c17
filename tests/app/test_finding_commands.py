"""The archive of findings on the command line, in process."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import main
from data_access.backends import Backends
from tests.builders import embedded
from tests.findings import MONDAY, SCAN, finding, passed


@pytest.fixture
def backends(tmp_path: Path) -> Backends:
    found = embedded(tmp_path)
    old = passed("b", title="Old\x1b[2J\nnews")
    found.findings.store(SCAN, [finding(), old, passed("c", updated=MONDAY * 9)])
    return found


def run(backends: Backends, *words: str) -> int:
    return main(["archive", *words, "--data-dir", str(backends.settings.data_dir)])


def test_findings_are_archived_found_and_restored(
    backends: Backends, capsys: pytest.CaptureFixture[str]
) -> None:
    key = finding("b").key
    assert run(backends, "--older-than", "1d") == 0
    assert capsys.readouterr().out == "1 archived, 0 skipped because changed meanwhile, 2 left\n"
    for words in (("--list",), ("--find", "OLD")):
        assert run(backends, *words) == 0
        listed, count = capsys.readouterr().out.splitlines()
        assert listed.startswith(f"{key}  HIGH  b  Old [2J news  archived 20")
        assert count == "1 found"
    assert run(backends, "--find", "nothing") == 0
    assert capsys.readouterr().out == "0 found\n"
    assert run(backends, "--restore", key) == 0
    assert "1 versions were not in the store" in capsys.readouterr().out
    assert backends.findings.get(key) is not None


def test_broken_objects_are_told_of_and_fail_the_command(
    backends: Backends, capsys: pytest.CaptureFixture[str]
) -> None:
    run(backends, "--older-than", "1d")
    (path,) = (backends.settings.data_dir / "archive").rglob("*.json.gz")
    path.write_bytes(b"broken")
    capsys.readouterr()
    assert run(backends, "--list") == 1
    said = capsys.readouterr()
    assert f"{path.name}: broken: it cannot be unpacked" in said.out
    assert "1 objects of the archive are broken" in said.err
    assert run(backends, "--restore", finding("b").key) == 1
    assert "is broken: it cannot be unpacked" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--older-than", "0d"), "at least one, as 90d"),
        (("--older-than", "90"), "at least one, as 90d"),
        (("--older-than", "-1d"), "older-than"),
        (("--older-than", "12h"), "at least one, as 90d"),
        ((), "is required"),
        (("--list", "--restore", "x"), "not allowed with"),
        (("--restore", "x"), "'x' is not in the archive"),
    ],
)
def test_what_cannot_be_is_refused(
    backends: Backends, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run(backends, *words) == 2
    assert says in capsys.readouterr().err
    assert backends.findings.get(finding("b").key) is not None
