"""The one way out for data: noted before its first byte, counted on its way, its end noted as well.

Nothing leaves that could not be noted. What was noted as started and never as ended may have left in full.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Any

from data_access import conditions
from data_access.asked import Export
from data_access.audit import FAILED, FINISHED, STARTED, Entry, Who
from data_access.ports import AuditLog

LOG = logging.getLogger(__name__)

EXPORT, MANIFEST = "export", "manifest"
GONE = "ReaderGone"
"""Why a download failed whose reader took it no further."""


class Leaving:
    """The bytes of a download, to be iterated once and closed; each is counted as it is handed out."""

    def __init__(self, log: AuditLog, begun: Entry, chunks: Iterator[bytes], rows: Callable[[], int]) -> None:
        self._log, self._begun, self._chunks, self._rows = log, begun, chunks, rows
        self._bytes, self._digest, self._ended = 0, sha256(), False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._end(FINISHED)
            raise
        except Exception as error:
            self._end(FAILED, type(error).__name__)
            raise
        self._bytes += len(chunk)
        self._digest.update(chunk)
        return chunk

    def close(self) -> None:
        """Stop what makes the bytes. Before the last of them is out, that is a failure."""
        _close(self._chunks)
        self._end(FAILED, GONE)

    def _end(self, outcome: str, reason: str = "") -> None:
        if self._ended:
            return
        self._ended = True
        done = replace(
            self._begun,
            what=self._begun.what.replace(STARTED, outcome),
            outcome=outcome,
            rows=self._rows(),
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            reason=reason,
        )
        try:
            self._log.append(done)
        except Exception:
            # What is out is out, and is noted as started.
            LOG.exception("the end of download %s could not be noted: %s", done.id, outcome)


def leaving(
    log: AuditLog,
    who: Who,
    subject: str,
    parameters: Mapping[str, Any],
    chunks: Iterator[bytes],
    rows: Callable[[], int],
    kind: str = EXPORT,
) -> Leaving:
    """Note that a question or file is about to leave; its bytes from ``chunks``, of ``rows()`` rows so far.

    Raises AuditError when that could not be noted: then nothing may leave.
    """
    begun = Entry(
        what=f"{kind}.{STARTED}",
        id=secrets.token_hex(8),
        who=who,
        subject=subject,
        parameters=parameters,
        outcome=STARTED,
    )
    log.append(begun)
    return Leaving(log, begun, chunks, rows)


def asked_for(export: Export, raw: Mapping[str, str]) -> dict[str, Any]:
    """What was asked for, and what it came to: the days, and the conditions of named segments as they are."""
    question, filters = export.asked.question, export.asked.ask.filters
    if not question.about_period:
        return dict(raw)
    where = conditions.write(filters.where)
    period = {"from": filters.from_day, "to": filters.to_day}
    return {**raw, **period, **({"where": where} if where else {})}


def _close(chunks: Iterator[bytes]) -> None:
    with suppress(AttributeError):
        chunks.close()  # type: ignore[attr-defined]
