"""Queries as Athena runs them: started, waited for with growing pauses, and stopped if nobody waits any more.

PyAthena's cursors are not used for this: they sleep fixed seconds between looks, have no deadline, hide
states and turn every error into a text. Its reading of an execution is (``AthenaQueryExecution``).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pyathena.model import AthenaQueryExecution as Execution

from data_access.aws.athena_calls import Calls
from data_access.ports import QueryError, Scanned
from data_access.query_errors import (
    MoreRunsNeeded,
    NotAllowed,
    QueryCancelled,
    QueryFailed,
    QueryThrottled,
    QueryTimedOut,
    ScanCapHit,
)

log = logging.getLogger(__name__)

_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.1, 1.5, 2.0
_STOP_SECONDS = 3.0
_LONGEST_TEXT = 262_144
"""Bytes of a query: Athena's own limit."""


@dataclass(slots=True)
class _Run:
    """A started query and what was last seen of it."""

    id: str
    seen: Execution | None = None


class AthenaRuns:
    """Runs queries in a workgroup, which says where answers go and how much a query may read."""

    def __init__(self, athena: Any, calls: Calls, workgroup: str, database: str, seconds: float) -> None:
        self._athena, self._calls, self._seconds = athena, calls, seconds
        self._where = {"WorkGroup": workgroup, "QueryExecutionContext": {"Database": database}}

    @contextmanager
    def done(self, text: str, scanned: Scanned) -> Iterator[Execution]:
        """A query that has succeeded; ``scanned`` is told what it read, also if it failed half-way.

        Whoever leaves early, by an exception or by not reading on, has it stopped: a query that nobody waits
        for costs money and a place in the queue. Athena takes no notice where it was done already.
        """
        until = self._calls.clock() + self._seconds
        run = _Run(self._start(text, until))
        try:
            execution = self._wait(run, until)
            if execution.state == Execution.STATE_SUCCEEDED:
                yield execution
        except BaseException:
            self._stop(run.id)
            raise
        finally:
            if run.seen is not None:
                scanned(run.seen.data_scanned_in_bytes or 0)
        if execution.state != Execution.STATE_SUCCEEDED:
            raise _why_not(execution)

    def _start(self, text: str, until: float) -> str:
        """Start a query, exactly once however often it takes to say so: the token is of this start, not of
        the text, as the same question may be asked again on purpose."""
        if len(text.encode()) > _LONGEST_TEXT:
            raise QueryFailed("The question has too many parts. Choose fewer values in its filters.")
        request = {"QueryString": text, "ClientRequestToken": str(uuid4()), **self._where}
        answer = self._calls.ask(lambda: self._athena.start_query_execution(**request), until)
        found: str = answer["QueryExecutionId"]
        log.debug("Athena execution %s: %s", found, text)
        return found

    def _wait(self, run: _Run, until: float) -> Execution:
        pause = _FIRST_PAUSE
        while (left := until - self._calls.clock()) > 0:
            self._calls.sleep(min(left, pause * random.uniform(0.8, 1.2)))  # noqa: S311 -- nothing secret
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)
            run.seen = Execution(self._calls.ask(lambda: self._look(run.id), until))
            if run.seen.state in Execution.TERMINAL_STATES:
                return run.seen
        raise QueryTimedOut.after(self._seconds)

    def _look(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._athena.get_query_execution(QueryExecutionId=run_id)
        return found

    def _stop(self, run_id: str) -> None:
        """Stop a query. If even that fails the log says so; the error that led here matters more."""
        until = self._calls.clock() + _STOP_SECONDS
        try:
            self._calls.ask(lambda: self._athena.stop_query_execution(QueryExecutionId=run_id), until)
        except QueryError:
            log.error("Athena execution %s could not be stopped and may run on", run_id)


_LESS = "Choose a shorter period, fewer columns or one site."
_SIGNS: tuple[tuple[type[QueryError], str, tuple[str, ...]], ...] = (
    (ScanCapHit, "", ("bytes scanned limit",)),
    (
        ScanCapHit,
        f"The question needs more memory than the query engine has. {_LESS}",
        ("exhausted resources", "exceeded_memory_limit", "insufficient resources"),
    ),
    (
        QueryTimedOut,
        f"The query was stopped because it took too long. {_LESS}",
        ("query timeout", "exceeded_time_limit", "maximum time limit"),
    ),
    (
        NotAllowed,
        "",
        (
            "access denied",
            "accessdenied",
            "permission_denied",
            "insufficient permission",
            "insufficient lake formation permission",
            "not authorized",
            "expired token",
            "security token",
        ),
    ),
    (MoreRunsNeeded, "", ("more_runs_required",)),
    (QueryThrottled, "", ("rate exceeded", "throttl", "slowdown", "slow down", "reduce your request rate")),
)
"""What a query's end comes to, in words of its own if there are any, by what Athena's reason holds, in small
letters; the first that is found counts."""


def _why_not(execution: Execution) -> QueryError:
    """The error of a query that ended without an answer."""
    reason = f"{execution.state_change_reason or ''} {execution.error_message or ''}".strip()
    log.error("Athena execution %s is %s: %s", execution.query_id, execution.state, reason)
    said = reason.lower()
    for kind, words, signs in _SIGNS:
        if any(sign in said for sign in signs):
            return kind(words)
    return QueryCancelled() if execution.state == Execution.STATE_CANCELLED else QueryFailed()
