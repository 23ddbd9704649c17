"""The tables of findings in SQLite, and their rows as values."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from data_access.archived import version_from, version_text
from data_access.findings import (
    Alert,
    Compliance,
    Entry,
    Finding,
    Row,
    Severity,
    Span,
    Status,
    Version,
    Workflow,
)

_ROW = (
    "key, revision, id, title, provider, severity, compliance, problem, control, service, standards, account,"
    " region, resource_type, resource_id, created, updated, epoch, flagged, spans"
)
_WORKFLOW = "status, assignee, note, reason, until, version"

SCHEMA = """
create table if not exists findings (
    key text primary key, revision integer not null default 0, id text not null, title text not null,
    provider text not null,
    severity text not null, compliance text not null, problem integer not null, control text not null,
    service text not null, standards text not null, account text not null, region text not null,
    resource_type text not null, resource_id text not null, created integer not null,
    updated integer not null, digest text not null, epoch integer not null default 0,
    flagged integer not null, spans text not null default '[]',
    status text not null default 'NEW', assignee text not null default '', note text not null default '',
    reason text not null default '', until integer, version integer not null default 0
);
create index if not exists findings_by_revision on findings (revision);
create index if not exists findings_by_id on findings (id);
create index if not exists findings_suppressed on findings (until) where until is not null;
create table if not exists versions (
    key text not null, updated integer not null, digest text not null, problem integer not null,
    severity text not null, body blob not null
);
create unique index if not exists versions_by_key on versions (key, updated, digest);
create table if not exists changes (number integer primary key autoincrement, at integer not null, who text);
create table if not exists history (
    number integer primary key autoincrement, change integer not null, key text not null, at integer not null,
    who text not null, before text not null, after text not null, is_status integer not null
);
create index if not exists history_by_key on history (key, number);
create index if not exists history_by_change on history (change);
create table if not exists scans (
    id text primary key, name text not null, at integer not null, who text not null
);
create table if not exists sightings (
    scan text not null, key text not null, problem integer not null, primary key (scan, key)
) without rowid;
create table if not exists alerts (
    key text not null, epoch integer not null, at integer not null, sent integer not null default 0,
    attempts integer not null default 0, error text, primary key (key, epoch)
) without rowid;
create index if not exists alerts_waiting on alerts (sent, at) where sent = 0;
create table if not exists about (key text primary key, value integer not null) without rowid;
insert or ignore into about values ('revision', 0);
"""

SELECT = f"select {_ROW}, {_WORKFLOW} from findings"
SEE = (
    "insert into sightings values (?, ?, ?)"
    " on conflict do update set problem = max(problem, excluded.problem)"
)
ADD_SCAN = "insert or ignore into scans values (?, ?, ?, ?)"
ADD_VERSION = "insert or ignore into versions values (?, ?, ?, ?, ?, ?)"
_PROVIDED = (
    "id, title, provider, severity, compliance, problem, control, service, standards, account, region,"
    " resource_type, resource_id, created, updated, digest, flagged"
)
PUT = (
    f"insert into findings (key, {_PROVIDED}) values (?{', ?' * len(_PROVIDED.split(','))})"
    f" on conflict do update set {', '.join(f'{name} = excluded.{name}' for name in _PROVIDED.split(', '))}"
)
VERSIONS = "select updated, digest, problem, severity from versions where key = ? order by updated, digest"
NEWEST = "select body from versions where key = ? order by updated desc, digest desc limit 1"
STATUSES = "select at, after from history where key = ? and is_status order by number"
HISTORY = "select at, who, before, after from history where key = ? order by number"
DUE = "select key from findings where status = ? and until <= ?"
SET_WORKFLOW = (
    "update findings set status = :status, assignee = :assignee, note = :note, reason = :reason,"
    " until = :until, version = :version where key = :key"
)
ADD_HISTORY = (
    "insert into history (change, key, at, who, before, after, is_status) values (?, ?, ?, ?, ?, ?, ?)"
)
MARK = "update findings set spans = ?, revision = ? where key = ?"
SCANS = (
    "select id, name, at, who, (select count(*) from sightings where scan = id) from scans"
    " order by at desc, id"
)
OWE = (
    "insert into alerts (key, epoch, at) values (?, ?, ?)"
    " on conflict do update set at = excluded.at where sent = 0"
)
FORGET_ALERT = "delete from alerts where key = ? and epoch = ? and sent = 0"
ALERTS = (
    "select a.key, a.epoch, severity, title, account, region, resource_id, a.at, attempts"
    " from alerts a join findings using (key) where sent = 0 and status <> ? order by a.at, a.key limit ?"
)
ALERTED_NOTE = (
    "update alerts set sent = ?, error = ?, attempts = attempts + 1 where key = ? and epoch = ? and sent = 0"
)


def packed(finding: Finding) -> bytes:
    """A version's bytes."""
    return zlib.compress(version_text(finding), 1)


