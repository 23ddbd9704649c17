"""Calls to Athena and S3 that are made again while it is worth it, and whose errors say what to do.

botocore would try again too, but sleeps as it likes and keeps no deadline; so its clients make one attempt
(``Clients.of(service, attempts=1)``) and the repetition is here.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)
from botocore.parsers import ResponseParserError

from data_access.ports import QueryError
from data_access.query_errors import NotAllowed, NotReached, QueryFailed, QueryThrottled, ResultMissing

log = logging.getLogger(__name__)

Found = TypeVar("Found")

_ATTEMPTS: dict[type[QueryError], int] = {QueryThrottled: 9, NotReached: 4}
"""How often a call is made that ends so; one that ends in any other way is made once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0

_THROTTLED = {
    "LimitExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NOT_ALLOWED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NoSuchBucket",
    "NotAuthorized",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_GONE = {"InvalidRange", "NoSuchKey"}
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)
_NETWORK = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls; time goes by ``clock`` and ``sleep``, in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, call: Callable[[], Found], until: float) -> Found:
        """What a call gives, made again after a pause while it is refused for now, but not after ``until``.

        Raises the QueryError that says why there is nothing.
        """
        attempt = 1
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                kind = kind_of(error)
                pause = _jittered(min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE))
                if attempt >= _ATTEMPTS.get(kind, 1) or self.clock() + pause >= until:
                    log.error(
                        "AWS gave no answer at attempt %s: %s: %s", attempt, type(error).__name__, error
                    )
                    raise kind() from error
                log.info("AWS gave no answer at attempt %s, trying again: %s", attempt, error)
            self.sleep(pause)
            attempt += 1


def _jittered(seconds: float) -> float:
    """Half to all of it: hosts that were refused together do not come back together."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311 -- nothing secret


def kind_of(error: Exception) -> type[QueryError]:
    """What an error of AWS or of the way to it means for who asked."""
    if isinstance(error, ClientError):
        return _kind_of_answer(error)
    if isinstance(error, _NO_CREDENTIALS):
        return NotAllowed
    return NotReached if isinstance(error, _NETWORK) else QueryFailed


def _kind_of_answer(error: ClientError) -> type[QueryError]:
    said, status = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code, message = said.get("Code", ""), said.get("Message", "").lower()
    if code in _THROTTLED:
        return QueryThrottled
    if code in _NOT_ALLOWED or "workgroup" in message or "output location" in message:
        return NotAllowed
    if code in _GONE:
        return ResultMissing
    return NotReached if status.get("HTTPStatusCode", 400) >= 500 else QueryFailed
