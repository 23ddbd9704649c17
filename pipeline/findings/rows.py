"""Rows of CSV files: read line by line, so that no file is too large and no row can break the next."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data_access.findings import Finding, Refusal, RefusedFinding
from pipeline.findings.documents import canonical, refused
from pipeline.findings.members import UnusableError
from pipeline.findings.prowler import is_prowler, parse_prowler

_UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
_EXTRA = "EXTRA_COLUMNS"


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end, and its number from 1; of one that is too long only the beginning."""

    number: int
    data: bytes
    too_long: bool = False

    @property
    def blank(self) -> bool:
        """Whether there is nothing to read."""
        return not self.data.strip()

    def refusal(self) -> RefusedFinding:
        """The refusal of a line that is too long."""
        message = f"the line is longer than {len(self.data) - 1:,} bytes"
        return refused(self.number, Refusal.TOO_LARGE, message, self.data)


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns, and what stands between them."""

    names: tuple[str, ...]
    delimiter: str


def header_of(line: bytes) -> Header | None:
    """The header if the line is one of Prowler, else None."""
    text = line.decode(errors="replace").strip()
    delimiter = ";" if text.count(";") > text.count(",") else ","
    try:
        names = tuple(name.strip() for name in next(csv.reader([text], delimiter=delimiter)))
    except (csv.Error, StopIteration):
        return None
    return Header(names, delimiter) if is_prowler(set(names)) else None


def rows_in(lines: Iterable[Line], header: Header) -> Iterator[Finding | RefusedFinding]:
    """The findings of the rows after the header, and what is refused, by the line where the row ends."""
    source = _Texts(lines)
    reader = csv.reader(source, delimiter=header.delimiter)
    seen_header = False
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            yield from source.refusals()
            return
        except csv.Error as error:
            yield refused(source.number, Refusal.UNREADABLE, f"not readable as CSV: {error}", source.last)
            continue
        yield from source.refusals()
        if any(map(str.strip, cells)):
            if seen_header:
                yield _finding(cells, header, source.number)
            seen_header = True


def _finding(cells: list[str], header: Header, place: int) -> Finding | RefusedFinding:
    row, wrong = _row(cells, header)
    encoded = b""
    try:
        encoded = canonical(row)
        return parse_prowler(row, encoded, tuple(wrong))
    except UnusableError as error:
        return refused(place, error.reason, error.message, encoded)


def _row(cells: list[str], header: Header) -> tuple[dict[str, object], list[str]]:
    """The row by column, and what is wrong with it, in words."""
    width, wrong = len(header.names), []
    row: dict[str, object] = dict(zip(header.names, cells, strict=False))
    if len(cells) < width:
        wrong.append("the row has fewer columns than the header")
    if any(map(str.strip, cells[width:])):
        wrong.append("the row has more columns than the header")
        row[_EXTRA] = cells[width:]
    if any(_UNKNOWN_CHARACTER in cell for cell in cells):
        wrong.append("some characters are not UTF-8")
    return row, wrong


class _Texts:
    """The lines as text for the CSV reader; those that are too long are kept for refusal."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._too_long: list[RefusedFinding] = []
        self.number = 0
        self.last = b""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number, self.last = line.number, line.data
        if line.too_long:
            self._too_long.append(line.refusal())
            return "\n"
        return line.data.decode(errors="replace")

    def refusals(self) -> list[RefusedFinding]:
        """The refused lines since the last call."""
        found, self._too_long = self._too_long, []
        return found
