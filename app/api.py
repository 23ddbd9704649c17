"""The JSON API: GET /v1/query over the questions, GET /v1/realtime from the shared snapshot."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, Response, request

from app.openapi import document
from data_access.backends import Backends
from data_access.model import Answer, NotAllowed, UsageError
from data_access.ports import QueryError
from data_access.questions.figures import limit_of
from data_access.realtime import Snapshot
from data_access.roles import PUBLIC, VIEW
from pages.parts.access import allow, scope

LOOKBACK = 5
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QueryType:
    """One kind of query: its question, that question's own parameters, its rows as the API names them, and
    whether it is a ranked list that ``limit`` shortens."""

    question: str
    shape: Callable[[Row], Row]
    own: Mapping[str, str]
    ranked: bool = True


def _event_count(row: Row) -> Row:
    return {"event_type": row["value"], "count": row["events"]}


def _timeseries(row: Row) -> Row:
    return {"hour": row["hour"], "event_type": row["event_type"], "count": row["events"]}


def _top_session(row: Row) -> Row:
    return {
        "session_id": row["session_id"],
        "event_count": row["events"],
        "session_start": row["session_start"],
        "session_end": row["session_end"],
        "distinct_event_types": row["event_types"],
        "site": row["site"],
    }


def _error(row: Row) -> Row:
    properties = json.loads(row["properties"])
    names = ("event_id", "session_id", "user_id", "source", "country")
    said = {"message": properties.get("message"), "code": properties.get("code")}
    return {name: row[name] for name in names} | {"timestamp": row["ts"], "properties": properties} | said


def _country(row: Row) -> Row:
    return {"country": row["value"], "events": row["events"], "sessions": row["sessions"]}


QUERY_TYPES = {
    "event_count": QueryType("events.mix", _event_count, {"by": "event_type"}),
    "timeseries": QueryType("events.by_hour_and_type", _timeseries, {}, ranked=False),
    "top_sessions": QueryType("sessions.busiest", _top_session, {}),
    "errors": QueryType("events.errors", _error, {}),
    "geographic_breakdown": QueryType("events.mix", _country, {"by": "country"}),
}
_COMPARED = frozenset({"events.mix"})
_PARAMETERS = frozenset({"query_type", "date_from", "date_to", "event_type", "limit", "site", "bots"})


def register(server: Flask, backends: Backends) -> None:
    """Add the routes."""
    realtime = _Realtime(backends)

    @server.get("/v1/query")
    @allow(VIEW)
    def query() -> Response:
        try:
            return _json(200, _query(backends, request.args.to_dict()))
        except NotAllowed as error:
            return _problem(403, str(error))
        except UsageError as error:
            return _problem(400, str(error))
        except QueryError as error:
            return _problem(503, str(error))

    @server.get("/v1/realtime")
    @allow(VIEW)
    def now() -> Response:
        return Response(realtime.body(request.args.get("site", "")), mimetype="application/json")

    @server.get("/v1/openapi.json")
    @allow(PUBLIC)
    def openapi() -> Response:
        return _json(200, document(backends.settings))


def _query(backends: Backends, given: Mapping[str, str]) -> dict[str, Any]:
    """Answer a query. Raises UsageError, QueryError."""
    unknown = sorted(set(given) - _PARAMETERS)
    if unknown:
        raise UsageError(f"{unknown[0]} is no parameter; it takes {', '.join(sorted(_PARAMETERS))}")
    kind = QUERY_TYPES.get(given.get("query_type", ""))
    if kind is None:
        raise UsageError(f"query_type takes {', '.join(QUERY_TYPES)}")
    answer = backends.asking.ask(kind.question, _raw(kind, given), scope())
    results = [kind.shape(row) for row in answer.rows]
    return _about(given["query_type"], answer) | {"results": results, "rows_returned": len(results)}


def _raw(kind: QueryType, given: Mapping[str, str]) -> dict[str, str]:
    """The question's parameters. Days are whole; bots count unless ``bots=out`` leaves them out."""
    limit = limit_of(given.get("limit") or "100")
    renamed = {"from": "date_from", "to": "date_to", "event_type": "event_type", "site": "site"}
    raw = {name: given[other] for name, other in renamed.items() if given.get(other)}
    raw |= {"bots": given.get("bots") or "in", **kind.own}
    if kind.ranked:
        raw["limit"] = str(limit)
    return raw | ({"compare": "none"} if kind.question in _COMPARED else {})


def _about(query_type: str, answer: Answer) -> dict[str, Any]:
    stamp = answer.stamp
    return {
        "query_type": query_type,
        "query_execution_id": str(uuid.uuid4()),
        "scanned_bytes": stamp.bytes_scanned or 0,
        "execution_ms": round(stamp.milliseconds, 1),
        "date_from": stamp.from_day,
        "date_to": stamp.to_day,
        "truncated": stamp.truncated,
        "data_version": stamp.data_version,
    }


class _Realtime:
    """The answer to GET /v1/realtime, made once a snapshot and selection of sites."""

    def __init__(self, backends: Backends) -> None:
        self._realtime = backends.realtime
        self._made: tuple[Snapshot | None, dict[frozenset[str] | None, bytes]] = (None, {})

    def body(self, site: str) -> bytes:
        """The answer as JSON, for the sites the asker may see."""
        own, snapshot = scope().sites, self._realtime.snapshot()
        wanted = frozenset({site} & own if own is not None else {site}) if site else own
        if self._made[0] is not snapshot:
            self._made = (snapshot, {})
        bodies = self._made[1]
        if wanted not in bodies:
            if len(bodies) > 1000:
                bodies.clear()
            bodies[wanted] = orjson.dumps(realtime_answer(snapshot, wanted))
        return bodies[wanted]


def realtime_answer(snapshot: Snapshot, sites: frozenset[str] | None) -> dict[str, Any]:
    """What /v1/realtime says of a snapshot: the running minute and the four before it, in UTC."""
    window = snapshot.window(LOOKBACK, sites)
    return {
        "lookback_minutes": LOOKBACK,
        "total_events": window.events,
        "error_count": window.errors,
        "error_rate_pct": window.error_rate,
        "active_sessions": window.sessions,
        "active_visitors": window.visitors,
        "by_event_type": {kind: n for kind, n in window.by_type.items() if n},
        "timeline": [
            {"minute": f"{minute:%Y-%m-%dT%H:%MZ}"} | {kind: n for kind, n in counts.items() if n}
            for minute, counts in window.timeline
        ],
        "watermark": f"{snapshot.watermark.isoformat(timespec='milliseconds')}Z",
        "lag_seconds": round(snapshot.lag, 3),
        "stale": snapshot.stale,
    }


def _json(status: int, value: Any) -> Response:
    body = orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    return Response(body, status, mimetype="application/json")


def _problem(status: int, text: str) -> Response:
    return _json(status, {"success": False, "error": text})
