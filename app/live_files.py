"""GET /csv/realtime and GET /csv/reconciliation: the rows of these pages as CSV, with the pages' parameters.

Live counts move on, so a file has no manifest from which it could be made again; that it was taken, by whom
and with which checksum is in the audit log like every download.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from flask import Flask, Response, request

from app.csv_files import to_csv
from app.exports import or_why_not, parameters, taken
from data_access.backends import Backends
from data_access.events import EVENT_TYPES
from data_access.roles import EXPORT
from pages import realtime, reconciliation
from pages.parts import live_sites
from pages.parts.access import allow, scope
from pages.parts.view import View, view

_MINUTE = pa.field("minute", pa.timestamp("ms"))
_COUNTED = ("events", *EVENT_TYPES, "sessions", "visitors")
_HELD = ("live", "final", "duplicates", "moved_in", "moved_out", "unreadable", "unexplained")


def _numbers(names: tuple[str, ...]) -> list[pa.Field]:
    return [pa.field(name, pa.int64()) for name in names]


MINUTE_ROWS = pa.schema([_MINUTE, *_numbers(_COUNTED)])
LINES = pa.schema(
    [
        _MINUTE,
        pa.field("site", pa.string()),
        pa.field("event_type", pa.string()),
        *_numbers(_HELD),
        pa.field("verdict", pa.string()),
    ]
)


def register(server: Flask, backends: Backends) -> None:
    """Add the two routes."""

    @server.get("/csv/realtime")
    @allow(EXPORT)
    def counted() -> Any:
        return or_why_not(lambda: _file(backends, realtime.PATH, _minutes))

    @server.get("/csv/reconciliation")
    @allow(EXPORT)
    def reconciled() -> Any:
        return or_why_not(lambda: _file(backends, reconciliation.PATH, _lines))


def _file(backends: Backends, path: str, make: Callable[[View], pa.RecordBatch]) -> Response:
    """A page's rows, made at once."""
    now, seen = datetime.now(UTC), view(backends, path, request.query_string.decode(errors="replace"))
    rows = make(replace(seen, scope=scope(EXPORT)))  # who sees more sites may not take all of them away
    content = to_csv(rows, with_header=True)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="streamgauge_{path[1:]}_{now:%Y-%m-%dt%H-%M-%S}z.csv"',
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
    }
    return taken(backends, path[1:], parameters(), iter([content]), lambda: int(rows.num_rows), headers)


def _minutes(view: View) -> pa.RecordBatch:
    """A row a minute, oldest first, the running one last."""
    rows = view.backends.realtime.snapshot().by_minute(live_sites.chosen(view))
    return pa.RecordBatch.from_pylist(rows, schema=MINUTE_ROWS)


def _lines(view: View) -> pa.RecordBatch:
    """The lines that are chosen on the page, newest first."""
    lines = reconciliation.chosen(view, reconciliation.report(view))
    rows = [asdict(line) | {"unexplained": line.unexplained, "verdict": str(line.verdict)} for line in lines]
    return pa.RecordBatch.from_pylist(rows, schema=LINES)
