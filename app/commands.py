"""What each command does, once the back ends are open.

A command imports what it alone needs, so that asking a question does not wait for the web framework or
the importers to load.
"""

from __future__ import annotations

import argparse
import json
import platform
import secrets
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from data_access.audit import Who
from data_access.backends import Backends
from data_access.model import Answer, Scope, UsageError
from data_access.questions import PERIOD_PARAMS, QUESTIONS, Question

if TYPE_CHECKING:
    from pipeline.importers import Progress, Summary

KINDS = ("events", "access-log", "cloudpulse", "sbw", "findings")
EVERYTHING = Scope("command line")


def nothing(_backends: Backends, _options: argparse.Namespace) -> None:
    """``serve`` starts before back ends are opened; see app.cli."""


def import_files(backends: Backends, options: argparse.Namespace) -> None:
    """Import, with a progress bar on a terminal, and print a summary."""
    if options.kind == "findings":
        _import_findings(backends, options)
        return
    from pipeline.importers import ImportOptions, import_paths
    from pipeline.rules import load_rules

    chosen = ImportOptions(
        mapping=options.map,
        site=options.site,
        kind=options.kind,
        rejects_dir=backends.settings.data_dir / "rejects",
        rules=load_rules(backends.settings.rules_file),
        client_key=_client_key(backends),
    )
    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def report(progress: Progress) -> None:
            bar.total = progress.total_bytes
            bar.n = progress.bytes_done
            bar.set_description(progress.file)
            bar.set_postfix_str(f"{progress.rows:,} rows, {progress.rows_per_second:,.0f} rows/s")

        summary = import_paths(backends.lake, options.paths, chosen, report)
    _print_summary(summary)


def _client_key(backends: Backends) -> str:
    """The key that access logs' client ids are hashed with, made once for a data folder: without it the
    addresses behind the ids could be found by trying them all."""
    backends.documents.put("secrets", "client_key", {"key": secrets.token_hex(16)}, None)
    kept = backends.documents.get("secrets", "client_key")
    return str(kept.value["key"]) if kept else ""


def _print_summary(summary: Summary) -> None:
    for file in summary.files:
        rejected = f", {file.rejected:,} rejected (see {file.rejects_file})" if file.rejected else ""
        known = f", {file.already_there:,} already there" if file.already_there else ""
        print(f"{file.file}: {file.read:,} rows read{known}{rejected}")
    print(
        f"{summary.added:,} events added of {summary.read:,} rows in {summary.seconds:.1f} s"
        f" ({summary.rows_per_second:,.0f} rows/s)"
    )


def _import_findings(backends: Backends, options: argparse.Namespace) -> None:
    from data_access.findings import Stored
    from pipeline.findings.intake import import_findings

    now, rejects = time.time_ns() // 1000, backends.settings.data_dir / "rejects"
    with tqdm(unit=" findings", disable=not sys.stderr.isatty()) as bar:

        def report(name: str, read: int) -> None:
            bar.set_description(name)
            bar.update(read - bar.n)

        found = import_findings(backends.findings, options.paths, EVERYTHING.user, now, rejects, report)
    for one in found:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(one.reasons.items()))
        refused = f", rejected: {reasons}" if reasons else ""
        print(f"{one.scan.name}: {one.read:,} findings, {one.flagged:,} flagged{refused}")
    total = sum((one.stored for one in found), Stored())
    print(f"{total.new:,} new, {total.newer:,} newer, {total.older:,} older, {total.same:,} known versions")
    if any(one.reasons for one in found):
        print(f"what was rejected, and why: {rejects}")


def ask(backends: Backends, options: argparse.Namespace) -> None:
    """Answer a question as JSON, CSV or a table."""
    if options.list:
        print("\n\n".join(_described(question) for question in QUESTIONS.values()))
        return
    if options.question is None:
        raise UsageError("ask needs a question; ask --list lists them")
    raw = dict(_pair(text) for text in options.parameters)
    if options.format == "csv":
        _write_csv(backends, options, raw)
        return
    answer = backends.asking.ask(options.question, raw, EVERYTHING)
    print(_as_json(answer) if options.format == "json" else _as_table(answer))


def _write_csv(backends: Backends, options: argparse.Namespace, raw: dict[str, str]) -> None:
    from app.audit import asked_for, leaving
    from app.manifests import Written, manifest

    export, written = backends.asking.export(options.question, raw, EVERYTHING), Written()
    who, asked, chunks = Who(EVERYTHING.user, "admin"), asked_for(export, raw), written.chunks(export)
    with closing(leaving(backends.audit, who, options.question, asked, chunks, lambda: written.rows)) as out:
        for chunk in out:
            sys.stdout.buffer.write(chunk)
    if options.manifest:
        command = " ".join(["python -m app ask", options.question, *options.parameters, "--format csv"])
        found = manifest(export, written, "-", command, EVERYTHING.user)
        options.manifest.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} is no key=value; for example country=DE")
    return name, value


