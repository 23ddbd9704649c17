"""A Security Hub that answers GetFindings, which moto does without filters and MiniStack not at all.

It stands in for the service behind botocore's own hook ``before-send``: what is above it, the retries of
botocore among it, is as in earnest. It filters by UpdatedAt, in the order asked for, and refuses a token that
comes with other filters than it was given with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse

from data_access.aws.security_hub import ATTEMPTS
from tests.aws_parts import Aws


class Hub:
    """Holds findings by id. ``asked`` are the calls that came, ``faults`` codes that the next ones get, None
    for none."""

    def __init__(self, aws: Aws) -> None:
        self.findings: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.faults: list[str | None] = []
        self.before: Callable[[], object] = lambda: None
        self._tokens: dict[str, tuple[Any, str]] = {}
        client = aws.clients.of("securityhub", ATTEMPTS)
        client.meta.events.register("before-send.securityhub.GetFindings", self._answer)

    def put(self, *findings: dict[str, Any]) -> None:
        """Hold findings, or new versions of them."""
        self.findings |= {one["Id"]: one for one in findings}

    def forget_tokens(self) -> None:
        """Know no token any more."""
        self._tokens.clear()

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        asked = json.loads(request.body)
        self.asked.append(asked)
        self.before()
        if self.faults and (code := self.faults.pop(0)):
            return _response(request.url, 429 if "Throttl" in code else 400, {"Message": "no"}, code)
        token = asked.pop("NextToken", "")
        filters, after = self._tokens.get(token, (None, "")) if token else (asked, "")
        if filters != asked:
            return _response(request.url, 400, {"Message": "no such token"}, "InvalidInputException")
        found = [one for one in self._found(asked) if _place(one) > after]
        page, rest = found[: asked["MaxResults"]], found[asked["MaxResults"] :]
        answer: dict[str, Any] = {"Findings": page}
        if rest:
            answer["NextToken"] = f"token {len(self._tokens)}"
            self._tokens[answer["NextToken"]] = (asked, _place(page[-1]))
        return _response(request.url, 200, answer)

    def _found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        (order,) = asked["SortCriteria"]
        assert order == {"Field": "UpdatedAt", "SortOrder": "asc"}
        found = sorted(self.findings.values(), key=_place)
        for between in asked["Filters"].get("UpdatedAt", []):
            found = [
                one for one in found if between["Start"][:19] <= one["UpdatedAt"][:19] <= between["End"][:19]
            ]
        return found


def _place(finding: dict[str, Any]) -> str:
    return f"{finding['UpdatedAt']} {finding['Id']}"


def _response(url: str, status: int, body: dict[str, Any], code: str = "") -> AWSResponse:
    headers = {"content-type": "application/json"} | ({"x-amzn-ErrorType": code} if code else {})
    return AWSResponse(url, status, headers, _Raw(json.dumps(body).encode()))


class _Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()
