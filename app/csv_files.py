"""Record batches as CSV text: RFC 4180, units in the header, no cell that a spreadsheet would run."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from data_access.metrics import LOCAL_TIMES, header

_FORMULA = r"^'*([\s\pZ\pC]*[=+\-@＝＋－＠]|[\t\r\n])"
"""What a spreadsheet may run, behind nothing that is seen and behind quotes: so a first quote can be taken
away again from every cell that has one of ours."""


def to_csv(batch: pa.RecordBatch, with_header: bool, currency: str = "", time_zone: str = "UTC") -> bytes:
    """A batch as CSV text, UTF-8. UTC times end in Z; the site's own are written without a zone, which
    the header then names."""
    names = [header(name, currency, time_zone) for name in batch.schema.names]
    cells = [_cells(name, batch[name]) for name in batch.schema.names]
    buffer = io.BytesIO()
    options = csv.WriteOptions(include_header=with_header, quoting_style="needed", batch_size=65536)
    csv.write_csv(pa.RecordBatch.from_arrays(cells, names=names), buffer, options)
    return buffer.getvalue()


def _cells(name: str, column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _harmless(column)
    if pa.types.is_timestamp(kind):
        return _local(column) if name in LOCAL_TIMES else _utc(column)
    return column


def _harmless(column: pa.Array) -> pa.Array:
    """Text cells that a spreadsheet would take for a formula start with one more quote (OWASP)."""
    risky = pc.match_substring_regex(column, _FORMULA)
    if not pc.any(risky).as_py():
        return column
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def _utc(column: pa.Array) -> pa.Array:
    return pc.strftime(column.cast(pa.timestamp("ms"), safe=False), format="%Y-%m-%dT%H:%M:%SZ")


def _local(column: pa.Array) -> pa.Array:
    return pc.strftime(column.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%dT%H:%M:%S")
