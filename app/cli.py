"""The command line. Errors are one line on stderr: exit status 2 for usage, 1 for failure."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from app import (
    audit_commands,
    commands,
    demo_commands,
    finding_commands,
    live_commands,
    logs,
    user_commands,
)
from app.start_checks import log_problems, print_problems
from data_access.backends import Backends, holds_data, open_backends, read_settings
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import ROLES
from data_access.settings import Settings, SettingsError

Command = Callable[[Backends, argparse.Namespace], None]


class _Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    logs.set_up_command()
    try:
        options = parser().parse_args(arguments)
        settings = read_settings({"data_dir": options.data_dir, **_server_options(options)})
        if options.command == "serve":
            _serve(settings)
        else:
            if options.command == "doctor":
                print_problems(settings)
            options.run(open_backends(settings), options)
    except (UsageError, SettingsError) as error:
        return _fail(error, 2)
    except (QueryError, OSError, RuntimeError, ValueError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped; what was committed stays, run it again to go on", 1)
    return 0


def _fail(error: object, status: int) -> int:
    print(f"streamgauge: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    shared = _Parser(add_help=False)
    shared.add_argument("--data-dir", type=Path, help="folder that holds all data (setting data_dir)")
    top = _Parser(prog="streamgauge", description="Analytics over your own event lake.")
    subs = top.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name: str, run: Command, help_text: str) -> argparse.ArgumentParser:
        sub = subs.add_parser(name, parents=[shared], help=help_text, description=help_text)
        sub.set_defaults(run=run)
        return sub

    serve = command("serve", commands.nothing, "start the web app")
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, help="port to listen on")
    serve.add_argument("--no-demo", action="store_true", help="do not make demo data when there is none")

    demo = command(
        "demo", demo_commands.demo, "make demo data: a made-up shop's events and findings, until now"
    )
    demo.add_argument("--days", type=int, default=60, help="days of data (60)")
    demo.add_argument("--seed", type=int, default=7, help="the same seed makes the same shop (7)")

    demo.add_argument("--until", type=int, default=0, metavar="MINUTES", help="end this many minutes ago (0)")

    imported = command("import", commands.import_files, "import files or folders of events")
    imported.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    imported.add_argument("--map", type=Path, help="TOML file that maps columns to event fields")
    imported.add_argument("--site", default="default", help="site of events that name none (default)")
    imported.add_argument("--as", dest="kind", choices=commands.KINDS, help="format, if it cannot be told")

    ask = command("ask", commands.ask, "answer a question, with the same numbers as the pages")
    ask.add_argument("question", nargs="?", metavar="QUESTION")
    ask.add_argument("parameters", nargs="*", metavar="key=value")
    ask.add_argument("--list", action="store_true", help="list the questions and their parameters")
    ask.add_argument("--format", choices=("json", "csv", "table"), default="json")
    ask.add_argument("--manifest", type=Path, metavar="FILE", help="with --format csv: write its manifest")

    command("maintain", commands.maintain, "curate, compact closed days, expire snapshots, sweep orphans")
    command("doctor", commands.doctor, "versions, back ends, data extent, row counts, findings, lake health")

    _add_people(command)
    command("permissions", commands.permissions, "who may see and do what, as Markdown")
    kept = command("segments", commands.segments, "list, save or remove named segments")
    kept.add_argument("action", choices=("list", "save", "remove"))
    kept.add_argument("name", nargs="?", metavar="NAME|ID", help="a name to save, an id to remove")
    kept.add_argument("where", nargs="?", metavar="WHERE", help="conditions, for example 'country=DE,AT'")
    kept.add_argument("--shared", action="store_true", help="list it for everyone")
    _add_live(command)
    _add_findings(command)
    _add_audit(command)
    _add_smoke(command)
    command("sign-in-link", commands.sign_in_link, "print a new one-click sign-in link")
    return top


def _add_people(command: Callable[..., argparse.ArgumentParser]) -> None:
    users = command("users", user_commands.users, "people who sign in with a password")
    users.add_argument("action", choices=("list", *user_commands.USER_DID))
    users.add_argument("name", nargs="?")
    users.add_argument("--role", choices=ROLES, default="analyst", help="for add and invite (analyst)")
    users.add_argument("--site", action="append", help="only this site; repeatable (all)")
    keys = command(
        "keys", user_commands.keys, "keys to read /v1/query and /v1/realtime with, as bearer tokens"
    )
    keys.add_argument("action", choices=("list", "add", "rotate", "revoke"))
    keys.add_argument("name", nargs="?", metavar="NAME|ID")
    keys.add_argument("--role", choices=ROLES, default="viewer", help="for add (viewer)")
    keys.add_argument("--site", action="append", help="only this site; repeatable (all)")


def _add_smoke(command: Callable[..., argparse.ArgumentParser]) -> None:
    test = command("smoke", commands.smoke, "test a running app: sign-in, health, one event all the way")
    test.add_argument("url", metavar="URL", help="where it answers, as https://streamgauge.example")
    test.add_argument("--collector", metavar="URL", help="where it takes events, if elsewhere")
    test.add_argument(
        "--minutes", type=float, default=20, help="to wait until the event can be asked for (20)"
    )


def _add_live(command: Callable[..., argparse.ArgumentParser]) -> None:
    sites = command(
        "sites",
        live_commands.sites,
        "sites: origins, time zone, week, currency, and keys to send events with",
    )
    sites.add_argument("action", choices=("list", "add", "set", "key", "rotate", "revoke"))
    sites.add_argument(
        "name", nargs="?", metavar="SITE|ID", help="a site; for rotate and revoke the id of a write key"
    )
    sites.add_argument(
        "--origin",
        action="append",
        default=[],
        help="origin of its pages, as https://shop.example; repeatable",
    )
    for name, example in (("time-zone", "Europe/Berlin"), ("week-start", "sunday"), ("currency", "USD")):
        sites.add_argument(
            f"--{name}", metavar="VALUE", help=f"for set: as {example}; '' for what the settings say"
        )
    sites.add_argument(
        "--hours", type=int, default=24, help="for rotate: how long the old key works still (24)"
    )
    dead = command("dead-letters", live_commands.dead_letters, "events that were refused, and why")
    dead.add_argument("--replay", action="store_true", help="try those again that are waiting")
    dead.add_argument("--limit", type=int, default=100, help="how many to list or replay (100)")
    dead.add_argument("--site", help="only this site's")
    agree = command(
        "reconcile", live_commands.reconcile, "hold the live counts against the lake; 1 if they disagree"
    )
    agree.add_argument("--all", action="store_true", help="list minutes that agree, too")


def _add_findings(command: Callable[..., argparse.ArgumentParser]) -> None:
    kept = command("archive", finding_commands.archive, "findings closed long ago: archive, search, restore")
    what = kept.add_mutually_exclusive_group(required=True)
    what.add_argument("--older-than", metavar="DAYS", help="archive findings closed for that long, as 90d")
    what.add_argument("--list", action="store_true", help="list what is in the archive")
    what.add_argument("--find", metavar="TEXT", help="list what says this in its id, title, account, …")
    what.add_argument("--restore", metavar="KEY", help="put a finding back into the store")


def _add_audit(command: Callable[..., argparse.ArgumentParser]) -> None:
    log = command("audit", audit_commands.audit, "who took what away: list, verify or export the audit log")
    log.add_argument("action", choices=("list", "verify", "export"))
    log.add_argument("file", nargs="?", type=Path, metavar="FILE", help="for export: a new CSV file")
    log.add_argument("--user", help="only what this person or key did")
    log.add_argument("--question", help="only this question or file, as explore.events or findings")
    log.add_argument("--outcome", help="only with this outcome: started, finished, failed, …")
    log.add_argument("--find", metavar="TEXT", help="only with this text anywhere in the record")
    log.add_argument("--since", metavar="TIME", help="only from this UTC time on, as 2026-11-22")
    log.add_argument("--until", metavar="TIME", help="only before this UTC time")
    log.add_argument("--limit", type=int, default=100, help="how many to list (100)")
    log.add_argument("--head", default="", metavar="HASH", help="for verify: a head noted earlier")


def _server_options(options: argparse.Namespace) -> dict[str, Any]:
    no_demo = getattr(options, "no_demo", False)
    return {
        "host": getattr(options, "host", None),
        "port": getattr(options, "port", None),
        "demo": False if no_demo else None,
    }


def _serve(settings: Settings) -> None:
    from app.server import Server, port_is_free

    if not port_is_free(settings):
        raise UsageError(
            f"{settings.host}:{settings.port} is in use; stop what runs there or choose another with --port"
        )
    log_problems(settings)
    if settings.demo:
        _make_demo_if_empty(settings)
    Server(settings).run()


def _make_demo_if_empty(settings: Settings) -> None:
    """Demo data at first start, in a process of its own: the server must not fork engine threads."""
    if holds_data(settings):
        return
    print("No data yet: making 60 days of demo data …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "app", "demo", "--data-dir", str(settings.data_dir)]
    if settings.demo_live:
        command += ["--until", "30"]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode:  # noqa: S603 - our own words
        raise RuntimeError("the demo data could not be made; start with --no-demo to go on without")
