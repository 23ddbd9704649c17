"""Answers of Athena as Arrow: the types by what Athena says of the columns, the rows from its CSV file.

Athena quotes every value it writes, and writes nothing at all for NULL: an empty text and no text can be told
apart. PyAthena's Arrow cursor makes both empty, and reads the whole file before it gives a row. So the
file is read here, by pyarrow's streaming reader over PyAthena's ``ReadAheadStream``, part by part through
boto3: with the same credentials and endpoint as all other calls, and a lost connection costs one part.
UNLOAD would give Parquet, but takes a place of its own that the workgroup does not rule, and a few files for
every answer of a few rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv
from pyathena.filesystem.reader import ReadAheadStream
from pyathena.model import AthenaQueryExecution as Execution
from pyathena.util import parse_output_location

from data_access.aws.athena_calls import Calls, Found
from data_access.query_errors import QueryFailed, ResultMissing

log = logging.getLogger(__name__)

BATCH_ROWS = 8_000
_PART_BYTES, _PARTS_AHEAD = 8_000_000, 2
_BLOCK_BYTES = 16_000_000
"""What pyarrow parses at once; no row may be longer, and no event may be (a request is at most 12 MB)."""
_READ_SECONDS = 60.0

_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "char": pa.string(),
    "varchar": pa.string(),
    "json": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


class AthenaResults:
    """Reads the answers of queries that succeeded."""

    def __init__(self, athena: Any, s3: Any, calls: Calls) -> None:
        self._athena, self._s3, self._calls = athena, s3, calls

    def schema(self, run_id: str) -> pa.Schema:
        """The columns of an answer. Raises QueryFailed for a type that no question has."""
        found = self._ask(lambda: self._athena.get_query_results(QueryExecutionId=run_id, MaxResults=1))
        columns = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        return pa.schema([(column["Name"], _type(column)) for column in columns])

    def table(self, run: Execution) -> pa.Table:
        """The whole answer of a query."""
        schema = self.schema(run.query_id)
        return pa.Table.from_batches(self.batches(run.output_location, schema), schema)

    def batches(self, location: str | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of an answer's file, in its order, at most 8,000 at once.

        Raises ResultMissing when there is no file, or what is there is no answer.
        """
        if location is None:
            log.error("the workgroup keeps answers itself; give it a place in S3 for them")
            raise ResultMissing
        with self._opened(location) as file, _readable(location):
            for block in csv.open_csv(file, *_options(schema)):
                for start in range(0, block.num_rows, BATCH_ROWS):
                    part = block.slice(start, BATCH_ROWS)
                    yield pa.RecordBatch.from_arrays(part.columns, schema=schema)

    @contextmanager
    def _opened(self, location: str) -> Iterator[pa.PythonFile]:
        first, size = self._part(location, 0, _PART_BYTES)

        def read(offset: int, length: int) -> bytes:
            return first if offset == 0 else self._part(location, offset, length)[0]

        with ReadAheadStream(read, size, _PART_BYTES, _PARTS_AHEAD) as stream:
            yield pa.PythonFile(stream, mode="r")

    def _part(self, location: str, offset: int, length: int) -> tuple[bytes, int]:
        """Some bytes of a file, and how many it has in all."""
        bucket, key = parse_output_location(location)
        span = f"bytes={offset}-{offset + length - 1}"

        def call() -> tuple[bytes, int]:
            found = self._s3.get_object(Bucket=bucket, Key=key, Range=span)
            return found["Body"].read(), int(found["ContentRange"].rpartition("/")[2])

        return self._ask(call)

    def _ask(self, call: Callable[[], Found]) -> Found:
        return self._calls.ask(call, self._calls.clock() + _READ_SECONDS)


@contextmanager
def _readable(location: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        log.exception("the answer at %s cannot be read", location)
        raise ResultMissing from error


def _type(column: Mapping[str, Any]) -> pa.DataType:
    kind: str = column["Type"]
    if kind == "decimal":
        return pa.decimal128(column["Precision"], column["Scale"])
    if kind not in _TYPES:
        log.error("column %s has the type %s, which is not known here", column["Name"], kind)
        raise QueryFailed
    return _TYPES[kind]


def _options(schema: pa.Schema) -> tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]:
    """Columns go by their place: an answer may have two of one name."""
    places = [str(place) for place in range(len(schema))]
    return (
        csv.ReadOptions(
            column_names=places, skip_rows_after_names=1, block_size=_BLOCK_BYTES, use_threads=False
        ),
        # A row of one column that is NULL is an empty line.
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=dict(zip(places, schema.types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
