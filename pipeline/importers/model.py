"""The values importers pass around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.rules import Rules, load_rules

Kind = Literal["events", "access-log", "cloudpulse", "sbw"]
KINDS: tuple[Kind, ...] = ("events", "access-log", "cloudpulse", "sbw")
BATCH_ROWS = 50_000
# Rows held as Python objects at once, where a format needs that.
PIECE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import. ``kind`` None guesses it from each file's name and beginning.

    ``rejects_dir`` is where the rejects file goes, if there are rejects. ``client_key`` keys the hash
    that stands for address and user agent in access logs: without it anyone who has the data could
    find the addresses by trying them all. ``received_at`` is when Streamgauge took the data in.
    """

    rejects_dir: Path
    mapping: Path | None = None
    site: str = "default"
    kind: Kind | None = None
    rules: Rules = field(default_factory=load_rules)
    client_key: str = ""
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was not imported: its 1-based number in the file, the column, and the reason."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Up to BATCH_ROWS rows of one file, read and checked.

    ``drafts`` has canonical columns (see pipeline.enrich) for each good row, ``contents`` the bytes
    their ids are made of (None: every row brings its own id), ``position`` the bytes of the file read
    so far. Rows read = rows of ``drafts`` + ``rejects``.
    """

    drafts: pa.Table
    contents: list[bytes] | None
    rejects: list[Reject]
    position: int

    @property
    def rows(self) -> int:
        """Rows read."""
        return int(self.drafts.num_rows) + len(self.rejects)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: rows read so far over all files, and bytes of ``total_bytes``."""

    file: str
    rows: int
    bytes_done: int
    total_bytes: int
    rows_per_second: float


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class FileSummary:
    """One file, or one folder of small files: ``read`` = ``appended`` + ``already_there`` + ``rejected``.

    ``appended`` rows went to the raw table now, ``already_there`` were there from an earlier, perhaps killed,
    import of the same file.
    """

    file: str
    files: int
    read: int
    appended: int
    already_there: int
    rejected: int
    seconds: float
    rejects_file: Path | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole import. ``added`` are events new to the curated table; ``already_there`` the others.

    ``rejects_file`` is None when nothing was rejected.
    """

    files: tuple[FileSummary, ...]
    read: int
    added: int
    already_there: int
    rejected: int
    seconds: float
    rejects_file: Path | None

    @property
    def rows_per_second(self) -> float:
        """Rows read per second, curation included."""
        return self.read / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class Faults:
    """The rows of one piece that cannot be imported: the first fault of a row is the one reported."""

    found: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, row: int, column: str, reason: str) -> None:
        """Note that the row at 0-based index ``row`` of the piece has a fault."""
        self.found.setdefault(row, (column, reason))

    def add_where(self, bad: Any, column: str, reason: Callable[[int], str]) -> None:
        """Note a fault for every row where the boolean array ``bad`` is true."""
        for row in bad.to_numpy(zero_copy_only=False).nonzero()[0].tolist():
            self.add(row, column, reason(row))
