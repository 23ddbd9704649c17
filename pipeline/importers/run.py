"""Imports files: in batches with stable names, so that it can be killed and repeated at any time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_access.events import TIMESTAMP
from data_access.model import UsageError
from data_access.ports import Lake
from pipeline.contracts.fields import to_utc
from pipeline.enrich import enrich
from pipeline.identity import Occurrences, content_ids
from pipeline.importers.accesslog import read_access_log
from pipeline.importers.columns import to_piece
from pipeline.importers.files import TABLES, Unit, plan
from pipeline.importers.mapping import REQUIRED, FieldRules, check_columns, identity_mapping, load_mapping
from pipeline.importers.model import (
    BATCH_ROWS,
    FileSummary,
    ImportOptions,
    Piece,
    Progress,
    Report,
    Summary,
)
from pipeline.importers.objects import contract_pieces, object_sources
from pipeline.importers.rejects import RejectsFile
from pipeline.importers.tabular import read_table, table_columns


def import_paths(lake: Lake, paths: Sequence[Path], options: ImportOptions, report: Report) -> Summary:
    """Import files and folders into the lake, and curate once at the end.

    Each batch is one append with the ingest id ``import-<digest of file, mapping, site and kind>-<n>``;
    batches that are there already are left out, so an import that was killed goes on where it was and one
    that is repeated adds nothing. A bad row goes to the rejects file and stops nothing. Raises UsageError
    when a file or the mapping cannot be used at all: before anything is added, where that can be seen.
    """
    return _Import(lake, options, report).run(paths)


class _Import:
    def __init__(self, lake: Lake, options: ImportOptions, report: Report) -> None:
        self._lake, self._options, self._report = lake, options, report
        self._mapping = load_mapping(options.mapping) if options.mapping else None
        self._mapping_text = options.mapping.read_text("utf-8") if options.mapping else ""
        self._started = time.monotonic()
        self._rows = self._bytes_done = self._total_bytes = 0

    def run(self, paths: Sequence[Path]) -> Summary:
        units = plan(paths, self._options.kind, self._mapping is not None)
        self._check(units)
        self._total_bytes = sum(unit.size for unit in units)
        files: list[FileSummary] = []
        with RejectsFile(self._options.rejects_dir, datetime.now(UTC)) as rejects:
            try:
                for unit in units:
                    files.append(self._import_unit(unit, rejects))
            except UsageError:
                # A broken file in the middle: what the files before it brought is to be seen.
                self._lake.curate()
                raise
            return self._summary(files, rejects.path)

    def _summary(self, files: list[FileSummary], rejects_file: Path | None) -> Summary:
        added = self._lake.curate().added
        read, rejected = sum(f.read for f in files), sum(f.rejected for f in files)
        return Summary(
            files=tuple(files),
            read=read,
            added=added,
            already_there=max(read - rejected - added, 0),
            rejected=rejected,
            seconds=time.monotonic() - self._started,
            rejects_file=rejects_file,
        )

    def _check(self, units: list[Unit]) -> None:
        """Before anything is added: have all tables the columns they need?"""
        for unit in units:
            for path in unit.paths if unit.format in TABLES.values() else ():
                columns = table_columns(path, unit.format)
                if columns:
                    check_columns(self._rules(columns), columns, str(path))

    def _rules(self, columns: Sequence[str]) -> FieldRules:
        return identity_mapping(columns) if self._mapping is None else self._mapping

    def _import_unit(self, unit: Unit, rejects: RejectsFile) -> FileSummary:
        started = time.monotonic()
        prefix = f"import-{unit.digest(self._options.site, self._mapping_text)}-"
        done = self._lake.ingested(prefix)
        appended = already_there = rejected = 0
        for number, (tables, refused) in enumerate(self._batches(unit, rejects)):
            ingest_id, rows = f"{prefix}{number:06d}", sum(table.num_rows for table in tables)
            rejected += refused
            if ingest_id in done:
                already_there += rows
            elif rows:
                self._lake.append(self._events(tables, ingest_id))
                appended += rows
        self._bytes_done += unit.size
        return FileSummary(
            file=unit.label,
            files=len(unit.paths),
            read=appended + already_there + rejected,
            appended=appended,
            already_there=already_there,
            rejected=rejected,
            seconds=time.monotonic() - started,
            rejects_file=rejects.path if rejected else None,
        )

    def _events(self, tables: list[Any], ingest_id: str) -> Any:
        drafts = pa.concat_tables(tables, promote_options="default")
        made = pa.nulls(drafts.num_rows, pa.string()).fill_null(ingest_id)
        received = pa.scalar(to_utc(self._options.received_at), TIMESTAMP)
        drafts = _with(drafts, "ingest_id", made)
        return enrich(
            _with(drafts, "received_at", _missing(drafts, "received_at", received)), self._options.rules
        )

    def _batches(self, unit: Unit, rejects: RejectsFile) -> Iterator[tuple[list[Any], int]]:
        """Identified drafts of about BATCH_ROWS rows: always the same ones for the same files."""
        tables: list[Any] = []
        read = refused = before = 0
        for path in unit.paths:
            seen = Occurrences()
            for piece in self._pieces(unit, path):
                rejects.write(str(path), piece.rejects)
                self._progress(str(path), piece.rows, before + piece.position)
                tables.append(_identified(piece, self._options.site, seen))
                read, refused = read + piece.rows, refused + len(piece.rejects)
                if read >= BATCH_ROWS:
                    yield tables, refused
                    tables, read, refused = [], 0, 0
            before += path.stat().st_size
        if read:
            yield tables, refused

    def _pieces(self, unit: Unit, path: Path) -> Iterator[Piece]:
        if unit.kind == "access-log":
            return read_access_log(path, self._options)
        if unit.kind in {"cloudpulse", "sbw"}:
            return contract_pieces(path, self._options, unit.kind == "sbw")
        return self._event_pieces(unit, path)

    def _event_pieces(self, unit: Unit, path: Path) -> Iterator[Piece]:
        if unit.format == "json":
            for source, rules in object_sources(path, self._object_rules):
                yield to_piece(source, rules, self._options.site)
            return
        for source in read_table(path, unit.format):
            yield to_piece(source, self._rules(list(source.columns)), self._options.site)

    def _object_rules(self, names: set[str]) -> FieldRules:
        """Objects may leave fields out, so only what every event needs has to be there."""
        rules = dict(self._rules(sorted(names)))
        needed = {name: rule for name, rule in rules.items() if name in REQUIRED}
        if names:
            check_columns(needed, sorted(names), "the file")
        return rules

    def _progress(self, file: str, rows: int, position: int) -> None:
        self._rows += rows
        seconds = max(time.monotonic() - self._started, 1e-9)
        done = min(self._bytes_done + position, self._total_bytes)
        self._report(Progress(file, self._rows, done, self._total_bytes, self._rows / seconds))


def _identified(piece: Piece, site: str, seen: Occurrences) -> Any:
    """The drafts of a piece, with an id for each row whose source gave none."""
    if piece.contents is None or not piece.drafts.num_rows:
        return piece.drafts
    made = pa.array(content_ids(site, piece.contents, seen), pa.string())
    return _with(piece.drafts, "event_id", _missing(piece.drafts, "event_id", made))


def _missing(drafts: Any, name: str, values: Any) -> Any:
    """The column ``name`` with ``values`` where it has none."""
    if name in drafts.column_names:
        return pc.coalesce(drafts[name], values)
    return pc.coalesce(pa.nulls(drafts.num_rows, values.type), values)


def _with(drafts: Any, name: str, values: Any) -> Any:
    kept = drafts.drop_columns([name]) if name in drafts.column_names else drafts
    return kept.append_column(name, values)
