"""Taking in findings: files and folders, each a scan; what was kept, flagged and refused is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec

from data_access.findings import Finding, RefusedFinding, Scan, Stored
from data_access.model import UsageError
from data_access.ports import FindingsStore
from pipeline.findings.files import read_findings, read_findings_bytes

BATCH = 1000
"""Findings in one transaction."""
_READ_BYTES = 1 << 20

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

    With ``rejects``, each file that has refusals gets one of its own there, a JSON line each. Raises
    UsageError for a path there is not.
    """
    found: list[Intake] = []
    for path in _files(paths):
        scan, before = Scan(_digest(path), path.name, at, by), sum(one.read for one in found)

        def told(read: int, name: str = path.name, before: int = before) -> None:
            report(name, before + read)

        found.append(take_in(store, scan, read_findings(path), rejects, told))
    return found


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
    path = folder / f"{scan.name}-{scan.id[:12]}.findings.jsonl"
    path.unlink(missing_ok=True)
    return path


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(
                one for one in path.rglob("*") if one.is_file() and not one.name.startswith(".")
            )
        elif path.exists():
            yield path
        else:
            raise UsageError(f"{path} is not there")


def _digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = sha256()
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()
