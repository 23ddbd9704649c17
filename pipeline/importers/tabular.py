"""CSV, TSV and Parquet: streamed in batches, every CSV value as text (contract types win)."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from data_access.model import UsageError
from pipeline.importers.columns import Source
from pipeline.importers.files import opened
from pipeline.importers.model import BATCH_ROWS, Faults, Reject

# The longest row there may be. The reader keeps up to 32 blocks ahead, so this also bounds memory.
_BLOCK = 2 << 20


def read_table(path: Path, form: str) -> Iterator[Source]:
    """The rows of a CSV, TSV or Parquet file in batches of BATCH_ROWS. Raises UsageError."""
    return read_parquet(path) if form == "parquet" else read_csv(path)


def table_columns(path: Path, form: str) -> list[str]:
    """The column names of a CSV, TSV or Parquet file; none when the file is empty."""
    if not path.stat().st_size:
        return []
    if form == "parquet":
        with _parquet(path) as (file, _):
            return list(_flat(file.schema_arrow.empty_table()).column_names)
    with opened(path) as (stream, _):
        return _header(path, stream)[0]


def _header(path: Path, stream: IO[bytes]) -> tuple[list[str], str]:
    """Column names and delimiter. Raises UsageError for names that are not unique or not text."""
    line = stream.readline(_BLOCK)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    is_tsv = "\t" in text and ("," not in text or ".tsv" in path.suffixes)
    delimiter = "\t" if is_tsv else ";" if ";" in text and "," not in text else ","
    names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{path} has the column {twice[0]!r} more than once; rename one")
    return names, delimiter


def read_csv(path: Path) -> Iterator[Source]:
    """The rows of a CSV or TSV file. Rows with too many or too few values are rejected by number."""
    names = table_columns(path, "csv")
    if not names:
        return
    unread: list[tuple[int, int]] = []
    with opened(path) as (stream, raw):
        delimiter = _header(path, stream)[1]
        counter = _RowNumbers(unread)
        for batch in rebatch(_csv_blocks(path, stream, names, delimiter, unread)):
            numbers, rejects = counter.take(batch.num_rows, len(names))
            yield _source(batch, numbers, rejects, raw.tell())
        numbers, rejects = counter.take(0, len(names), final=True)
        if rejects:
            yield _source(
                pa.table({name: pa.array([], pa.binary()) for name in names}), numbers, rejects, raw.tell()
            )


def _csv_blocks(
    path: Path, stream: IO[bytes], names: list[str], delimiter: str, unread: list[tuple[int, int]]
) -> Iterator[Any]:
    def skip(row: Any) -> str:
        unread.append((row.number, row.actual_columns))
        return "skip"

    try:
        reader = pa_csv.open_csv(
            pa.PythonFile(stream, "r"),
            # One thread: only then are rows that cannot be parsed told with their number.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            # Bytes, so that a row that is not UTF-8 costs only itself.
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary())),
        )
        yield from reader
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise UsageError(
                f"{path} has a row longer than {_BLOCK >> 20} MB, perhaps a quote is not closed: {error}"
            ) from error


class _RowNumbers:
    """Numbers of data rows, when the reader leaves out the rows it could not parse."""

    def __init__(self, unread: list[tuple[int, int]]) -> None:
        self._unread = unread
        self._next = 1

    def take(self, rows: int, width: int, *, final: bool = False) -> tuple[Any, list[Reject]]:
        """The numbers of the next ``rows`` good rows, and the unreadable rows before the last of them."""
        numbers = np.arange(self._next, self._next + rows, dtype=np.int64)
        used = 0
        for number, _ in self._unread:
            if not final and (not rows or number > numbers[-1]):
                break
            numbers[np.searchsorted(numbers, number) :] += 1
            used += 1
        rejects = [
            Reject(number, "", f"has {count} values, the header has {width}")
            for number, count in self._unread[:used]
        ]
        del self._unread[:used]
        self._next += rows + used
        return numbers, rejects


def rebatch(blocks: Iterator[Any]) -> Iterator[Any]:
    """The same rows in tables of exactly BATCH_ROWS rows, the last one smaller."""
    waiting: list[Any] = []
    count = 0
    for block in blocks:
        waiting.append(pa.Table.from_batches([block]))
        count += block.num_rows
        while count >= BATCH_ROWS:
            table = pa.concat_tables(waiting)
            yield table.slice(0, BATCH_ROWS)
            waiting, count = [table.slice(BATCH_ROWS)], count - BATCH_ROWS
    if count:
        yield pa.concat_tables(waiting)


@contextmanager
def _parquet(path: Path) -> Iterator[tuple[Any, IO[bytes]]]:
    try:
        with opened(path) as (stream, raw), tempfile.TemporaryFile() as unpacked:
            # Parquet is read from its end, so a gzipped one is unpacked to disk first.
            if stream.peek(4)[:4] != b"PAR1" or path.suffix == ".gz":  # type: ignore[attr-defined]
                shutil.copyfileobj(stream, unpacked)
                unpacked.seek(0)
                yield pq.ParquetFile(unpacked, page_checksum_verification=True), raw
            else:
                yield pq.ParquetFile(path, page_checksum_verification=True), raw
    except pa.ArrowException as error:
        raise UsageError(f"cannot read {path} as Parquet: {error}") from error


def read_parquet(path: Path) -> Iterator[Source]:
    """The rows of a Parquet file; columns of structs become ``outer.inner`` columns."""
    size, done = path.stat().st_size, 0
    if not size:
        return
    with _parquet(path) as (file, _):
        total = max(file.metadata.num_rows, 1)
        for table in rebatch(file.iter_batches(batch_size=BATCH_ROWS, use_threads=False)):
            numbers = np.arange(done + 1, done + table.num_rows + 1, dtype=np.int64)
            done += table.num_rows
            yield _source(_flat(table), numbers, [], size * done // total)


def _flat(table: Any) -> Any:
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def _source(table: Any, numbers: Any, rejects: list[Reject], position: int) -> Source:
    faults = Faults()
    columns = {name: _plain(table[name].combine_chunks(), name, faults) for name in table.column_names}
    return Source(columns, numbers, faults, rejects, position)


def _plain(values: Any, name: str, faults: Faults) -> Any:
    """A column in one of the few types the rest knows: text is always ``string``."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return _decoded(values.cast(pa.binary()), name, faults)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    return values.cast(pa.float64()) if pa.types.is_float16(kind) else values


def _decoded(values: Any, name: str, faults: Faults) -> Any:
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [_text(value) for value in values.to_pylist()]
        result = pa.array(texts, pa.string())
        bad = pc.and_(pc.is_null(result), pc.is_valid(values))
        faults.add_where(bad, name, lambda _: "is not UTF-8 text")
        return result


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
