"""Which files to import, of which kind, and in which units.

A unit is what is imported and resumed as a whole: one file, or all small JSON files of one day's folder
(a commit for every few events would take longer than reading them).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from data_access.model import UsageError
from pipeline.importers.model import KINDS, Kind

TABLES = {".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet"}
_OBJECTS = {".json", ".ndjson", ".jsonl"}
_HINTS = "CSV, TSV, Parquet, NDJSON (each also .gz), folders of them, or access logs"
_HIVE = re.compile(r"(year|month|day|event_type)=(.+)")
_HOUR_FOLDER = re.compile(r"\d{1,2}|hour=\d{1,2}|event_type=.+")
_GZIP_MAGIC = b"\x1f\x8b"
_COMBINED = re.compile(rb'^\S+ .*\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] ?"', re.MULTILINE)
_ALB = re.compile(rb"^(https?|h2|wss?|grpcs?) \d{4}-\d\d-\d\dT\S+ \S+ \S+:\d+ ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unit:
    """Files of one kind and format that are imported together, in this order."""

    label: str
    paths: tuple[Path, ...]
    kind: Kind
    format: str

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.paths)

    def digest(self, *extra: str) -> str:
        """16 hexadecimal digits of the files' bytes, the kind and ``extra``."""
        total = hashlib.sha256()
        for path in self.paths:
            with path.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
        total.update(json.dumps([self.kind, *extra]).encode())
        return total.hexdigest()[:16]


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The file's content, unpacked if it is gzip by its first bytes, and the file itself.

    ``tell()`` of the second says how far reading is. Raises UsageError when it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            content: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.BufferedReader(content, 1 << 20) as stream:
                yield stream, cast("IO[bytes]", raw)
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise UsageError(f"cannot read {path}: {error}; is the file whole?") from error


def plan(paths: Sequence[Path], kind: Kind | None, mapped: bool) -> list[Unit]:
    """The units of the given files and folders, in a fixed order. Raises UsageError.

    ``mapped`` says there is a mapping, so JSON files hold events of their own shape.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"the kind {kind!r} is not known; use {', '.join(KINDS)}")
    units: dict[tuple[Any, ...], list[Path]] = {}
    for path in _files(paths):
        guessed, form = _kind_of(path, kind, mapped)
        key = (_day_folder(path), guessed, form) if form == "json" and _small(path) else (path, guessed, form)
        units.setdefault(key, []).append(path)
    return [
        Unit(str(place if len(files) > 1 else files[0]), tuple(files), guess, form)
        for (place, guess, form), files in units.items()
    ]


def _small(path: Path) -> bool:
    return path.stat().st_size < 1 << 20


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        inside = (
            sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise UsageError(f"{path} holds no files to import")
        found |= dict.fromkeys(inside)
    return list(found)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _day_folder(path: Path) -> Path:
    """The folder of the file's day: its parent, above folders of hours and event types."""
    folder = path.parent
    if _HOUR_FOLDER.fullmatch(folder.name) and _is_day(folder.parent):
        return folder.parent
    return folder


def _is_day(folder: Path) -> bool:
    if folder.name.startswith("day="):
        return True
    parts = folder.parts[-3:]
    return len(parts) == 3 and all(map(str.isdigit, parts)) and len(parts[0]) == 4


def partition(path: Path) -> dict[str, str]:
    """year, month, day and event_type of a Hive path such as ``year=2026/month=03/…``."""
    matches = (_HIVE.fullmatch(part) for part in path.parent.parts)
    return {match[1]: match[2] for match in matches if match}


def _kind_of(path: Path, kind: Kind | None, mapped: bool) -> tuple[Kind, str]:
    """Kind and format (csv, tsv, parquet, json or log) of a file. Raises UsageError."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    extension = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    if kind == "access-log":
        return kind, "log"
    if extension in TABLES:
        if kind not in {None, "events"}:
            raise UsageError(f"{path} is a table: import it as events, with a mapping if need be")
        return "events", TABLES[extension]
    start = _start_of(path)
    if extension in _OBJECTS or start.lstrip()[:1] in {b"{", b"["}:
        return kind or ("events" if mapped else _object_kind(path, start)), "json"
    if kind is None and is_access_log(start):
        return "access-log", "log"
    if kind is not None:
        return kind, "json"
    raise UsageError(f"cannot tell what {path} is; say it with --as. There are {_HINTS}")


def _start_of(path: Path) -> bytes:
    with opened(path) as (stream, _):
        return stream.read(1 << 16).removeprefix(b"\xef\xbb\xbf")


def is_access_log(start: bytes) -> bool:
    """Whether the beginning of a file is that of a combined, ALB or CloudFront access log."""
    return bool(
        start.startswith((b"#Version:", b"#Fields:")) or _COMBINED.search(start) or _ALB.search(start)
    )


def _object_kind(path: Path, start: bytes) -> Kind:
    """By the first object: each contract has names of its own."""
    names = set(re.findall(rb'"(\w+)"\s*:', start[:8192]))
    if b"eventName" in names:
        return "sbw"
    if b"event_name" in names or b"ts" in names:
        return "events"
    if {b"session_id", b"source"} <= names or partition(path):
        return "cloudpulse"
    if not start.strip():
        return "events"
    raise UsageError(f"cannot tell what events {path} holds; say it with --as, or give a mapping with --map")
