"""Commands of the audit log: search it, check that nobody changed it, write it to a file."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import IO

from data_access.audit import COMMAND_LINE, verify
from data_access.audit_search import Row, Wanted, moment, page
from data_access.backends import Backends
from data_access.model import UsageError

_PAGE_ROWS = 500
_MOST_WORDS = 200


def audit(backends: Backends, options: argparse.Namespace) -> None:
    """List, verify or export the audit log. Raises RuntimeError when it is not as it was written."""
    if options.action == "export":
        _export(backends, _needed(options), _wanted(options))
        return
    if options.file is not None:
        raise UsageError(f"audit {options.action} takes no file")
    if options.action == "verify":
        _verify(backends, options.head)
    else:
        _list(backends, _wanted(options), options.limit)


def _needed(options: argparse.Namespace) -> Path:
    if options.file is None:
        raise UsageError("audit export needs the name of a file to write, as audit.csv")
    if options.file.exists():
        raise UsageError(f"{options.file} is there already; name a new file")
    found: Path = options.file
    return found


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        user=options.user or "",
        subject=options.question or "",
        outcome=options.outcome or "",
        text=options.find or "",
        since=moment(options.since) if options.since else None,
        until=moment(options.until) if options.until else None,
    )


def _list(backends: Backends, wanted: Wanted, limit: int) -> None:
    if limit < 1:
        raise UsageError("--limit takes a number from 1 on")
    shown, more = 0, ""
    while shown < limit:
        found = page(backends.audit.newest, wanted, min(_PAGE_ROWS, limit - shown), more)
        for row in found.rows:
            print(_line(row))
        shown, more = shown + len(found.rows), found.next
        if not more:
            break
    print(f"{shown:,} shown{', there are more: --limit' if more else ''}")


def _line(row: Row) -> str:
    begun, last = row.begun, row.last
    parameters = " ".join(f"{name}={value}" for name, value in begun.parameters.items())
    where = "all sites" if begun.sites is None else ", ".join(begun.sites) or "no site"
    words = [begun.at, f"#{begun.number}", begun.user, f"({begun.role or 'no role'}, {where})"]
    words += [row.kind, begun.subject, _words(parameters), last.outcome, last.reason]
    if last.rows is not None:
        words += [f"{last.rows:,} rows, {last.bytes or 0:,} bytes", last.sha256[:16]]
    return "  ".join(_words(word) for word in words if word)


def _words(text: str) -> str:
    """Anybody's text for a terminal: on one line, without what would steer it."""
    cut = text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS] + "…"
    return "".join(one if one.isprintable() else " " for one in cut)


def _verify(backends: Backends, noted: str) -> None:
    log = backends.audit
    found = verify(log.oldest, log.head, noted)
    if found.broken:
        raise RuntimeError(
            f"the audit log is not as it was written, first at record {found.broken:,}: {found.why}"
        )
    print(f"{found.whole:,} records, whole; head {found.head}")


def _export(backends: Backends, path: Path, wanted: Wanted) -> None:
    """The records of all rows that are wanted, oldest first. That they were taken is noted as well."""
    from app.audit import leaving
    from app.audit_rows import Records

    records = Records(backends.audit, wanted)
    asked = {name: value for name, value in asdict(wanted).items() if value}
    leaves = leaving(backends.audit, COMMAND_LINE, "audit", asked, records.chunks(), lambda: records.written)
    with closing(leaves), _own(path) as file:
        file.writelines(leaves)
    print(f"{path}: {records.written:,} records")


def _own(path: Path) -> IO[bytes]:
    """A new file that nobody else may read: it says who looked at what."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
