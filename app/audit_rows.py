"""The audit log as CSV: every field of a record, and the exact text that was hashed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from app.csv_files import to_csv
from data_access.audit import Record, canonical, read
from data_access.audit_search import Wanted, page
from data_access.ports import AuditLog

_TOGETHER = 1000
_PAGE_ROWS = 500
_TEXTS = ("at", "what", "outcome", "id", "user", "role", "sites", "subject", "parameters")

COLUMNS = pa.schema(
    [
        pa.field("number", pa.int64()),
        *(pa.field(name, pa.string()) for name in _TEXTS),
        *(pa.field(name, pa.int64()) for name in ("rows", "bytes")),
        *(pa.field(name, pa.string()) for name in ("sha256", "reason", "previous", "hash", "record")),
    ]
)
"""Of the exported file: a record's fields, and its text, of which ``hash`` is the SHA-256."""


class Records:
    """The records of all rows that are wanted, as the chunks of a CSV file, oldest first.

    ``written`` is how many are in the chunks that were taken so far. Raises audit.AuditError.
    """

    def __init__(self, log: AuditLog, wanted: Wanted) -> None:
        self._log, self._wanted, self._newest = log, wanted, log.head().number
        self.written = 0

    def chunks(self) -> Iterator[bytes]:
        """The file, its head first. Raises audit.AuditError."""
        yield to_csv(pa.RecordBatch.from_pylist([], schema=COLUMNS), with_header=True)
        numbers = None if self._wanted == Wanted() else self._numbers()
        records = (read(kept) for kept in self._log.oldest() if numbers is None or kept.number in numbers)
        while together := list(islice(records, _TOGETHER)):
            self.written += len(together)
            rows = [_cells(record) for record in together]
            yield to_csv(pa.RecordBatch.from_pylist(rows, schema=COLUMNS), with_header=False)

    def _numbers(self) -> set[int]:
        """The numbers of the records of wanted rows, without that of the file itself."""
        found: set[int] = set()
        more = ""
        while True:
            one = page(self._log.newest, self._wanted, _PAGE_ROWS, more)
            found |= {record.number for row in one.rows for record in row.records}
            more = one.next
            if not more:
                return {number for number in found if number <= self._newest}


def _cells(record: Record) -> dict[str, Any]:
    cells = {name: getattr(record, name) for name in COLUMNS.names if name != "record"}
    sites = None if record.sites is None else canonical(record.sites)
    return cells | {"sites": sites, "parameters": canonical(record.parameters), "record": record.text}
