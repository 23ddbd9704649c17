"""The rejects file: one CSV line for each row that was not imported."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pipeline.importers.model import Reject

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class RejectsFile:
    """Written as rejects come, and only made when there is one: columns file, row, column, reason."""

    def __init__(self, folder: Path, started: datetime) -> None:
        self._folder = folder
        self._name = f"rejects-{started:%Y%m%dT%H%M%S%f}.csv"
        self._stream: IO[str] | None = None
        self._writer: Any = None

    @property
    def path(self) -> Path | None:
        """Where the file is, or None when nothing was rejected."""
        return self._folder / self._name if self._stream else None

    def write(self, file: str, rejects: list[Reject]) -> None:
        """Add the rejects of one file."""
        if not rejects:
            return
        if self._stream is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stream = (self._folder / self._name).open(
                "w", encoding="utf-8", errors="replace", newline=""
            )
            self._writer = csv.writer(self._stream)
            self._writer.writerow(["file", "row", "column", "reason"])
        for reject in rejects:
            self._writer.writerow([_safe(file), reject.row, _safe(reject.column), _safe(reject.reason)])

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()


def _safe(text: str) -> str:
    """A cell no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text
