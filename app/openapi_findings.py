"""The part of the OpenAPI document that is about findings."""

from __future__ import annotations

from typing import Any

from data_access.finding_index import STATES
from data_access.findings import Compliance, Severity, Status

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_MOMENT: Json = {"type": "string", "format": "date-time"}


def paths() -> Json:
    """The operations."""
    return {
        "/v1/findings": {"get": _list()},
        "/v1/findings:import": {"post": _import()},
        "/v1/summary": {"get": _get("summarizeFindings", "Findings by severity", "FindingSummary")},
        "/v1/health": {
            "get": {
                "operationId": "health",
                "summary": "Whether the server is up",
                "responses": {"200": _content("It is", "Health")},
            }
        },
    }


def schemas() -> Json:
    """What they answer with."""
    return {
        "Finding": _finding(),
        "Findings": _answer({"data": {"type": "array", "items": _ref("Finding")}, "count": _COUNT}),
        "FindingSummary": _answer({"data": _summary()}),
        "FindingsTaken": _taken(),
        "FindingProblem": _object({"success": {"const": False}, "error": _TEXT, "timestamp": _MOMENT}),
        "Health": _object(
            {"status": {"const": "healthy"}, "service": _TEXT, "timestamp": _MOMENT, "version": _TEXT}
        ),
    }


def _list() -> Json:
    limit = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    operation = _get("listFindings", "Findings, newest first, or the one with an id", "Findings")
    operation["parameters"] = [
        _parameter("severity", {"enum": list(Severity)}, "Only findings of this severity"),
        _parameter("state", {"enum": list(STATES), "default": "all"}, "Only findings in this state"),
        _parameter("limit", limit, "How many at most"),
        _parameter("id", {"type": "string", "minLength": 1}, "The provider's id of one, or its key"),
    ]
    problem = {"$ref": "#/components/schemas/FindingProblem"}
    for status, words in (("400", "A parameter cannot be used"), ("404", "There is no finding of that id")):
        content = {"application/json": {"schema": problem}}
        operation["responses"][status] = {"description": words, "content": content}
    return operation


def _import() -> Json:
    operation = _get("importFindings", "Take in findings", "FindingsTaken")
    operation["description"] = (
        "ASFF, OCSF or Prowler's own formats, as JSON, JSON lines or CSV, or any of them in gzip. The same "
        "findings in any order and however often come to the same."
    )
    operation["parameters"] = [
        _parameter("name", {"type": "string"}, "What the scan is called in lists"),
    ]
    body = {"schema": {"type": "string", "format": "binary"}}
    operation["requestBody"] = {"required": True, "content": {"application/octet-stream": body}}
    operation["responses"]["422"] = _content("Nothing in the body is a finding", "FindingsTaken")
    operation["responses"]["413"] = _content("The body is too large; use the command line", "Problem")
    return operation


def _get(name: str, summary: str, schema: str) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"apiKey": []}],
        "responses": {
            "200": _content("The answer", schema),
            "401": _content("No key, or one that is not known", "Problem"),
            "403": _content("The key's role does not allow this", "Problem"),
        },
    }


def _parameter(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _content(description: str, schema: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": properties, "required": required or list(properties)}


def _answer(properties: Json) -> Json:
    return _object({"success": {"const": True}, **properties, "timestamp": _MOMENT})


def _finding() -> Json:
    texts = ("id", "key", "title", "description", "resource_type", "resource_id", "account_id", "region")
    properties: Json = dict.fromkeys((*texts, "provider", "control"), _TEXT)
    properties |= {
        "severity": {"enum": list(Severity)},
        "compliance": {"enum": list(Compliance)},
        "status": {"enum": list(Status)},
        "timestamp": _MOMENT | {"description": "When the provider updated it"},
        "open": {"type": "boolean"},
        "opened_at": {"type": ["string", "null"], "format": "date-time"},
    }
    required = list(properties)
    raw = {"description": "The provider's own document; only when asked for by id"}
    return _object(properties | {"raw_finding": raw}, required)


def _summary() -> Json:
    return _object(
        {
            "total_findings": _COUNT,
            "open_findings": _COUNT,
            "severity_breakdown": _object(dict.fromkeys(map(str, Severity), _COUNT)),
            "last_updated": {"type": ["string", "null"], "format": "date-time"},
        }
    )


def _taken() -> Json:
    counts = ("accepted", "flagged", "rejected", "new", "newer", "older", "known")
    error = _object({"place": _COUNT, "reason": _TEXT, "message": _TEXT})
    return _object(
        {
            "success": {"type": "boolean"},
            "scan": _TEXT,
            **dict.fromkeys(counts, _COUNT),
            "errors": {"type": "array", "items": error},
            "timestamp": _MOMENT,
        }
    )
