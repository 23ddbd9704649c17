"""Commands of the live path: sites and keys, dead letters, reconciliation."""

from __future__ import annotations

import argparse
import sys

from data_access.backends import Backends
from data_access.model import Scope, UsageError
from data_access.reconciliation import Line, Report, Verdict


def sites(backends: Backends, options: argparse.Namespace) -> None:
    """List sites with their keys, add one or change its origins, make or revoke a write key."""
    from data_access import sites as kept

    documents = backends.documents
    if options.action == "list":
        for site in kept.every(documents):
            print(f"{site.name}  {', '.join(site.origins) or 'no origins: browsers are refused'}")
            for key in kept.keys(documents, site.name):
                print(f"  write key {key.id}  {key.start}…  made {key.made_at}")
        return
    name = _needed(options, "a site" if options.action != "revoke" else "the id of a write key")
    if options.action == "add":
        site = kept.save(documents, name, tuple(options.origin))
        print(f"{site.name}: {', '.join(site.origins) or 'no origins yet: browsers are refused'}")
    if options.action in {"add", "key"} and (options.action == "key" or not kept.keys(documents, name)):
        print(f"write key, shown this once: {kept.make_key(documents, name)}")
    if options.action == "revoke":
        kept.revoke(documents, name)
        print(f"{name}: revoked")


def keys(backends: Backends, options: argparse.Namespace) -> None:
    """List, make or revoke keys that scripts read with."""
    from data_access import api_keys

    documents = backends.documents
    if options.action == "list":
        for key in api_keys.every(documents):
            where = ", ".join(key.sites) if key.sites is not None else "all sites"
            print(f"{key.id}  {key.name}  {key.role}, {where}, made {key.made_at}")
        return
    name = _needed(options, "a name" if options.action == "add" else "an id; keys list lists them")
    if options.action == "add":
        made = api_keys.make(documents, name, options.role, tuple(options.site) if options.site else None)
        print(f"key, shown this once: {made}")
    else:
        api_keys.revoke(documents, name)
        print(f"{name}: revoked")


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
