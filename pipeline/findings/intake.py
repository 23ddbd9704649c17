"""Taking in findings: files and folders, each a scan; what was kept, flagged and refused is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path

import msgspec

from data_access.findings import Finding, RefusedFinding, Scan, Stored
from data_access.model import UsageError
from data_access.ports import FindingsStore
from pipeline.findings.files import read_findings, read_findings_bytes

BATCH = 1000
"""Findings in one transaction."""
_NAME_BYTES = 200
"""Of a long path, what the name of its file of rejects ends with: file systems take 255 bytes."""

Report = Callable[[str, int], None]
"""Told of a file's name and of the findings read so far, all files together."""


@dataclass(slots=True)
class Intake:
    """What a scan came to: findings read, those with something to flag, what the store did, and what was
    refused, by reason and (the first of them) one by one."""

    scan: Scan
    read: int = 0
    flagged: int = 0
    stored: Stored = field(default_factory=Stored)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[RefusedFinding] = field(default_factory=list)


MOST_REFUSED = 1000
"""Refusals that are told one by one; the file of rejects has all."""


def import_findings(
    store: FindingsStore,
    paths: Sequence[Path],
    by: str,
    at: int,
    rejects: Path | None = None,
    report: Report = lambda _name, _count: None,
) -> list[Intake]:
    """Take in files and the files of folders, in the order of their names; ``at`` is now (UTC µs).

    A file of a folder is named by its path from there. With ``rejects``, each file that has refusals gets one
    of its own there, a JSON line each. Raises UsageError for a path there is not.
    """
    found: list[Intake] = []
    for path, name in _files(paths):
        before = sum(one.read for one in found)

        def told(read: int, name: str = name, before: int = before) -> None:
            report(name, before + read)

        found.append(import_file(store, path, name, by, at, rejects, told))
    return found


def import_file(
    store: FindingsStore,
    path: Path,
    name: str,
    by: str,
    at: int,
    rejects: Path | None = None,
    report: Callable[[int], None] = lambda _count: None,
) -> Intake:
    """Take in a file under a name. Raises OSError when it cannot be read at all."""
    return take_in(store, Scan(_digest(path), name, at, by), read_findings(path), rejects, report)


def import_body(store: FindingsStore, body: bytes, name: str, by: str, at: int) -> Intake:
    """Take in what a request holds."""
    return take_in(store, Scan(sha256(body).hexdigest(), name, at, by), read_findings_bytes(body))


def take_in(
    store: FindingsStore,
    scan: Scan,
    items: Iterable[Finding | RefusedFinding],
    rejects: Path | None = None,
    report: Callable[[int], None] = lambda _count: None,
) -> Intake:
    """Keep a scan's findings, a batch at a time; what is refused is counted and, with a folder, kept."""
    intake = Intake(scan)
    lines = None if rejects is None else _rejects(rejects, scan)
    stream = iter(items)
    while batch := list(islice(stream, BATCH)):
        good = [one for one in batch if isinstance(one, Finding)]
        bad = [one for one in batch if isinstance(one, RefusedFinding)]
        intake.stored += store.store(scan, good)
        intake.read += len(good)
        intake.flagged += sum(bool(one.flags) for one in good)
        intake.reasons.update(str(one.reason) for one in bad)
        intake.refused += bad[: MOST_REFUSED - len(intake.refused)]
        if lines is not None and bad:
            with lines.open("ab") as file:
                file.writelines(msgspec.json.encode(one) + b"\n" for one in bad)
        report(intake.read)
    return intake


def _rejects(folder: Path, scan: Scan) -> Path:
    """Where a scan's refusals go as JSON lines; those of an import before are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    name = scan.name.replace("/", "-").encode()[-_NAME_BYTES:].decode(errors="ignore")
    path = folder / f"{name}-{scan.id[:12]}.findings.jsonl"
    path.unlink(missing_ok=True)
    return path


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """The files, each with the name it is told of by."""
    for path in paths:
        if path.is_dir():
            for one in sorted(path.rglob("*")):
                if one.is_file() and not one.name.startswith("."):
                    yield one, as_name(one.relative_to(path))
        elif path.exists():
            yield path, as_name(Path(path.name))
        else:
            raise UsageError(f"{path} is not there")


def as_name(path: Path) -> str:
    """A path as the name of a scan: bytes that are no UTF-8 are replaced."""
    return bytes(path).decode(errors="replace")


def _digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
