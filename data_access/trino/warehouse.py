"""Questions on Trino over one snapshot of the lake's tables."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from math import inf
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import trino.auth
import trino.dbapi
from trino.exceptions import (
    Error,
    Http502Error,
    Http503Error,
    Http504Error,
    HttpError,
    OperationalError,
    TrinoQueryError,
)

from data_access.literals import at_version, identifier, literal_text
from data_access.model import Sql, Version
from data_access.ports import QueryError, Scanned, ignored
from data_access.query_errors import (
    NotAllowed,
    NotReached,
    QueryCancelled,
    QueryFailed,
    QueryThrottled,
    QueryTimedOut,
    ScanCapHit,
)
from data_access.settings import Settings, SettingsError
from data_access.trino.arrow import batch, schema

log = logging.getLogger(__name__)

BATCH_ROWS = 8_000
SOURCE = "streamgauge"
_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 30
_GRACE_SECONDS = 10
"""How much longer than here a query may run by Trino's own clock: that clock is for a process that died."""
_READ_SECONDS = 3600
"""The same of a stream: to Trino a query runs until its last row is fetched, and who reads may be slow."""

REFUSED = (
    "Trino refused the server's sign-in: its user or password needs a look. Tell the people who run this"
    " server; its log says more."
)
TOO_LONG = "The query takes longer than Trino lets it. Choose a shorter period or fewer steps."

_BY_NAME: dict[str, Callable[[], QueryError]] = {
    "USER_CANCELED": QueryCancelled,
    "ADMINISTRATIVELY_KILLED": QueryCancelled,
    "ADMINISTRATIVELY_PREEMPTED": QueryCancelled,
    "ABANDONED_QUERY": QueryCancelled,
    "EXCEEDED_TIME_LIMIT": lambda: QueryTimedOut(TOO_LONG),
    "QUERY_QUEUE_FULL": QueryThrottled,
    "PERMISSION_DENIED": NotAllowed,
    "CATALOG_NOT_FOUND": NotAllowed,
    "SCHEMA_NOT_FOUND": NotAllowed,
    "TABLE_NOT_FOUND": NotAllowed,
    "SERVER_STARTING_UP": NotReached,
    "SERVER_SHUTTING_DOWN": NotReached,
}
"""What Trino's errors are to people, by name."""
_BY_TYPE: dict[str, Callable[[], QueryError]] = {"INSUFFICIENT_RESOURCES": ScanCapHit}


