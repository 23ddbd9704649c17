"""λ behind API Gateway (HTTP API, payload version 2.0): events into the stream."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from pipeline.collector import PATHS, Collector, Incoming, Reply
from pipeline.lambdas import parts


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request."""
    return answered(event, parts.collector())


def answered(event: dict[str, Any], collector: Collector) -> dict[str, Any]:
    """What the collector says to a request, as API Gateway takes it."""
    request = APIGatewayProxyEventV2(event)
    if request.raw_path not in PATHS:
        return _reply(Reply(404, b'{"success":false,"error":"There is nothing here."}'))
    return _reply(
        collector.answer(
            Incoming(
                request.http_method,
                request.raw_path,
                {name.lower(): value for name, value in request.headers.items()},
                _body(request),
                request.query_string_parameters,
            )
        )
    )


def _body(request: APIGatewayProxyEventV2) -> bytes:
    body = request.body or ""
    return b64decode(body) if request.is_base64_encoded else body.encode()


def _reply(reply: Reply) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **dict(reply.headers)}
    return {
        "statusCode": reply.status,
        "headers": headers,
        "body": reply.body.decode(),
        "isBase64Encoded": False,
    }