def unpacked(body: bytes) -> Finding:
    """A version from its bytes."""
    return version_from(zlib.decompress(body))


def columns(finding: Finding) -> tuple[Any, ...]:
    """The values of PUT."""
    return (
        finding.key,
        finding.id,
        finding.title,
        finding.provider,
        finding.severity,
        finding.compliance,
        finding.is_open,
        finding.control,
        finding.service,
        _json(finding.standards),
        finding.account,
        finding.region,
        finding.resource_type,
        finding.resource_id,
        finding.created,
        finding.updated,
        finding.digest,
        bool(finding.flags),
    )


def row(values: Sequence[Any]) -> Row:
    """A row of SELECT."""
    key, revision, name, title, provider, severity, compliance, problem, *rest = values
    control, service, standards, *rest = rest
    account, region, kind, resource, created, updated, epoch, flagged, spans, *workflow = rest
    return Row(
        key,
        revision,
        name,
        title,
        provider,
        Severity(severity),
        Compliance(compliance),
        bool(problem),
        control,
        service,
        tuple(msgspec.json.decode(standards)),
        account,
        region,
        kind,
        resource,
        created,
        updated,
        epoch,
        bool(flagged),
        tuple(Span(*pair) for pair in msgspec.json.decode(spans)),
        workflow_from(workflow),
    )


def gone(key: str, revision: int) -> Row:
    """The row of a finding that has left the store."""
    lowest, none = Severity.INFORMATIONAL, Compliance.NOT_AVAILABLE
    words = ("", "", (), "", "", "", "")
    return Row(
        key, revision, "", "", "", lowest, none, False, *words, 0, 0, 0, False, (), Workflow(), gone=True
    )


def alert(values: Sequence[Any]) -> Alert:
    """A row of ALERTS."""
    key, epoch, severity, *rest = values
    return Alert(key, epoch, Severity(severity), *rest)


def version(values: Sequence[Any]) -> Version:
    """A row of VERSIONS."""
    at, digest, problem, severity = values
    return Version(at, digest, bool(problem), Severity(severity))


def entries(history: Sequence[Sequence[Any]], versions: Sequence[Version]) -> list[Entry]:
    """A finding's history from its changes and versions, newest first."""
    found = [
        Entry(at, who, "workflow", msgspec.json.decode(before), msgspec.json.decode(after))
        for at, who, before, after in history
    ]
    was: bool | None = None
    for one in versions:
        before = {} if was is None else {"problem": was}
        after = {"problem": one.problem, "severity": one.severity, "digest": one.digest}
        found.append(Entry(one.at, "provider", "version", before, after))
        was = one.problem
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def workflow_from(values: Sequence[Any]) -> Workflow:
    """A workflow from its columns."""
    status, *others = values
    return Workflow(Status(status), *others)


def workflow_text(workflow: Workflow) -> str:
    """A workflow as it stands in the history."""
    return _json(asdict(workflow))


def workflow_of(text: str) -> Workflow:
    """A workflow of the history."""
    found = msgspec.json.decode(text)
    return Workflow(**found | {"status": Status(found["status"])})


def spans_text(spans: Sequence[Span]) -> str:
    """Spans as they are kept."""
    return _json([(span.opened, span.closed) for span in spans])


def revision(db: sqlite3.Connection) -> int:
    """The newest revision."""
    ((found,),) = db.execute("select value from about where key = 'revision'")
    return int(found)


def next_revision(db: sqlite3.Connection) -> int:
    """The next revision, taken."""
    text = "update about set value = value + 1 where key = 'revision' returning value"
    ((found,),) = db.execute(text).fetchall()
    return int(found)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
