"""Queries of the Athena double: how they run, what they look like meanwhile, how scripted ones end."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.athena.engine import Ran, SqlError

_LOOK_SECONDS = 0.05
"""How long a look waits for a query that is being run, so that nobody has to look a thousand times."""
OWN = b"its own"


@dataclass(frozen=True)
class Outcome:
    """How a query ends: as it does when ``state`` is empty, after a number of looks that find it running.

    ``file`` is what lies in place of its answer: bytes, or None for no file at all.
    """

    state: str = ""
    reason: str = ""
    looks: int = 0
    file: bytes | None = OWN
    retryable: bool = False


@dataclass
class Execution:
    """A started query."""

    id: str
    text: str
    token: str
    outcome: Outcome
    where: dict[str, Any]
    cap: int | None
    ran: Future[Ran] = field(default_factory=Future)
    looks: int = 0
    stopped: bool = False
    began: float = field(default_factory=time.time)

    def start(self, submit: Callable[[], Future[Ran]]) -> None:
        """Run it, unless its end is scripted."""
        if self.outcome.state:
            self.ran.set_exception(SqlError(self.outcome.reason))
        else:
            self.ran = submit()

    def status(self) -> dict[str, Any]:
        """Its Status, as GetQueryExecution has it."""
        if self.stopped:
            return {"State": "CANCELLED", "StateChangeReason": "Query cancelled by user"}
        if self.looks <= self.outcome.looks or not self._over():
            return {"State": "QUEUED" if self.looks < 2 else "RUNNING"}
        error = self.ran.exception()
        if error is not None:
            return self._failed(str(error))
        if self.cap is not None and self.ran.result().scanned > self.cap:
            reason = "Query cancelled! : Bytes scanned limit was exceeded"
            return {"State": "CANCELLED", "StateChangeReason": reason}
        return {"State": "SUCCEEDED"}

    @property
    def running(self) -> bool:
        """Whether it could still be stopped."""
        return self.status()["State"] in ("QUEUED", "RUNNING")

    def described(self, workgroup: str, output: str) -> dict[str, Any]:
        """All there is to say of it: a QueryExecution."""
        self.looks += 1
        status, ended = self.status(), not self.running
        ran = self.ran.result() if self.ran.done() and not self.ran.exception() else None
        return {
            "QueryExecutionId": self.id,
            "Query": self.text,
            "StatementType": ran.statement if ran else "DML",
            "SubstatementType": ran.substatement if ran else "SELECT",
            "QueryExecutionContext": self.where,
            "ResultConfiguration": {"OutputLocation": f"{output}{self.id}.csv"},
            "Status": status | {"SubmissionDateTime": self.began},
            "Statistics": {"DataScannedInBytes": ran.scanned if ran and ended else 0},
            "WorkGroup": workgroup,
        }

    def _failed(self, reason: str) -> dict[str, Any]:
        told = {
            "ErrorCategory": 2,
            "ErrorType": 1006,
            "Retryable": self.outcome.retryable,
            "ErrorMessage": reason,
        }
        state = self.outcome.state or "FAILED"
        return {"State": state, "StateChangeReason": reason, "AthenaError": told}

    def _over(self) -> bool:
        with suppress(TimeoutError):
            self.ran.exception(_LOOK_SECONDS)
        return self.ran.done()
