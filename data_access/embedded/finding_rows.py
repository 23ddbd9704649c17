"""The tables of findings in SQLite, and their rows as values."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import Any

import msgspec

from data_access import finding_steps as steps
from data_access.archived import version_from, version_text
from data_access.finding_steps import CACHED
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

_PLAIN = (
    "key, revision, id, title, provider, control, service, account, region, resource_type, resource_id,"
    " created, updated, epoch"
)
_READ = "severity, compliance, problem, flagged, standards, spans"
WORKFLOW = "status, assignee, note, reason, until, version"

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
    who text not null, before text not null, after text not null, is_status integer not null,
    counts integer not null default 1
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

SELECT = f"select {_PLAIN}, {_READ}, {WORKFLOW} from findings"
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
HISTORY = "select at, who, before, after from history where key = ? order by number"
DUE = "select key from findings where status = ? and until <= ?"
UPDATE = f"update findings set {' = ?, '.join(WORKFLOW.split(', '))} = ?"
SET_WORKFLOW = f"{UPDATE} where key = ?"
ADD_HISTORY = (
    "insert into history (change, key, at, who, before, after, is_status, counts)"
    " values (?, ?, ?, ?, ?, ?, ?, ?)"
)
MARK = "update findings set spans = ?, revision = ? where key = ?"
SCANS = (
    "select id, name, at, who, (select count(*) from sightings where scan = id) from scans"
    " order by at desc, rowid desc"
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


# An enum's own look-up is slower than a dictionary's; texts and workflows most rows share are read once.
_SEVERITIES = {str(one): one for one in Severity}
_COMPLIANCES = {str(one): one for one in Compliance}
_STATUSES = {str(one): one for one in Status}
_FIRST = len(_PLAIN.split(","))
_READS = slice(_FIRST, _FIRST + len(_READ.split(",")))


def row(values: tuple[Any, ...]) -> Row:
    """A row of SELECT."""
    severity, compliance, problem, flagged, standards, spans = values[_READS]
    found = (
        *values[: _READS.start],
        _SEVERITIES[severity],
        _COMPLIANCES[compliance],
        problem == 1,
        flagged == 1,
        _texts(standards),
        _spans(spans),
        workflow_from(values[_READS.stop :]),
        False,
    )
    return Row._make(found)


@lru_cache(CACHED)
def _texts(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text))


@lru_cache(CACHED)
def _spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(*pair) for pair in msgspec.json.decode(text))


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
    found = (
        steps.workflow_entry(at, who, msgspec.json.decode(before), msgspec.json.decode(after))
        for at, who, before, after in history
    )
    return steps.timeline(found, versions)


@lru_cache(CACHED)
def workflow_from(values: tuple[Any, ...]) -> Workflow:
    """A workflow from its columns."""
    status, *others = values
    return Workflow(_STATUSES[status], *others)


@lru_cache(CACHED)
def workflow_text(workflow: Workflow) -> str:
    """A workflow as it stands in the history."""
    return _json(workflow)


@lru_cache(CACHED)
def workflow_values(workflow: Workflow) -> tuple[Any, ...]:
    """A workflow's columns, the values of UPDATE."""
    return astuple(workflow)


@lru_cache(CACHED)
def workflow_of(text: str) -> Workflow:
    """A workflow of the history."""
    found = msgspec.json.decode(text)
    return Workflow(**found | {"status": _STATUSES[found["status"]]})


def spans_text(spans: Sequence[Span]) -> str:
    """Spans as they are kept."""
    return _json([(span.opened, span.closed) for span in spans])


def revision(db: sqlite3.Connection) -> int:
    """The newest revision."""
    ((found,),) = db.execute("select value from about where key = 'revision'")
    return int(found)


def next_revisions(db: sqlite3.Connection, count: int = 1) -> int:
    """The first of the next revisions, so many taken."""
    text = "update about set value = value + ? where key = 'revision' returning value"
    ((last,),) = db.execute(text, (count,)).fetchall()
    return int(last) - count + 1


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
