"""GET /csv/audit: the records of the audit log that the admin page's filters leave, as CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request

from app.audit_rows import Records
from app.exports import or_why_not, parameters, taken
from data_access.backends import Backends
from data_access.roles import ADMIN
from pages.parts.access import allow
from pages.parts.admin_audit import wanted
from pages.parts.view import view

PATH = "/csv/audit"


def register(server: Flask, backends: Backends) -> None:
    """Add the route."""

    @server.get(PATH)
    @allow(ADMIN)
    def records() -> Any:
        return or_why_not(lambda: _file(backends))


def _file(backends: Backends) -> Response:
    seen = view(backends, PATH, request.query_string.decode(errors="replace"))
    found, now = Records(backends.audit, wanted(seen)), datetime.now(UTC)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="streamgauge_audit_{now:%Y-%m-%dt%H-%M-%S}z.csv"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return taken(
        backends,
        "audit",
        parameters(),
        found.chunks(),
        lambda: found.written,
        headers,
        permission=ADMIN,
    )
