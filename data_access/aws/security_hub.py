"""Findings of Security Hub, page by page, as GetFindings answers them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_access import moments
from data_access.aws.clients import Clients
from data_access.ports import FindingsPage, PageLostError, SourceError

ATTEMPTS = 10
"""GetFindings takes 3 calls a second of an account and region, whoever makes them."""
_PAGE = 100
_SORT = [{"Field": "UpdatedAt", "SortOrder": "asc"}]
_DENIED = {"AccessDenied", "AccessDeniedException"}


class SecurityHub:
    """The FindingsSource port over Security Hub in one region. In the region that gathers others, it has
    their findings too."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def pages(self, since: int | None, until: int, token: str = "") -> Iterator[FindingsPage]:
        """Pages of findings that were updated between two times (UTC µs), all without ``since``; a token
        goes on with the page after the one it came with. Archived findings are among them, for that is how
        Security Hub says that one is over.

        Raises PageLostError for a token that is no longer known, else SourceError.
        """
        while True:
            page = self._page(_filters(since, until), token)
            token = page.token
            yield page
            if not token:
                return

    def _page(self, filters: dict[str, Any], token: str) -> FindingsPage:
        more = {"NextToken": token} if token else {}
        try:
            found = self._hub.get_findings(Filters=filters, SortCriteria=_SORT, MaxResults=_PAGE, **more)
        except ClientError as error:
            raise self._told(str(error.response["Error"]["Code"]), bool(token)) from None
        except BotoCoreError as error:
            raise SourceError(f"Security Hub cannot be reached: {type(error).__name__}") from None
        lines = (json.dumps(one, separators=(",", ":")).encode() for one in found["Findings"])
        return FindingsPage(b"\n".join(lines) or b"[]", found.get("NextToken") or "")

    def _told(self, code: str, has_token: bool) -> SourceError:
        if code == "InvalidInputException" and has_token:
            return PageLostError("Security Hub no longer knows where the last page ended")
        if code == "InvalidAccessException":
            return SourceError(f"Security Hub is not enabled in {self._clients.region}")
        if code in _DENIED:
            return SourceError("Security Hub: no permission securityhub:GetFindings; add it to the role")
        return SourceError(f"Security Hub does not answer: {code}")

    @cached_property
    def _hub(self) -> Any:
        """Made when first needed: its model is the largest of all."""
        return self._clients.of("securityhub", ATTEMPTS)


def _filters(since: int | None, until: int) -> dict[str, Any]:
    if since is None:
        return {}
    return {"UpdatedAt": [{"Start": moments.text(since), "End": moments.text(until)}]}
