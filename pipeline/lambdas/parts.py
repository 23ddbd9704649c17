"""What the handlers work with, opened when first needed and kept while the function is warm."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aws_lambda_powertools import Logger

from data_access.backends import (
    AwsFindingParts,
    AwsParts,
    Backends,
    open_aws,
    open_aws_findings,
    open_aws_lake,
    open_backends,
    read_settings,
)
from data_access.ports import Lake
from pipeline.collector import Collector
from pipeline.rules import Rules, load_rules

logger = Logger(service="streamgauge")
"""Writes JSON lines; what is sent in is never among them."""


@lru_cache(maxsize=1)
def opened() -> AwsParts:
    """The AWS back ends of this function's settings."""
    return open_aws(read_settings())


@lru_cache(maxsize=1)
def of_findings() -> AwsFindingParts:
    """The AWS back ends of findings."""
    return open_aws_findings(read_settings())


@lru_cache(maxsize=1)
def of_lake() -> Lake:
    """The lake."""
    return open_aws_lake(read_settings())


@lru_cache(maxsize=1)
def of_app() -> Backends:
    """All that the web application has; its folder is one of this function's own."""
    return open_backends(read_settings({"data_dir": Path(mkdtemp(prefix="streamgauge-"))}))


@lru_cache(maxsize=1)
def collector() -> Collector:
    """The collector in front of the stream."""
    parts = opened()
    return Collector(parts.intake, parts.documents, parts.settings)


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The channel and bot rules."""
    return load_rules(opened().settings.rules_file)


def has_time(context: Any, seconds: float) -> Callable[[], bool]:
    """Says whether a call of a function has so many seconds left before it is ended."""
    return lambda: bool(context.get_remaining_time_in_millis() >= seconds * 1000)
