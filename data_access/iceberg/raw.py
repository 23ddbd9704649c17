"""Which files the raw table has gained since a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from data_access.iceberg.tables import LakeFile, current_id, lake_file

COMPACTION = "streamgauge.compaction"
"""The property of snapshots that only put files together."""


@dataclass(frozen=True, slots=True)
class Gained:
    """The files of some snapshots after another one, ``upto`` the newest of them."""

    files: tuple[LakeFile, ...]
    upto: int


def new_raw_files(raw: Table, since: int) -> list[LakeFile]:
    """Files that snapshots after ``since`` brought, compactions left out.

    When ``since`` has expired these are all files: curation leaves out what it has already.
    """
    return list(gained(raw, since).files)


def gained(raw: Table, since: int, most: int | None = None) -> Gained:
    """What came after a snapshot, oldest first; with ``most`` of as few snapshots as bring so many files."""
    found: dict[str, LakeFile] = {}
    upto = since
    for snapshot in _after(raw, since):
        if most is not None and len(found) >= most:
            return Gained(_ordered(found), upto)
        if not _only_moves(snapshot):
            found |= {file.path: file for file in _added_by(raw, snapshot)}
        upto = snapshot.snapshot_id
    return Gained(_ordered(found), current_id(raw))


def _after(raw: Table, since: int) -> list[Any]:
    """Snapshots after another one, oldest first."""
    found = []
    snapshot: Any = raw.current_snapshot()
    while snapshot is not None and snapshot.snapshot_id != since:
        found.append(snapshot)
        parent = snapshot.parent_snapshot_id
        snapshot = raw.snapshot_by_id(parent) if parent else None
    return found[::-1]


def _only_moves(snapshot: Any) -> bool:
    summary = snapshot.summary
    return summary is not None and bool(summary.get(COMPACTION) or summary.operation is Operation.REPLACE)


def _ordered(found: dict[str, LakeFile]) -> tuple[LakeFile, ...]:
    return tuple(sorted(found.values(), key=lambda file: (file.day, file.path)))


def _added_by(raw: Table, snapshot: Any) -> Iterator[LakeFile]:
    for manifest in snapshot.manifests(raw.io):
        if manifest.added_snapshot_id != snapshot.snapshot_id:
            continue
        for entry in manifest.fetch_manifest_entry(raw.io, discard_deleted=True):
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id:
                yield lake_file(entry.data_file)
