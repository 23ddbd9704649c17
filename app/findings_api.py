"""The JSON API of findings: list, one, summary and health, and taking them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson
from flask import Flask, Response, request

from app.health import health
from data_access import moments
from data_access.backends import Backends
from data_access.finding_index import STATES, Wanted
from data_access.findings import Kept, Severity
from data_access.model import UsageError
from data_access.roles import FINDINGS, OPERATE, PUBLIC
from pages.parts.access import allow, scope
from pipeline.findings.intake import Intake, import_body

MOST = 1000
DEFAULT_LIMIT = 100
MOST_ERRORS = 100
_PARAMETERS = frozenset({"severity", "state", "limit", "id"})


def register(server: Flask, backends: Backends) -> None:
    """Add the routes."""

    @server.get("/v1/findings")
    @allow(FINDINGS)
    def findings() -> Response:
        try:
            return _findings(backends, request.args.to_dict())
        except UsageError as error:
            return _problem(400, str(error))

    @server.get("/v1/summary")
    @allow(FINDINGS)
    def summary() -> Response:
        return _stamped(200, {"success": True, "data": _summary(backends)})

    @server.get("/v1/health")
    @allow(PUBLIC)
    def healthy() -> Response:
        return _json(200, health())

    @server.post("/v1/findings:import")
    @allow(OPERATE)
    def take_in() -> Response:
        name = request.args.get("name") or "request"
        by, at = scope().user, moments.now()
        intake = import_body(backends.findings, request.get_data(cache=False), name[:200], by, at)
        return _stamped(200 if intake.read or not intake.reasons else 422, _taken(intake))


def _findings(backends: Backends, given: Mapping[str, str]) -> Response:
    """The findings that are asked for, newest first, or the one with an id. Raises UsageError."""
    unknown = sorted(set(given) - _PARAMETERS)
    if unknown:
        raise UsageError(f"{unknown[0]} is no parameter; it takes {', '.join(sorted(_PARAMETERS))}")
    if given.get("id"):
        return _one(backends, given["id"])
    index = backends.finding_index
    rows = index.select(_wanted(given), 0, {})
    keys = index.page(rows, "updated", down=True, start=0, count=_limit(given.get("limit", "")))
    kept = [one for key in keys if (one := backends.findings.get(key)) is not None]
    return _list([_item(one) for one in kept])


def _one(backends: Backends, name: str) -> Response:
    """The finding with an id, or a key: of several with one id the newest."""
    keys = backends.findings.named(name) or [name]
    found = [one for key in keys if (one := backends.findings.get(key)) is not None]
    if not found:
        return _problem(404, f"There is no finding {name[:200]!r}.")
    newest = max(found, key=lambda one: one.row.updated)
    return _list([_item(newest) | {"raw_finding": msgspec.json.decode(newest.finding.document)}])


def _wanted(given: Mapping[str, str]) -> Wanted:
    severity, state = given.get("severity", "").upper(), given.get("state") or "all"
    if severity and severity not in list(Severity):
        raise UsageError(f"severity={severity[:50]!r}; it takes {', '.join(Severity)}")
    if state not in STATES:
        raise UsageError(f"state={state[:50]!r}; it takes {', '.join(STATES)}")
    return Wanted(state, (("severity", (severity,)),) if severity else ())


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise UsageError(f"limit={text[:50]!r}; it takes 1 to {MOST}")
    return int(text)


def _item(kept: Kept) -> dict[str, Any]:
    row, finding = kept.row, kept.finding
    return {
        "id": finding.id,
        "key": row.key,
        "severity": row.severity,
        "timestamp": moments.text(row.updated),
        "title": finding.title,
        "description": finding.description,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "account_id": row.account,
        "region": row.region,
        "provider": row.provider,
        "control": row.control,
        "compliance": row.compliance,
        "status": row.workflow.status,
        "open": row.opened is not None,
        "opened_at": None if row.opened is None else moments.text(row.opened),
    }


def _summary(backends: Backends) -> dict[str, Any]:
    """How many findings there are by severity, all and open ones, and when the newest was updated."""
    index = backends.finding_index
    rows = index.select(Wanted("all"), 0, {})
    groups = {group.value: group for group in index.groups(rows, "severity")}
    newest = backends.findings.rows(index.page(rows, "updated", down=True, start=0, count=1))
    return {
        "total_findings": len(rows),
        "open_findings": sum(group.open for group in groups.values()),
        "severity_breakdown": {
            str(severity): groups[severity].findings if severity in groups else 0 for severity in Severity
        },
        "last_updated": moments.text(newest[0].updated) if newest else None,
    }


def _taken(intake: Intake) -> dict[str, Any]:
    stored = intake.stored
    return {
        "success": bool(intake.read) or not intake.reasons,
        "scan": intake.scan.id,
        "accepted": intake.read,
        "flagged": intake.flagged,
        "rejected": sum(intake.reasons.values()),
        "new": stored.new,
        "newer": stored.newer,
        "older": stored.older,
        "known": stored.same,
        "errors": [
            {"place": one.place, "reason": one.reason, "message": one.message}
            for one in intake.refused[:MOST_ERRORS]
        ],
    }


def _list(items: list[dict[str, Any]]) -> Response:
    return _stamped(200, {"success": True, "data": items, "count": len(items)})


def _problem(status: int, text: str) -> Response:
    return _stamped(status, {"success": False, "error": text})


def _stamped(status: int, value: dict[str, Any]) -> Response:
    return _json(status, value | {"timestamp": moments.text(moments.now())})


def _json(status: int, value: Any) -> Response:
    return Response(orjson.dumps(value), status, mimetype="application/json")
