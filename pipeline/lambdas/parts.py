"""What the handlers work with, opened when first needed and kept while the function is warm."""

from __future__ import annotations

from functools import lru_cache

from aws_lambda_powertools import Logger

from data_access.backends import AwsParts, open_aws
from data_access.settings import load
from pipeline.collector import Collector
from pipeline.rules import Rules, load_rules

logger = Logger(service="streamgauge")
"""Writes JSON lines; what is sent in is never among them."""


@lru_cache(maxsize=1)
def opened() -> AwsParts:
    """The AWS back ends of this function's settings."""
    return open_aws(load())


@lru_cache(maxsize=1)
def collector() -> Collector:
    """The collector in front of the stream."""
    parts = opened()
    return Collector(parts.intake, parts.documents, parts.settings)


@lru_cache(maxsize=1)
def rules() -> Rules:
    """The channel and bot rules."""
    return load_rules(opened().settings.rules_file)
