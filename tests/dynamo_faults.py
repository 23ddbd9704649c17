"""Faults between a boto3 client and its service: throttling, lost answers, timeouts; nothing really waits.

    with Faults(clients, seed=1, throttled=0.1, lost=0.1, timed_out=0.1) as faults:
        ...  # what uses clients.of("dynamodb") meets faults; botocore repeats as it does in earnest
    faults.counts  # {"calls": …, "throttled": …, "lost": …, "timed_out": …, "partial": …}

    with Crash(clients, at=3, after=True), pytest.raises(KeyboardInterrupt):
        ...  # dies once its fourth call was made

What botocore gives up on, after its attempts or when its quota of retries is used up, reaches the caller as
one of FAILURES. A caller that tries again is what comes next in earnest, too: ``again(action)`` does that.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from threading import Lock
from types import SimpleNamespace, TracebackType
from typing import Any, TypeVar

import botocore.endpoint
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from data_access.aws.clients import Clients

FAILURES = (ClientError, HTTPClientError)
"""What a caller sees when botocore gives up."""
_SAYS = "a fault of the test"
_Result = TypeVar("_Result")
_URL = "https://dynamodb.test"
_PARTIAL = {"BatchGetItem": ("RequestItems", "UnprocessedKeys")}


class Faults:
    """Faults on every call of one client, at random but the same for the same seed and calls.

    - throttled: the service says so and has done nothing; of BatchGetItem sometimes only a part is refused,
      and of a transaction it may be said of one of its items. With ``conflicts`` an UpdateItem or PutItem
      sometimes hears that a transaction has the item, which botocore does not repeat by itself.
    - lost: the service has done it, but the connection ends, or it answers with a 500.
    - timed_out: no answer in time; by half it was done.
    """

    def __init__(
        self,
        clients: Clients,
        seed: int,
        *,
        throttled: float = 0.1,
        lost: float = 0.1,
        timed_out: float = 0.1,
        conflicts: bool = False,
        service: str = "dynamodb",
    ) -> None:
        self._client = clients.of(service)
        self._conflicting = {"UpdateItem", "PutItem"} if conflicts else set()
        self._chance, self._lock = random.Random(seed), Lock()
        self._kinds = (("throttled", throttled), ("lost", lost), ("timed_out", timed_out))
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Faults:
        endpoint = self._client._endpoint
        self._real: Callable[..., Any] = endpoint._do_get_response
        endpoint._do_get_response = self._answer
        self._time = botocore.endpoint.time
        botocore.endpoint.time = SimpleNamespace(sleep=lambda _seconds: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._client._endpoint._do_get_response
        botocore.endpoint.time = self._time

    def _answer(self, request: Any, operation: Any, context: Any) -> Any:
        """As botocore's: the response and what it says, or None and what went wrong."""
        kind, chance = self._drawn()
        if kind == "throttled":
            return self._throttled(request, operation, context, chance)
        if kind == "timed_out":
            if chance < 0.5:
                self._real(request, operation, context)
            return None, ReadTimeoutError(endpoint_url=_URL)
        found = self._real(request, operation, context)
        if kind != "lost" or found[0] is None or found[0][0].status_code >= 500:
            return found
        if chance < 0.5:
            return None, ConnectionClosedError(endpoint_url=_URL)
        return _said(500, "InternalServerError")

    def _drawn(self) -> tuple[str, float]:
        with self._lock:
            drawn, chance = self._chance.random(), self._chance.random()
            self.counts["calls"] += 1
            for kind, share in self._kinds:
                if drawn < share:
                    self.counts[kind] += 1
                    return kind, chance
                drawn -= share
        return "", chance

    def _throttled(self, request: Any, operation: Any, context: Any, chance: float) -> Any:
        if operation.name in _PARTIAL and chance < 0.5:
            return self._in_part(operation, self._real(request, operation, context))
        if operation.name == "TransactWriteItems" and chance < 0.3:
            reasons = [
                {"Code": "None"},
                {"Code": "ThrottlingError" if chance < 0.15 else "TransactionConflict"},
            ]
            return _said(400, "TransactionCanceledException", CancellationReasons=reasons)
        if operation.name in self._conflicting and chance < 0.3:
            return _said(400, "TransactionConflictException")
        slow = chance < 0.7
        return _said(400, "ThrottlingException" if slow else "ProvisionedThroughputExceededException")

    def _in_part(self, operation: Any, found: Any) -> Any:
        """An answer without the last item of every table: it says that it did not come to that."""
        if found[0] is None or found[0][0].status_code != 200:
            return found
        with self._lock:
            self.counts["partial"] += 1
        response, said = found[0]
        for table, items in said["Responses"].items():
            if items:
                item = items.pop()
                left = said["UnprocessedKeys"].setdefault(table, {"Keys": [], "ConsistentRead": True})
                left["Keys"].append({name: item[name] for name in ("pk", "sk")})
        return (response, said), None


class Crash:
    """The process ends at one call of a client, the ``at``-th (from 0), before it is made or ``after``: that
    is a KeyboardInterrupt. ``calls`` counts them."""

    def __init__(self, clients: Clients, at: int, *, after: bool, service: str = "dynamodb") -> None:
        self._endpoint = clients.of(service)._endpoint
        self._at, self._after, self.calls = at, after, 0

    def __enter__(self) -> Crash:
        self._real: Callable[..., Any] = self._endpoint._do_get_response
        self._endpoint._do_get_response = self._answer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._endpoint._do_get_response

    def _answer(self, request: Any, operation: Any, context: Any) -> Any:
        is_now, self.calls = self.calls == self._at, self.calls + 1
        if is_now and not self._after:
            raise KeyboardInterrupt
        found = self._real(request, operation, context)
        if is_now:
            raise KeyboardInterrupt
        return found


def _said(status: int, code: str, **more: Any) -> Any:
    said = {
        "Error": {"Code": code, "Message": _SAYS},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    response = SimpleNamespace(status_code=status, headers={}, content=b"{}", text="{}", raw=None)
    return (response, said | more), None


def again(action: Callable[[], _Result], times: int = 200) -> _Result:
    """What an action gives once it gets through; it is tried again when botocore gave up."""
    for _ in range(times - 1):
        try:
            return action()
        except FAILURES as error:
            if isinstance(error, ClientError) and error.response["Error"]["Message"] != _SAYS:
                raise
    return action()
