"""GET /csv/<question>: all rows of exactly what is shown, streamed in record batches."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from flask import Flask, Response, request
from pyarrow import csv

from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import QueryError
from pages.parts.access import EXPORT, allow, scope

LOG = logging.getLogger(__name__)

_FORMULA = r"^[=+\-@\t\r]"
_UNSAFE = re.compile(r"[^a-z0-9._-]+")
NO_PAGE = frozenset({"limit", "before", "after"})
"""Parameters of the page of rows on screen: an export has all rows."""


def register(server: Flask, backends: Backends) -> None:
    """Add the route."""

    @server.get("/csv/<question>")
    @allow(EXPORT)
    def export(question: str) -> Any:
        raw = {key: value for key, value in request.args.items() if value}
        if question == "explore.events":
            raw = {key: value for key, value in raw.items() if key not in NO_PAGE}
        try:
            batches = backends.asking.stream(question, raw, scope())
            first = next(batches, None)
        except UsageError as error:
            return _text(400, str(error))
        except QueryError as error:
            return _text(503, str(error))
        rest = batches if first is None else chain([first], batches)
        return Response(_chunks(question, rest), headers=_headers(question, raw))


def _text(status: int, message: str) -> Response:
    return Response(message + "\n", status, content_type="text/plain; charset=utf-8")


def _headers(question: str, raw: dict[str, str]) -> dict[str, str]:
    period = "_".join(filter(None, (raw.get("from"), raw.get("to"))))
    name = _UNSAFE.sub("-", "_".join(filter(None, ("streamgauge", question, period))).lower())
    return {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
        # Proxies that buffer would hold the whole file in memory.
        "X-Accel-Buffering": "no",
    }


def _chunks(question: str, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    header = True
    try:
        for batch in batches:
            yield to_csv(batch, header)
            header = False
    except Exception:
        # The head of the file is on its way: only a broken connection tells that the rest is missing.
        LOG.exception("export of %s broke off", question)
        raise


def to_csv(batch: pa.RecordBatch, header: bool) -> bytes:
    """A batch as CSV text: RFC 4180 quotes, UTC times in ISO 8601, no cell a spreadsheet would run."""
    safe = pa.RecordBatch.from_arrays([_cell(column) for column in batch.columns], names=batch.schema.names)
    buffer = io.BytesIO()
    csv.write_csv(
        safe, buffer, csv.WriteOptions(include_header=header, quoting_style="needed", batch_size=65536)
    )
    return buffer.getvalue()


def _cell(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _harmless(column)
    if pa.types.is_timestamp(kind):
        return _iso(column)
    return column


def _harmless(column: pa.Array) -> pa.Array:
    """Text cells that a spreadsheet would take for a formula start with a quote (OWASP)."""
    risky = pc.match_substring_regex(column, _FORMULA)
    if not pc.any(risky).as_py():
        return column
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def _iso(column: pa.Array) -> pa.Array:
    utc = column.cast(pa.timestamp("ms"), safe=False)
    return pc.strftime(utc, format="%Y-%m-%dT%H:%M:%SZ")
