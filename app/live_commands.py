"""Commands of the live path: sites and keys, dead letters, reconciliation."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from typing import Any

from data_access import changes
from data_access import sites as kept
from data_access.audit import COMMAND_LINE
from data_access.backends import Backends
from data_access.model import Scope, UsageError
from data_access.reconciliation import Line, Report, Verdict
from data_access.settings import PER_SITE


def sites(backends: Backends, options: argparse.Namespace) -> None:
    """List sites with their keys; add one, change its origins or what it has of its own; make, rotate or
    revoke a write key."""
    if options.action == "list":
        _list_sites(backends)
        return
    of_key = options.action in {"rotate", "revoke"}
    _SITE_ACTIONS[options.action](
        backends, _needed(options, "the id of a write key" if of_key else "a site"), options
    )


def _list_sites(backends: Backends) -> None:
    for site in kept.every(backends.documents):
        own = [f"{name}={value}" for name in PER_SITE if (value := getattr(site, name))]
        print("  ".join([site.name, ", ".join(site.origins) or "no origins: browsers are refused", *own]))
        for key in kept.keys(backends.documents, site.name):
            ends = f"  works until {key.expires_at}" if key.expires_at else ""
            print(f"  write key {key.id}  {key.start}…  made {key.made_at}{ends}")


def _add_site(backends: Backends, name: str, options: argparse.Namespace) -> None:
    is_new = backends.documents.get(kept.KIND, kept.checked_name(name)) is None
    origins = kept.checked_origins(options.origin)
    with _noted(backends, "added" if is_new else "changed", f"site {name}", origins=origins):
        site = kept.save(backends.documents, name, origins)
    print(f"{site.name}: {', '.join(site.origins) or 'no origins yet: browsers are refused'}")
    if not kept.keys(backends.documents, name):
        _make_key(backends, name, options)


def _set_site(backends: Backends, name: str, options: argparse.Namespace) -> None:
    given = {one: getattr(options, one) for one in PER_SITE}
    own = {one: kept.checked_own(one, value) for one, value in given.items() if value is not None}
    if not own:
        raise UsageError("sites set needs --time-zone, --week-start or --currency")
    _check_site(backends, name)
    with _noted(backends, "changed", f"site {name}", **own):
        backends.site_settings.change(name, **own)
    for one, general in backends.site_settings.without_own(name).items():
        if one in own:
            print(f"{name}: {one.replace('_', ' ')} {own[one] or f'{general}, as the settings say'}")


def _check_site(backends: Backends, name: str) -> None:
    """Raises UsageError for a site that was not added and has no events."""
    if backends.documents.get(kept.KIND, name) is not None:
        return
    found = backends.asking.ask("data.values", {"dimension": "site"}, Scope("command line"))
    if name not in {row["value"] for row in found.rows}:
        raise UsageError(f"there is no site {name!r}, nor events of one; sites list lists them")


def _make_key(backends: Backends, name: str, _options: argparse.Namespace) -> None:
    with _noted(backends, "made", f"write key of site {name}"):
        made = kept.make_key(backends.documents, name)
    print(f"write key, shown this once: {made}")


def _rotate_key(backends: Backends, key_id: str, options: argparse.Namespace) -> None:
    key = kept.find_key(backends.documents, key_id)
    with _noted(backends, "rotated", f"write key {key.id} of site {key.site}", hours=options.hours):
        made = kept.rotate(backends.documents, key_id, options.hours)
    print(f"write key, shown this once: {made}")
    print(f"{key_id}: works until {kept.find_key(backends.documents, key_id).expires_at}")


def _revoke_key(backends: Backends, key_id: str, _options: argparse.Namespace) -> None:
    key = kept.find_key(backends.documents, key_id)
    with _noted(backends, "revoked", f"write key {key.id} of site {key.site}"):
        kept.revoke(backends.documents, key_id)
    print(f"{key_id}: revoked")


_SITE_ACTIONS = {
    "add": _add_site,
    "set": _set_site,
    "key": _make_key,
    "rotate": _rotate_key,
    "revoke": _revoke_key,
}


def _noted(backends: Backends, did: str, subject: str, **about: Any) -> AbstractContextManager[None]:
    return changes.noted(backends.audit, COMMAND_LINE, did, subject, **about)


def _needed(options: argparse.Namespace, what: str) -> str:
    if not options.name:
        raise UsageError(f"{options.command} {options.action} needs {what}")
    return str(options.name)


def dead_letters(backends: Backends, options: argparse.Namespace) -> None:
    """List refused events, or try those again that wait."""
    from pipeline.dead_letters import replay

    if options.replay:
        done = replay(backends.intake, options.limit, options.site)
        print(f"{done.replayed:,} replayed, {done.refused:,} refused again")
        return
    for letter in backends.intake.letters(options.limit, options.site):
        refused = letter.refused
        state = "replayed" if letter.replayed else "waiting"
        print(
            f"{letter.number}  {letter.at.isoformat(sep=' ', timespec='seconds')}  {refused.site}  "
            f"{refused.reason}  {state}  {refused.field} {refused.message}"
        )
    counts = backends.intake.refusals()
    listed = ", ".join(f"{reason} {n:,}" for reason, n in counts.items())
    print(f"{sum(counts.values()):,} waiting{f': {listed}' if listed else ''}")


def reconcile(backends: Backends, options: argparse.Namespace) -> None:
    """Bring live counts and lake up to date, compare them, and list where and why they differ.

    Raises RuntimeError when a difference is unexplained.
    """
    from pipeline.lake_writer import LakeConsumer
    from pipeline.live import LiveConsumer
    from pipeline.rules import load_rules

    if backends.log is not None and backends.log_lake is not None:
        live = LiveConsumer(backends.log, backends.counters)
        while live.step():
            pass
        LakeConsumer(backends.log, backends.log_lake, load_rules(backends.settings.rules_file)).drain()
    backends.lake.curate()
    report = backends.reconciled(Scope("command line"))
    _print_report(report, options.all)
    if report.unexplained:
        print(f"{len(report.unexplained):,} lines have a difference that nothing explains", file=sys.stderr)
        raise RuntimeError("the live counts and the lake disagree")


def _print_report(report: Report, every: bool) -> None:
    shown = [line for line in report.lines if every or line.verdict is not Verdict.AGREES]
    if shown:
        print("minute (UTC)      site  type  live  final  verdict")
    for line in shown:
        minute = line.minute.isoformat(sep=" ", timespec="minutes")
        print(
            f"{minute}  {line.site}  {line.event_type}  {line.live:,}  {line.final:,}  {line.verdict}"
            f"{_causes(line)}"
        )
    counts = {verdict: sum(line.verdict is verdict for line in report.lines) for verdict in Verdict}
    total = sum(line.live for line in report.lines)
    print(
        f"{total:,} events live since {report.since.isoformat(sep=' ', timespec='minutes')} UTC; lines: "
        + ", ".join(f"{n:,} {verdict}" for verdict, n in counts.items())
    )


def _causes(line: Line) -> str:
    causes = {
        "sent again": line.duplicates,
        "counted here, of another minute": line.moved_in,
        "of this minute, counted elsewhere": -line.moved_out,
        "unreadable": line.unreadable,
        "unexplained": line.unexplained,
    }
    listed = ", ".join(f"{n:+,} {cause}" for cause, n in causes.items() if n)
    return f" ({listed})" if listed else ""
