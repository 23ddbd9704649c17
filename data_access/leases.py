"""Turns at something that only one may do at a time, over all hosts.

A document says who has the turn and until when: who dies keeps it no longer than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from data_access.ports import Documents

KIND = "lease"


class LeaseHeld(RuntimeError):
    """Somebody else does it at the moment."""


@contextmanager
def held(
    documents: Documents, name: str, seconds: float, clock: Callable[[], float] = time.time
) -> Iterator[None]:
    """Have the turn while the block runs, which must be done within ``seconds``. Raises LeaseHeld."""
    by = uuid4().hex
    kept = documents.get(KIND, name)
    if kept and kept.value["until"] > clock():
        raise LeaseHeld(f"{name} is being done by somebody else since a moment ago; it is done then")
    value = {"until": clock() + seconds, "by": by}
    if not documents.put(KIND, name, value, kept.version if kept else None):
        raise LeaseHeld(f"{name} has just been begun by somebody else")
    try:
        yield
    finally:
        own = documents.get(KIND, name)
        if own and own.value["by"] == by:
            documents.delete(KIND, name, own.version)
