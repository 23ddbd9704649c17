"""Files and bodies of findings: what they hold is told by their content, not by their name.

JSON (an object, a list, a wrapper of AWS), one JSON document per line, and Prowler's CSV; each also as gzip.
Lines are read one by one in bounded memory; any other JSON is read whole, up to MAX_DOCUMENT_BYTES.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

import msgspec

from data_access.findings import Finding, Refusal, RefusedFinding
from pipeline.findings.documents import findings_in, refused
from pipeline.findings.rows import Line, header_of, rows_in

MAX_LINE_BYTES = 32 << 20
"""The longest line that is read: a page of findings as Security Hub answers it fits many times."""
MAX_DOCUMENT_BYTES = 512 << 20
"""The largest JSON document that is not one per line."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_Open = Callable[[], IO[bytes]]
_Read = Iterator[Finding | RefusedFinding]
_ERRORS = (OSError, EOFError, zlib.error)


def read_findings(path: Path) -> _Read:
    """The findings of a file in its order, and what is refused, with its place.

    Places count from 1: the line where there is one document per line and for CSV (where the row ends), else
    the item of the list. Never raises for what the file holds: a file that cannot be read is one refusal.
    """
    return _guarded(lambda: path.open("rb"))


def read_findings_bytes(data: bytes) -> _Read:
    """The findings of a body, as read_findings has them of a file."""
    return _guarded(lambda: io.BytesIO(data))


def _guarded(source: _Open) -> _Read:
    try:
        yield from _read(source)
    except _ERRORS as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        yield refused(1, Refusal.UNREADABLE, f"the file cannot be read: {text}")


def _read(source: _Open) -> _Read:
    with _opened(source) as stream:
        start = list(islice((line for line in _lines(stream) if not line.blank), 2))
    if not start:
        yield refused(1, Refusal.UNREADABLE, "the file is empty")
    elif start[0].data.lstrip()[:1] not in {b"{", b"["}:
        yield from _csv(source, start[0])
    elif _is_lines(start):
        yield from _json_lines(source)
    else:
        yield from _json_document(source)


def _is_lines(start: list[Line]) -> bool:
    """Whether each line is a document of its own: there are two, and the first or the second is whole."""
    if len(start) < 2:
        return False
    first, second = start
    return _is_whole(first) or (first.data.lstrip()[:1] == b"{" and _is_whole(second))


def _is_whole(line: Line) -> bool:
    text = line.data.strip()
    if line.too_long or text[:1] not in {b"{", b"["}:
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def _json_lines(source: _Open) -> _Read:
    with _opened(source) as stream:
        for line in _lines(stream):
            if line.too_long:
                yield line.refusal()
            elif not line.blank:
                yield from findings_in(line.data, line.number)


def _json_document(source: _Open) -> _Read:
    with _opened(source) as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        most = f"{MAX_DOCUMENT_BYTES >> 20} MiB"
        message = f"the document is larger than {most}; larger files must hold one finding per line"
        yield refused(1, Refusal.TOO_LARGE, message, data)
        return
    yield from findings_in(data)


def _csv(source: _Open, first: Line) -> _Read:
    header = None if first.too_long else header_of(first.data)
    if header is None:
        message = "neither JSON nor a CSV of Prowler (ASFF, OCSF and Prowler's own formats are read)"
        yield refused(first.number, Refusal.UNREADABLE, message, first.data)
        return
    with _opened(source) as stream:
        yield from rows_in(_lines(stream), header)


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    """The lines; of one that is too long only the beginning is kept."""
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        too_long = len(data) > MAX_LINE_BYTES and not data.endswith(b"\n")
        if too_long:
            _skip_line(stream)
        yield Line(number, data, too_long)


def _skip_line(stream: IO[bytes]) -> None:
    while rest := stream.readline(1 << 20):
        if rest.endswith(b"\n"):
            return


@contextmanager
def _opened(source: _Open) -> Iterator[IO[bytes]]:
    """The content from its beginning: unpacked if it is gzip, without a byte order mark."""
    with source() as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        content = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.BufferedReader(cast("io.RawIOBase", content), 1 << 20) as stream:
            if stream.peek(3)[:3] == _BOM:
                stream.read(3)
            yield stream
