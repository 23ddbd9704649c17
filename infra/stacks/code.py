"""Where the functions' code comes from: built bundles, or a name in their place where nothing is deployed."""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.bundles import OF

CodeOf = Callable[[Construct, str], lambda_.Code]
"""The code of a function of a stack, by the function's name."""


def built(_: Construct, function: str) -> lambda_.Code:
    """The bundle that ``python -m infra.bundles`` has built."""
    return lambda_.Code.from_asset(str(OF[function].folder))


def named(stack: Construct, function: str) -> lambda_.Code:
    """An object that need not exist: for checks, which read no bundle."""
    bucket = s3.Bucket.from_bucket_name(stack, f"Code-{function}", "streamgauge-code")
    return lambda_.Code.from_bucket(bucket, f"{OF[function].name}.zip")
