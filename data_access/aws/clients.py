"""The door to AWS: one configured client per service, made when first asked for."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import boto3
from botocore.config import Config

from data_access.settings import PREFIX, Settings, SettingsError

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 20, 6
_POOL = 32
"""Connections of one client: as many threads may ask at once as a web server has."""


class Clients:
    """boto3 clients, safe to share between threads. Credentials come as boto3 finds them: on EC2 and λ from
    the role, never from a setting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, service: str, attempts: int = ATTEMPTS) -> Any:
        """The client of a service, by its name in boto3; who repeats calls by a rule of their own takes
        one that makes a single attempt. Raises SettingsError without a region."""
        return self._of(service, attempts)

    @property
    def region(self) -> str:
        """The region the clients ask; empty where none is set."""
        return self._session.region_name or ""

    @cached_property
    def _of(self) -> Any:
        return lru_cache(maxsize=None)(self._open)

    def _open(self, service: str, attempts: int) -> Any:
        if not self.region:
            raise SettingsError(f"no AWS region: set {PREFIX}AWS_REGION, as eu-central-1")
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=_POOL,
            user_agent_extra="streamgauge",
        )
        return self._session.client(
            service, config=config, endpoint_url=self._settings.aws_endpoint.rstrip("/") or None
        )

    @cached_property
    def _session(self) -> Any:
        return boto3.Session(region_name=self._settings.aws_region or None)


def named(error: Exception) -> str:
    """What went wrong with a call, without what was sent."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
