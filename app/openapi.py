"""The OpenAPI 3.1 document of everything under /v1 and of /clickstream, served at /v1/openapi.json."""

from __future__ import annotations

from typing import Any

from app import openapi_findings
from app.health import app_version
from data_access.events import EVENT_TYPES, LOGIN_STATES, SOURCES
from data_access.settings import Settings
from pipeline.contracts import MAX_BATCH

Json = dict[str, Any]


def document(settings: Settings) -> Json:
    """The document, for this server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Streamgauge",
            "version": app_version(),
            "description": "Send events; ask for what happened, and what happens now.",
        },
        "servers": [{"url": settings.base_url}],
        "paths": {
            "/v1/events": {"post": _send("sendEvent", "Send one event", "Event")},
            "/v1/events/batch": {"post": _send("sendEvents", f"Send 1 to {MAX_BATCH:,} events", "Batch")},
            "/clickstream": {"post": _clickstream()},
            "/v1/query": {"get": _query()},
            "/v1/realtime": {"get": _realtime()},
            **openapi_findings.paths(),
            "/v1/openapi.json": {
                "get": {
                    "operationId": "describe",
                    "summary": "This document",
                    "responses": {"200": _content("The document", {"type": "object"})},
                }
            },
        },
        "components": {
            "schemas": _schemas() | openapi_findings.schemas(),
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "bearer", "description": "A site's write key, wk_…"},
                "writeKeyHeader": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
                "writeKeyQuery": {"type": "apiKey", "in": "query", "name": "key"},
                "apiKey": {"type": "http", "scheme": "bearer", "description": "A key to read with, sg_…"},
            },
        },
    }


def _content(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _problems(*statuses: str, schema: str = "Problem") -> Json:
    """Answers that turn the whole request away."""
    retry = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
    return {
        status: _content(_PROBLEMS[status], _ref(schema))
        | ({"headers": retry} if status in {"429", "503", "507"} else {})
        for status in statuses
    }


_PROBLEMS = {
    "400": "The body is no JSON, or a parameter cannot be used",
    "401": "No key, or one that is not known",
    "403": "The page's origin, or the key's role, is not allowed to do this",
    "405": "Only POST is answered",
    "409": "The Idempotency-Key came with another request before",
    "413": "The body is too large; send fewer events at once",
    "415": "The body is encoded in another way than gzip",
    "422": "No event could be kept",
    "429": "Too many events a second",
    "503": "Busy; nothing was kept",
    "507": "The disk is full; nothing was kept",
}
_REFUSALS = ("401", "403", "405", "413", "415", "429", "503", "507")


def _send(name: str, summary: str, schema: str) -> Json:
    kept = {"anyOf": [_ref("Kept"), _ref("Problem")]}
    once = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body within a day change nothing and get the first answer again",
        "schema": {"type": "string", "maxLength": 255},
    }
    return {
        "operationId": name,
        "summary": summary,
        "description": "Answered when the events are on disk for good. Body: JSON, or JSON in gzip.",
        "security": [{"writeKey": []}, {"writeKeyHeader": []}, {"writeKeyQuery": []}],
        "parameters": [once],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(schema)}}},
        "responses": {
            "200": _content("All were kept", _ref("Kept")),
            "207": _content("Some were kept; errors names the others", _ref("Kept")),
            "422": _content(_PROBLEMS["422"], kept),
            **_problems("400", "409", *_REFUSALS),
        },
    }


def _clickstream() -> Json:
    return {
        "operationId": "sendClick",
        "summary": "Send one event of the tracker",
        "description": "Without a key the site is the one that names the page's origin as its own.",
        "security": [{"writeKey": []}, {"writeKeyHeader": []}, {"writeKeyQuery": []}, {}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Click")}}},
        "responses": {
            "200": _content("It was kept", _ref("Success")),
            **_problems("400", *_REFUSALS, schema="Failure"),
        },
    }


def _query() -> Json:
    def parameter(name: str, schema: Json, description: str, required: bool = False) -> Json:
        return {
            "name": name,
            "in": "query",
            "required": required,
            "description": description,
            "schema": schema,
        }

    day = {"type": "string", "format": "date"}
    return {
        "operationId": "query",
        "summary": "Ask for what happened",
        "security": [{"apiKey": []}],
        "parameters": [
            parameter("query_type", {"enum": _QUERY_TYPES}, "What to ask for", required=True),
            parameter("date_from", day, "First day"),
            parameter("date_to", day, "Last day, inclusive"),
            parameter("event_type", {"enum": list(EVENT_TYPES)}, "Only events of this type"),
            parameter("site", {"type": "string", "minLength": 1}, "Only events of this site"),
            parameter("bots", {"enum": ["in", "out", "only"]}, "Bots are in unless left out"),
            parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
                "Rows of a ranked list",
            ),
        ],
        "responses": {
            "200": _content("The answer", _ref("Answer")),
            **_problems("400", "401", "403", "503"),
        },
    }


_QUERY_TYPES = ["event_count", "timeseries", "top_sessions", "errors", "geographic_breakdown"]


def _realtime() -> Json:
    site = {
        "name": "site",
        "in": "query",
        "description": "Only this site",
        "schema": {"type": "string", "minLength": 1},
    }
    return {
        "operationId": "realtime",
        "summary": "What happens now: the running minute and the four before it",
        "security": [{"apiKey": []}],
        "parameters": [site],
        "responses": {"200": _content("The answer", _ref("Realtime")), **_problems("401", "403")},
    }


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": properties, "required": required or list(properties)}


def _text(most: int, **more: Any) -> Json:
    return {"type": ["string", "null"], "maxLength": most} | more


def _schemas() -> Json:
    count: Json = {"type": "integer", "minimum": 0}
    text: Json = {"type": "string"}
    number: Json = {"type": "number", "minimum": 0}
    error = _object({"index": count, "field": text, "message": text})
    counts: Json = {"type": "object", "additionalProperties": count}
    minute: Json = {"type": "object", "properties": {"minute": text}, "required": ["minute"]}
    return {
        "Event": _event(),
        "Batch": _object(
            {
                "events": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_BATCH,
                    "items": {"anyOf": [_ref("Event"), _ref("Click")]},
                },
                "sent_at": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When, by the sender's clock",
                },
            },
            ["events"],
        ),
        "Click": _click(),
        "Kept": _object(
            {
                "accepted": count,
                "rejected": count,
                "event_ids": {"type": "array", "items": text},
                "errors": {"type": "array", "items": error},
            }
        ),
        "Success": _object({"success": {"const": True}}),
        "Failure": _object({"success": {"const": False}, "message": text}),
        "Problem": _object({"success": {"const": False}, "error": text}),
        "Answer": _object(
            {
                "query_type": {"enum": _QUERY_TYPES},
                "query_execution_id": {"type": "string", "format": "uuid"},
                "rows_returned": count,
                "scanned_bytes": count,
                "execution_ms": number,
                "date_from": {"type": "string", "format": "date"},
                "date_to": {"type": "string", "format": "date"},
                "results": {"type": "array", "items": {"type": "object"}},
                "truncated": {"type": "boolean"},
                "data_version": text,
            }
        ),
        "Realtime": _object(
            {
                "lookback_minutes": {"const": 5},
                "total_events": count,
                "error_count": count,
                "error_rate_pct": number | {"maximum": 100},
                "active_sessions": count,
                "active_visitors": count,
                "by_event_type": counts,
                "timeline": {"type": "array", "items": minute},
                "watermark": text,
                "lag_seconds": number,
                "stale": {"type": "boolean"},
            }
        ),
    }


def _event() -> Json:
    metadata = {
        "ip_address": _text(45, description="Checked, and not kept"),
        "user_agent": _text(512),
        "country": {"type": ["string", "null"], "pattern": "^[A-Za-z]{2}$"},
        "region": _text(64),
        "referrer": _text(2048),
    }
    return _object(
        {
            "event_type": {"enum": list(EVENT_TYPES)},
            "session_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "source": {"enum": list(SOURCES)},
            "event_id": {"type": ["string", "null"], "format": "uuid"},
            "timestamp": {"type": ["string", "null"], "format": "date-time"},
            "user_id": _text(128),
            "properties": {"type": ["object", "null"], "description": "At most 10 KB as JSON"},
            "metadata": {"type": ["object", "null"], "properties": metadata},
        },
        ["event_type", "session_id", "source"],
    )


def _click() -> Json:
    element = {"tag": {}, "id": {}, "role": {}, "text": {}, "dataset": {"type": ["object", "null"]}}
    product = {
        **{
            name: {"type": ["string", "null"], "maxLength": 512}
            for name in ("id", "name", "category", "brand")
        },
        **{name: {"type": ["number", "null"]} for name in ("price", "discountPrice")},
        "urlPath": _text(2048),
    }
    return _object(
        {
            "eventName": {"type": "string", "minLength": 1, "maxLength": 128},
            "eventId": _text(128),
            "timestamp": {"type": ["string", "null"], "format": "date-time"},
            "pageUrl": _text(2048),
            "pageTitle": _text(512),
            "referrer": _text(2048),
            "userId": _text(128),
            "userLoginState": {"enum": [*LOGIN_STATES, None]},
            "clientId": _text(128),
            "sessionId": _text(128),
            "isFirstVisit": {"type": ["boolean", "null"]},
            "product": {"type": ["object", "null"], "properties": product},
            "element": {"type": ["object", "null"], "properties": element},
        },
        ["eventName"],
    )
