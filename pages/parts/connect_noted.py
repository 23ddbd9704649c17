"""Changes of sites and their keys on pages: noted before they are made, or not made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data_access import changes
from data_access.audit import AuditError
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import MANAGE
from pages.parts.access import who

NOT_NOTED = (
    "Nothing was changed: it has to be noted in the audit log first, and that failed. Try again in a minute; "
    "if it fails again, tell whoever runs Streamgauge."
)

LOG = logging.getLogger(__name__)


@contextmanager
def noted(
    backends: Backends, did: str, subject: str, permission: str = MANAGE, **about: Any
) -> Iterator[None]:
    """Note a change of a site before it is made, and how that went. Raises UsageError when it cannot be
    noted: then nothing is changed."""
    try:
        with changes.noted(backends.audit, who(permission), did, subject, **about):
            yield
    except AuditError as error:
        LOG.error("nothing was changed: %s", error)
        raise UsageError(NOT_NOTED) from error
