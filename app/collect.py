"""The collector's paths in front of the web application: a thin WSGI adapter over pipeline.collector.

They are answered before the web framework, which would cost more than all the rest. They know no session
and no cookie: who may send is decided by write keys alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from pipeline.collector import PATHS, Collector, Incoming, Reply

LOG = logging.getLogger(__name__)
_PLAIN = {"CONTENT_TYPE": "content-type"}
_MOST_PARAMETERS = 20
_STEP = 1024 * 1024


class Collecting:
    """WSGI: requests to the collector's paths go to it, all others to ``application``."""

    def __init__(self, collector: Collector, application: Callable[..., Iterable[bytes]]) -> None:
        self._collector, self._application = collector, application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] not in PATHS:
            return self._application(environ, start_response)
        try:
            reply = self._answer(environ)
        except Exception:
            LOG.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            reply = Reply(
                500, b'{"success":false,"error":"Something went wrong on our side; send it again."}'
            )
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *reply.headers,
        ]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [reply.body]

    def _answer(self, environ: Mapping[str, Any]) -> Reply:
        body = _body(environ, self._collector.most_bytes)
        headers = {
            _PLAIN.get(name) or name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in _PLAIN
        }
        query = environ.get("QUERY_STRING", "").split("&", _MOST_PARAMETERS)[:_MOST_PARAMETERS]
        # The first of several values counts.
        values = dict(reversed(parse_qsl("&".join(query), keep_blank_values=True)))
        return self._collector.answer(
            Incoming(environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, body, values)
        )


def _body(environ: Mapping[str, Any], most: int) -> bytes:
    """The body, at most one byte more than allowed: enough to see that it is too large."""
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        found: bytes = stream.read(min(int(length), most + 1))
        return found
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    parts: list[bytes] = []
    size = 0
    while size <= most and (part := stream.read(_STEP)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
