"""GET /csv/findings: the filtered findings as CSV; GET /pack/findings: the same with a manifest.

What is asked for, by whom, is in the audit log before the first byte, like every download.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any

import pyarrow as pa
from flask import Flask, Response, request

from app.csv_files import to_csv
from app.exports import or_why_not, parameters, taken
from app.health import app_version
from data_access import moments
from data_access.backends import Backends
from data_access.findings import Row
from data_access.roles import FINDINGS
from pages.parts import address, finding_bar, finding_table
from pages.parts.access import allow, scope
from pages.parts.finding_desk import PATH, Desk, desk
from pages.parts.view import view

VERSION = 1
_BATCH = 2000
_TEXTS = [
    "key",
    "id",
    "severity",
    "compliance",
    "status",
    "state",
    "title",
    "control",
    "service",
    "standards",
    "account",
    "region",
    "resource_type",
    "resource_id",
    "provider",
    "assignee",
    "reason",
    "note",
]
_MOMENTS = ("created", "updated", "first_opened", "opened", "due", "muted_until")
_READ_BYTES = 1 << 16

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _TEXTS),
        *(pa.field(name, pa.timestamp("us")) for name in _MOMENTS),
        pa.field("overdue", pa.bool_()),
        pa.field("times_opened", pa.int64()),
    ]
)
COLUMNS = {
    "key": "SHA-256 of the provider's product and id: names the finding here",
    "id": "The provider's id",
    "compliance": "What the check found: FAILED, WARNING, PASSED, NOT_AVAILABLE or NOT_A_CHECK",
    "status": "How far people are with it: NEW, NOTIFIED, SUPPRESSED (muted) or RESOLVED",
    "state": "open or closed now: open is a problem that is neither muted nor resolved",
    "first_opened": "When it opened for the first time, UTC",
    "opened": "When it opened last, UTC; empty where it is closed",
    "due": "opened and the target of its severity, UTC",
    "muted_until": "When the muting ends, UTC; empty where it does not",
    "overdue": "Whether it is open after due, at the time of the export",
    "times_opened": "How often the provider saw it become a problem",
}
"""What the columns hold that do not say it by their name."""


def register(server: Flask, backends: Backends) -> None:
    """Add the two routes."""

    @server.get("/csv/findings")
    @allow(FINDINGS)
    def listed() -> Any:
        return or_why_not(lambda: _csv(backends))

    @server.get("/pack/findings")
    @allow(FINDINGS)
    def packed() -> Any:
        return or_why_not(lambda: _pack(backends))


@dataclass(slots=True)
class Counted:
    """What went into a file."""

    rows: int = 0
    size: int = 0
    severities: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=sha256)

    def take(self, rows: list[dict[str, Any]], chunk: bytes) -> None:
        """Count some rows and their bytes."""
        self.rows += len(rows)
        self.size += len(chunk)
        self.severities.update(row["severity"] for row in rows)
        self.states.update(row["state"] for row in rows)
        self.digest.update(chunk)


def _csv(backends: Backends) -> Response:
    found, keys = _asked(backends)
    counted = Counted()
    headers = _headers(f"{_name(found)}.csv", "text/csv; charset=utf-8")
    return _taken(backends, "findings", _chunks(found, keys, counted), counted, headers)


def _taken(
    backends: Backends, what: str, chunks: Iterator[bytes], counted: Counted, headers: dict[str, str]
) -> Response:
    def rows() -> int:
        return counted.rows

    return taken(backends, what, parameters(), chunks, rows, headers, permission=FINDINGS)


def _asked(backends: Backends) -> tuple[Desk, list[str]]:
    """The page that is asked for and the keys of its findings, in its order. Raises UsageError."""
    found = desk(view(backends, PATH, request.query_string.decode(errors="replace")))
    rows = found.select(found.wanted)
    name, down = finding_table.sorting(found)
    return found, found.index.page(rows, name, down=down, start=0, count=len(rows))


def _chunks(found: Desk, keys: list[str], counted: Counted) -> Iterator[bytes]:
    """The CSV, piece by piece, with its header also where there is no row."""
    for start in range(0, max(len(keys), 1), _BATCH):
        kept = found.view.backends.findings.rows(keys[start : start + _BATCH])
        rows = [_cells(found, row) for row in kept]
        chunk = to_csv(pa.RecordBatch.from_pylist(rows, schema=SCHEMA), with_header=start == 0)
        counted.take(rows, chunk)
        yield chunk


def _cells(found: Desk, row: Row) -> dict[str, Any]:
    flow = row.workflow
    due = None if row.opened is None else row.opened + found.targets[row.severity]
    at = {
        "created": row.created,
        "updated": row.updated,
        "first_opened": row.spans[0].opened if row.spans else None,
        "opened": row.opened,
        "due": due,
        "muted_until": flow.until,
    }
    return {
        **{name: getattr(row, name) for name in _TEXTS if hasattr(row, name)},
        "severity": str(row.severity),
        "compliance": str(row.compliance),
        "status": str(flow.status),
        "state": "closed" if row.opened is None else "open",
        "standards": "; ".join(row.standards),
        "assignee": flow.assignee,
        "reason": flow.reason,
        "note": flow.note,
        **{name: None if moment is None else moments.utc(moment) for name, moment in at.items()},
        "overdue": due is not None and due < found.now,
        "times_opened": row.epoch,
    }


def _pack(backends: Backends) -> Response:
    found, keys = _asked(backends)
    counted = Counted()
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it, when it has been sent
    try:
        _write_pack(file, found, keys, counted)
        headers = _headers(f"{_name(found)}.zip", "application/zip") | {"Content-Length": str(file.tell())}
        file.seek(0)
        answer = _taken(backends, "findings pack", _read(file), counted, headers)
    except BaseException:
        file.close()
        raise
    answer.call_on_close(file.close)
    return answer


def _write_pack(file: IO[bytes], found: Desk, keys: list[str], counted: Counted) -> None:
    name, revision = _name(found), found.index.refresh()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        with pack.open(f"{name}.csv", "w", force_zip64=True) as csv:
            for chunk in _chunks(found, keys, counted):
                csv.write(chunk)
        manifest = _manifest(found, counted, f"{name}.csv", revision)
        pack.writestr(f"{name}.manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _manifest(found: Desk, counted: Counted, name: str, revision: int) -> dict[str, Any]:
    """What the CSV holds, by which filter, of which state of the store, and its checksum."""
    backends, raw = found.view.backends, dict(found.view.raw)
    if found.scans and raw.get("outcome"):  # which two are the newest changes
        raw |= zip(("scan_from", "scan_to"), found.scans, strict=True)
    return {
        "manifest_version": VERSION,
        "made_by": f"Streamgauge {app_version()}",
        "file": name,
        "sha256": counted.digest.hexdigest(),
        "bytes": counted.size,
        "rows": counted.rows,
        "filter": finding_bar.summary(found),
        "parameters": raw,
        "link": backends.settings.base_url + address.write(PATH, raw),
        "by_severity": dict(sorted(counted.severities.items())),
        "by_state": dict(sorted(counted.states.items())),
        "targets_days": {severity: target / moments.DAY for severity, target in found.targets.items()},
        "store_revision": revision,
        "columns": [{"name": name, "about": COLUMNS.get(name, "")} for name in SCHEMA.names],
        "exported_at": moments.text(found.now),
        "exported_by": scope(FINDINGS).user,
    }


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_READ_BYTES):
            yield chunk


def _name(found: Desk) -> str:
    return f"streamgauge_findings_{moments.utc(found.now):%Y-%m-%dt%H-%M-%S}z"


def _headers(name: str, kind: str) -> dict[str, str]:
    return {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
