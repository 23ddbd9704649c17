"""GET /healthz: is the web process up, and which version."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Flask

from data_access.roles import PUBLIC
from pages.parts.access import allow


def app_version() -> str:
    """The installed version, or the source tree's."""
    try:
        return version("streamgauge")
    except PackageNotFoundError:
        return "0.1.0"


def health() -> dict[str, str]:
    """That the process is up, which one, and when this was said."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"status": "healthy", "service": "streamgauge", "timestamp": now, "version": app_version()}


def register(server: Flask) -> None:
    """Add the route."""

    @server.get("/healthz")
    @allow(PUBLIC)
    def healthz() -> Any:
        return health(), 200, {"Cache-Control": "no-store"}