def _described(question: Question) -> str:
    lines = [f"{question.name}  {question.help}"]
    lines += [f"  {p.name}={p.default or '…'}  {p.help}" for p in question.params]
    if question.about_period:
        lines.append(f"  {' '.join(f'{p.name}=…' for p in PERIOD_PARAMS)} and filters such as country=DE,FR")
    return "\n".join(lines)


def _as_json(answer: Answer) -> str:
    value = {
        "question": answer.question,
        "columns": answer.columns,
        "rows": [list(row.values()) for row in answer.rows],
        "stamp": asdict(answer.stamp),
    }
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def _as_table(answer: Answer) -> str:
    cells = [answer.columns, *([_cell(value) for value in row.values()] for row in answer.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(answer.columns))]
    return "\n".join(_line(row, widths) for row in cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else _plain(value)


def _line(row: Iterable[str], widths: list[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def maintain(backends: Backends, _options: argparse.Namespace) -> None:
    """Maintain the lake and say what was done."""
    done = backends.lake.maintain(datetime.now(UTC))
    print(
        f"{done.days_compacted} days compacted, {done.files_before} files before, {done.files_after} after; "
        f"{done.snapshots_expired} snapshots expired; {done.orphans_deleted} orphan files deleted "
        f"({done.bytes_freed / 1e6:.1f} MB)"
    )


_MOST_ALERTS = 100_000


def doctor(backends: Backends, _options: argparse.Namespace) -> None:
    """Print what a bug report needs: versions, back ends, how far the data reaches, findings, lake health."""
    extent = backends.asking.ask("data.extent", {}, EVERYTHING).rows[0]
    health = backends.lake.health()
    print(f"streamgauge  {_version()}, Python {platform.python_version()}, {platform.platform()}")
    print(f"form         {backends.settings.form}, {backends.warehouse.engine}")
    print("libraries    " + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES))
    print(f"data folder  {backends.settings.data_dir.resolve()}")
    print(f"data         {extent['events']:,} events, {extent['first_ts']} to {extent['last_ts']} UTC")
    for name, table in health["tables"].items():
        size = f"{table['bytes'] / 1e6:,.1f} MB in {table['files']} files, {table['snapshots']} snapshots"
        print(f"{name:<12} {table['rows']:,} rows, {size}")
    print(f"findings     {_findings(backends)}")
    waiting = health["rows_waiting_for_curation"]
    print(f"lake         {'healthy' if not waiting else f'{waiting:,} raw rows wait for curation'}")


def _findings(backends: Backends) -> str:
    from data_access.finding_index import Wanted

    index, now = backends.finding_index, time.time_ns() // 1000
    every, still_open = (len(index.select(Wanted(state), now, {})) for state in ("all", "open"))
    waiting = len(backends.findings.alerts(_MOST_ALERTS + 1))
    more = f"more than {_MOST_ALERTS:,}" if waiting > _MOST_ALERTS else f"{waiting:,}"
    return f"{every:,} findings, {still_open:,} open, {more} alerts waiting"


"""Alerts that are counted."""
_LIBRARIES = ("dash", "plotly", "duckdb", "pyarrow", "pyiceberg", "sqlglot", "gunicorn")


def _version() -> str:
    from app.health import app_version

    return app_version()


def permissions(backends: Backends, _options: argparse.Namespace) -> None:
    """Print who may do what, as Markdown."""
    from app.factory import PAGES, create_app
    from app.permissions import tables

    print(tables(create_app(backends), PAGES), end="")


def segments(backends: Backends, options: argparse.Namespace) -> None:
    """List, save or remove named segments, with the rights of whoever runs the app on this machine."""
    from data_access import conditions
    from data_access import segments as kept
    from data_access.users import local_admin

    documents, user = backends.documents, local_admin().name
    if options.action == "list":
        for segment in kept.every(documents):
            kind = "shared" if segment.shared else "personal"
            print(f"{segment.id}  {segment.name}  {kind}, {segment.owner}  {conditions.write(segment.where)}")
    elif not options.name:
        raise UsageError(f"segments {options.action} needs {_SEGMENT_WORDS[options.action]}")
    elif options.action == "remove":
        print(f"{kept.delete(documents, user, options.name, admin=True).id}: removed")
    else:
        where = conditions.read(options.where or "")
        saved = kept.save(documents, user, options.name, where, options.shared, admin=True)
        print(f"{saved.id}: saved; use it with segment={saved.id}")


_SEGMENT_WORDS = {"save": "a name and conditions", "remove": "an id; segments list lists them"}


def sign_in_link(backends: Backends, _options: argparse.Namespace) -> None:
    """Print a link that signs in once."""
    from app import auth

    print(auth.make_sign_in_link(backends))


def smoke(backends: Backends, options: argparse.Namespace) -> None:
    """Test a running app."""
    from app import smoke as test

    test.smoke(backends, options)
