"""The model of findings that the AWS SDK carries: what Security Hub itself would refuse."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

# The names of members stand in the report as they are, line ends and all.
_ERROR = re.compile(r"\n(?=Missing required|Invalid |Unknown parameter|Value )")
_INDEX = re.compile(r"\[[0-9]+\]")
_PLACE = re.compile(
    r"parameter in (?P<parent>\S+): \"(?P<name>[^\"]+)\"|for parameter (?P<path>.*?), (?:value|valid)",
    re.DOTALL,
)


def finding_shape() -> Any:
    """The shape AwsSecurityFinding; skips the test, saying so, where botocore is not installed."""
    pytest.importorskip(
        "botocore", reason="SKIPPED FOR WANT OF botocore: it carries the model of Security Hub"
    )
    return _shape()


def refused_members(document: object) -> set[str]:
    """The members (``Resources[].Id``) that the model refuses in a document, but those it does not know."""
    shape = finding_shape()
    from botocore.validate import ParamValidator

    report = _ERROR.split(ParamValidator().validate(document, shape).generate_report())
    return {_member(error) for error in report if error and not error.startswith("Unknown parameter")}


@cache
def _shape() -> Any:
    import botocore
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    models = Loader([str(Path(botocore.__file__).parent / "data")])
    return ServiceModel(models.load_service_model("securityhub", "service-2")).shape_for("AwsSecurityFinding")


def _member(error: str) -> str:
    match = _PLACE.search(error)
    assert match, error
    path = match["path"] or f"{match['parent'].removeprefix('input')}.{match['name']}"
    return _INDEX.sub("[]", path).lstrip(".")
