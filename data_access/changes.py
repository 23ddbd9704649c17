"""What people change of who may do what, and of sites and keys: noted before it is done, and how it went."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from data_access.audit import FAILED, FINISHED, STARTED, Entry, Who
from data_access.ports import AuditLog

LOG = logging.getLogger(__name__)

CHANGE = "change"


@contextmanager
def noted(log: AuditLog, who: Who, did: str, subject: str, **about: Any) -> Iterator[None]:
    """Note what is about to be done, do it in the body, and note how that went.

    ``did`` is a word in the past tense, as invited; ``subject`` says to what, as ``user ana``; ``about`` is
    what else must be known, never a secret. Raises AuditError when it could not be noted: then the body does
    not run. What the body raises is noted as failed and raised on.
    """
    begun = Entry(
        what=f"{CHANGE}.{STARTED}",
        id=secrets.token_hex(8),
        who=who,
        subject=subject,
        parameters={"did": did, **about},
        outcome=STARTED,
    )
    log.append(begun)
    try:
        yield
    except Exception as error:
        _end(log, begun, FAILED, type(error).__name__)
        raise
    _end(log, begun, FINISHED)


def _end(log: AuditLog, begun: Entry, outcome: str, reason: str = "") -> None:
    try:
        log.append(replace(begun, what=f"{CHANGE}.{outcome}", outcome=outcome, reason=reason))
    except Exception:
        # What is done is done, and is noted as started.
        LOG.exception("the end of change %s could not be noted: %s", begun.id, outcome)
