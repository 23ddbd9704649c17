"""What the rest of the product may ask of a back end: small verbs, no drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from data_access.model import Sql, Version


@dataclass(frozen=True, slots=True)
class CurateResult:
    """What a curation did: raw rows read, events added (duplicates left out), days rewritten."""

    raw_rows: int
    added: int
    days: int


@dataclass(frozen=True, slots=True)
class MaintainResult:
    """What maintenance did: days compacted, files before and after, snapshots and files removed."""

    days_compacted: int
    files_before: int
    files_after: int
    snapshots_expired: int
    orphans_deleted: int
    bytes_freed: int


class Lake(Protocol):
    """Raw and curated tables. Every write is one atomic commit."""

    def append(self, events: pa.Table) -> None:
        """Add canonical events (EVENT_SCHEMA) to the raw table in one commit."""

    def ingested(self, prefix: str) -> dict[str, int]:
        """Raw batches whose ingest_id starts with ``prefix``, with their row counts."""

    def curate(self) -> CurateResult:
        """Bring events, sessions and orders up to date with the raw table, in one visible step."""

    def maintain(self, now: datetime) -> MaintainResult:
        """Compact days closed before ``now``, expire old snapshots, sweep files no snapshot names."""

    def snapshot(self) -> Version:
        """The current data version; cheap enough to ask before every question."""

    def health(self) -> dict[str, Any]:
        """Tables with rows, files, bytes, snapshots and what waits for curation, for `doctor`."""


Scanned = Callable[[int], None]


def ignored(_bytes: int) -> None:
    """For who does not want to know how much was read."""


class Warehouse(Protocol):
    """Runs questions over one whole snapshot of the curated tables."""

    engine: str

    def table(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> pa.Table:
        """The whole answer; ``scanned`` is told the bytes read where the engine knows them.

        Raises QueryError when it fails or takes too long.
        """

    def schema(self, sql: Sql, version: Version) -> pa.Schema:
        """The answer's columns and types, without computing it."""

    def stream(self, sql: Sql, version: Version) -> Iterator[pa.RecordBatch]:
        """The answer in record batches, with memory bounded by the batch size."""


class Cache(Protocol):
    """Answers by key; one computation per key at a time, over all threads and processes."""

    def get_or_compute(self, key: str, compute: Callable[[], pa.Table]) -> tuple[pa.Table, bool]:
        """The table kept under ``key``, else ``compute()``'s; True when it was there already."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored value and its version, which compare-and-set takes."""

    value: Mapping[str, Any]
    version: int


class Documents(Protocol):
    """Small JSON documents by kind and key, with compare-and-set."""

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
        """Write if the stored version is ``expected`` (None: must not exist yet); False if it is not."""

    def delete(self, kind: str, key: str, expected: int) -> bool:
        """Delete if the stored version is ``expected``; False if it is not."""

    def list(self, kind: str) -> list[tuple[str, Document]]:
        """Every document of a kind, by key."""


class QueryError(RuntimeError):
    """A query failed or was cancelled; the message is safe to show and holds no SQL."""
