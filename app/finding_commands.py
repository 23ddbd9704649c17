"""Commands of findings: the archive."""

from __future__ import annotations

import argparse
import re

from data_access import moments
from data_access.backends import Backends
from data_access.finding_index import Wanted
from data_access.model import UsageError

_MOST_WORDS = 120


def archive(backends: Backends, options: argparse.Namespace) -> None:
    """Archive what was closed long ago, list or search the archive, or put a finding back.

    Raises RuntimeError when an object of the archive is broken.
    """
    if options.restore is not None:
        _restore(backends, options.restore)
    elif options.find is not None:
        _list(backends, options.find)
    elif options.list:
        _list(backends, "")
    else:
        _archive(backends, _days(options.older_than))


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,5})d", text)
    if found is None or int(found[1]) < 1:
        raise UsageError(f"--older-than {text!r}: it takes days, at least one, as 90d")
    return int(found[1])


def _archive(backends: Backends, days: int) -> None:
    from pipeline.findings.archive import archive_closed

    now = moments.now()
    sending = backends.alerts is not None and backends.settings.alert_seconds > 0
    done = archive_closed(backends.findings, backends.archive, now - days * moments.DAY, sending=sending)
    left = len(backends.finding_index.select(Wanted("all"), now, {}))
    print(f"{done.archived:,} archived, {done.changed:,} skipped because changed meanwhile, {left:,} left")
    if done.waiting:
        print(f"{done.waiting:,} of those left have an alert that is still to be sent")
    for name in done.broken:
        print(f"{name}: broken; the finding stays in the store. Move the file away and archive again")
    if done.broken:
        raise RuntimeError(f"{len(done.broken):,} objects of the archive are broken")


def _list(backends: Backends, text: str) -> None:
    from pipeline.findings.archive import search

    shown = broken = 0
    for found in search(backends.archive, text):
        if found.whole is None:
            broken += 1
            print(f"{found.name}: broken: {_words(found.error)}")
            continue
        shown += 1
        newest = found.whole.newest
        at = moments.utc(found.at).isoformat(sep=" ", timespec="minutes")
        words = f"{_words(newest.id)}  {_words(newest.title)}"
        print(f"{found.whole.key}  {newest.severity}  {words}  archived {at}")
    print(f"{shown:,} found")
    if broken:
        raise RuntimeError(f"{broken:,} objects of the archive are broken")


def _restore(backends: Backends, key: str) -> None:
    from pipeline.findings.archive import restore

    print(
        f"{key}: back, {restore(backends.findings, backends.archive, key):,} versions were not in the store"
    )


def _words(text: str) -> str:
    """A provider's text for a terminal: on one line, without what would steer it."""
    return "".join(one if one.isprintable() else " " for one in text[:_MOST_WORDS])
