"""The yardstick of the collector: Flask, pydantic models of the contract, lines of JSON, fsync a request."""

from __future__ import annotations

import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from flask import Flask, request
from gunicorn.app.base import BaseApplication
from pydantic import BaseModel, Field, ValidationError


class Metadata(BaseModel):
    ip_address: Annotated[str, Field(max_length=45)] | None = None
    user_agent: Annotated[str, Field(max_length=512)] | None = None
    country: Annotated[str, Field(pattern="^[A-Za-z]{2}$")] | None = None
    region: Annotated[str, Field(max_length=64)] | None = None
    referrer: Annotated[str, Field(max_length=2048)] | None = None


class Event(BaseModel):
    event_type: Literal["page_view", "click", "api_call", "form_submit", "error", "custom"]
    session_id: Annotated[str, Field(min_length=1, max_length=128)]
    source: Literal["web", "mobile", "api", "server"]
    event_id: Annotated[uuid.UUID, Field(default_factory=uuid.uuid4)]
    timestamp: datetime | None = None
    user_id: Annotated[str, Field(max_length=128)] | None = None
    properties: dict[str, Any] = {}
    metadata: Metadata = Metadata()


class Batch(BaseModel):
    events: Annotated[list[Event], Field(min_length=1, max_length=1000)]


def parse_and_encode(body: bytes) -> tuple[list[str], bytes]:
    """The ids of a batch's events, and the lines to keep."""
    batch = Batch.model_validate_json(body)
    lines = b"".join(event.model_dump_json().encode() + b"\n" for event in batch.events)
    return [str(event.event_id) for event in batch.events], lines


def create(path: Path) -> Flask:
    app = Flask("naive")
    log = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    @app.post("/v1/events/batch")
    def take() -> Any:
        try:
            ids, lines = parse_and_encode(request.get_data())
        except ValidationError as error:
            return {"errors": error.errors(include_url=False)}, 422
        os.write(log, lines)
        os.fsync(log)
        return {"accepted": len(ids), "rejected": 0, "event_ids": ids, "errors": []}

    @app.get("/healthz")
    def healthy() -> Any:
        return {"status": "healthy"}

    return app


class Server(BaseApplication):
    """gunicorn with as many threads as the app has."""

    def __init__(self, path: Path, port: int) -> None:
        self._path, self._port = path, port
        super().__init__()

    def load_config(self) -> None:
        values = {
            "bind": f"127.0.0.1:{self._port}",
            "worker_class": "gthread",
            "threads": 16,
            "keepalive": 75,
        }
        for name, value in (values | {"loglevel": "warning", "control_socket_disable": True}).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create(self._path)


if __name__ == "__main__":
    import sys

    Server(Path(sys.argv[1]), int(sys.argv[2])).run()
