from __future__ import annotations

from datetime import datetime

from flask.testing import FlaskClient


def test_health_is_public_and_says_which_version(stranger: FlaskClient) -> None:
    answer = stranger.get("/healthz")
    assert answer.status_code == 200
    body = answer.json
    assert body is not None
    assert sorted(body) == ["service", "status", "timestamp", "version"]
    assert body["status"] == "healthy"
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