class TrinoWarehouse:
    """The Warehouse port over a Trino that has the lake as an Iceberg catalog.

    ``engine`` names its version as soon as Trino has answered for the first time.
    """

    sorts_any_size = True

    def __init__(self, settings: Settings) -> None:
        self.engine = "Trino"
        self._settings = settings
        self._url = urlsplit(settings.trino_url)
        self._prefix = ".".join(map(identifier, (settings.trino_catalog, settings.trino_schema)))
        if settings.trino_password and self._url.scheme != "https":
            raise SettingsError("STREAMGAUGE_TRINO_PASSWORD is only sent to a STREAMGAUGE_TRINO_URL of https")

    def table(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> pa.Table:
        """The whole answer; ``scanned`` is told the bytes Trino read from the lake's files, also by a query
        that failed.

        Raises QueryError, of a class of ``query_errors``.
        """
        with self._running(self._text(sql, version), scanned, self._limit()) as cursor:
            types, batches = _answer(cursor)
            return pa.Table.from_batches(batches, types)

    def schema(self, sql: Sql, version: Version) -> pa.Schema:
        """The answer's columns and types, without computing it."""
        nothing = replace(sql, text=f"select * from ({sql.text}) as answer limit 0")
        return self.table(nothing, version).schema

    def stream(self, sql: Sql, version: Version, scanned: Scanned = ignored) -> Iterator[pa.RecordBatch]:
        """The answer in record batches of at most 8,000 rows; one that is left early is cancelled, and
        ``scanned`` is told what it had read by then. Only the first rows have to come in time."""
        limit = self._limit(_READ_SECONDS)
        with self._running(self._text(sql, version), scanned, limit) as cursor:
            for found in _answer(cursor)[1]:
                limit.lift()
                yield found

    def _text(self, sql: Sql, version: Version) -> str:
        return literal_text(sql, "trino", at_version(self._prefix, version))

    @contextmanager
    def _running(self, text: str, scanned: Scanned, limit: _Limit) -> Iterator[Any]:
        """A query on Trino, which is over there too when the block is left, however that happens."""
        with closing(self._connect(limit.at_most)) as connection, _worded(self._settings.query_seconds):
            cursor = connection.cursor(stats_callback=limit)
            try:
                cursor.execute(text)
                self._learn(connection)
                yield cursor
            finally:
                _cancel(cursor)
                scanned(int((cursor.stats or {}).get("physicalInputBytes", 0)))

    def _limit(self, more: int = 0) -> _Limit:
        return _Limit(self._settings.query_seconds, self._settings.query_seconds + _GRACE_SECONDS + more)

    def _connect(self, at_most: int) -> Any:
        known = self._settings
        sign_in = trino.auth.BasicAuthentication(known.trino_user, known.trino_password)
        host = self._url.hostname or ""
        return trino.dbapi.connect(
            host=f"[{host}]" if ":" in host else host,
            port=self._url.port,
            http_scheme=self._url.scheme,
            user=known.trino_user,
            auth=sign_in if known.trino_password else None,
            source=SOURCE,
            client_tags=[SOURCE],
            timezone="UTC",
            encoding=None,
            legacy_primitive_types=True,
            session_properties={"query_max_run_time": f"{at_most}s"},
            request_timeout=(_CONNECT_SECONDS, max(2, min(_REQUEST_SECONDS, known.query_seconds))),
        )

    def _learn(self, connection: Any) -> None:
        """Ask Trino once for its version, when it is known to answer."""
        if self.engine == "Trino":
            ((version,),) = connection.cursor().execute("select version()").fetchall()
            self.engine = f"Trino {version}"


class _Late(Exception):
    """The query has run for longer than it may."""


class _Limit:
    """Called with every sign of life, about once a second: ends the query when its time is over; Trino does
    so after ``at_most`` seconds."""

    def __init__(self, seconds: int, at_most: int) -> None:
        self._end, self.at_most = time.monotonic() + seconds, at_most

    def lift(self) -> None:
        """Let the query run on."""
        self._end = inf

    def __call__(self, _stats: dict[str, Any]) -> None:
        if time.monotonic() > self._end:
            raise _Late


@contextmanager
def _worded(seconds: int) -> Iterator[None]:
    """What goes wrong on the way to Trino and on it, as a QueryError that people can read."""
    try:
        yield
    except _Late as error:
        raise QueryTimedOut.after(seconds) from error
    except TrinoQueryError as error:
        log.warning("query %s failed on Trino: %s", error.query_id, error.message)
        raise _of_trino(error) from error
    except (Error, HttpError, ValueError, KeyError, TypeError) as error:
        log.exception("no answer from Trino")
        raise _of_the_way(error) from error


def _of_trino(error: Any) -> QueryError:
    made = _BY_NAME.get(error.error_name) or _BY_TYPE.get(error.error_type, QueryFailed)
    return made()


def _of_the_way(error: Exception) -> QueryError:
    if _is_refusal(error):
        return NotAllowed(REFUSED)
    way = (OperationalError, Http502Error, Http503Error, Http504Error)
    return NotReached() if isinstance(error, way) else QueryFailed()


def _is_refusal(error: Exception) -> bool:
    """The client keeps an HTTP status nowhere but at the start of its message."""
    return isinstance(error, (HttpError, OperationalError)) and str(error).startswith(
        ("error 401", "error 403")
    )


def _answer(cursor: Any) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """A running query's columns, and its rows as they come."""
    types = schema(cursor.description)
    return types, _batches(cursor, types)


def _batches(cursor: Any, types: pa.Schema) -> Iterator[pa.RecordBatch]:
    rows = iter(cursor)
    while some := list(islice(rows, BATCH_ROWS)):
        yield batch(some, types)


def _cancel(cursor: Any) -> None:
    """End a query that is not over; it is best tried and never worth an error of its own."""
    try:
        cursor.cancel()
    except (Error, HttpError) as error:
        log.warning("a query on Trino could not be cancelled: %s", error)
