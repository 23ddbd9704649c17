"""Why a question got no answer, as classes; each says to people who know no SQL what to do about it.

Engines far away have more ways to fail than one in this process. The words hold no SQL, no names of
resources and no secret: what an engine itself said goes to the log.
"""

from __future__ import annotations

from data_access.ports import QueryError


class _Worded(QueryError):
    """An error with words of its own, unless the case has better ones."""

    words = ""

    def __init__(self, words: str = "") -> None:
        super().__init__(words or self.words)


class QueryFailed(_Worded):
    """The engine began and gave up, for a reason that is not one of the others."""

    words = "The query failed. Try again; if it fails again, the server's log has the details."


class MoreRunsNeeded(_Worded):
    """Maintenance did as much as it does at once; the same statement does more."""

    words = "There is more to maintain than fits into one run. Run it again."


class QueryCancelled(_Worded):
    """Somebody else stopped it."""

    words = "The query was stopped from outside before it was done. Try again."


class QueryThrottled(_Worded):
    """The engine takes no more queries for now, though it was asked again and again."""

    words = "Too many questions are being asked at once. Try again in a minute."


class QueryTimedOut(_Worded):
    """It took longer than a query may; the engine was told to stop."""

    @classmethod
    def after(cls, seconds: float) -> QueryTimedOut:
        """The error of a query that was given so many seconds."""
        return cls(f"The query was stopped after {seconds:g} s. Choose a shorter period or fewer steps.")


class ScanCapHit(_Worded):
    """It asks for more than one query may read, or than the engine can hold."""

    words = (
        "The question needs more data than one question may read. Choose a shorter period, fewer columns"
        " or one site."
    )


class NotAllowed(_Worded):
    """Credentials are missing, wrong or expired, or lack a permission; or what is needed is not set up."""

    words = (
        "The server is not allowed to ask the query engine: its credentials, its permissions or its set-up"
        " need a look. Tell the people who run it; its log says which."
    )


class NotReached(_Worded):
    """The network, or the engine behind it, is down."""

    words = (
        "The query engine cannot be reached at the moment. Try again in a minute; if it stays so, tell the"
        " people who run this server."
    )


class ResultMissing(_Worded):
    """The query was done, but its answer is gone or cannot be read whole."""

    words = "The query was done, but its answer could not be fetched. Try again."
