"""Asking a source for the findings that were updated, page by page, from where the last sync ended.

How far it is stands in a document, so that one that stops goes on; a page that comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from data_access import moments
from data_access.archived import Objects
from data_access.findings import Stored
from data_access.ports import Documents, FindingsPage, FindingsSource, FindingsStore, PageLostError
from pipeline.findings.intake import Intake
from pipeline.findings.security_hub import take_page

KIND, KEY = "finding-sync", "security-hub"
"""The document that says how far the sync is; without it all there is comes in."""
OVERLAP = moments.DAY
"""For so long after its time a finding is asked for again: its provider may bring it later."""
AHEAD = moments.DAY
"""By so much a provider's clock may be fast."""


class SyncTakenError(RuntimeError):
    """Another sync went on from where this one was."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to: pages, findings read and refused, what the store did, and whether it stopped
    before the end."""

    pages: int = 0
    read: int = 0
    refused: int = 0
    stored: Stored = field(default_factory=Stored)
    stopped: bool = False

    def after(self, page: Intake) -> Synced:
        """With a page more."""
        refused = self.refused + page.reasons.total()
        return Synced(self.pages + 1, self.read + page.read, refused, self.stored + page.stored)


def sync(
    source: FindingsSource,
    store: FindingsStore,
    rejects: Objects,
    documents: Documents,
    now: int,
    go_on: Callable[[], bool] = lambda: True,
    *,
    begin: bool = True,
) -> Synced:
    """Bring the store up to date with a source: all there is the first time, later what was updated since the
    last complete sync began. Goes on with one that stopped; if there is none, does nothing unless it may
    ``begin``. After each page it asks whether to ``go_on``.

    Raises SourceError when the source does not answer, SyncTakenError when another sync goes on meanwhile.
    """
    take = partial(take_page, store, rejects)
    reached = _Reached.of(documents)
    if reached.started is None and not begin:
        return Synced()
    if reached.started is None:
        reached = reached.to(documents, started=now)
    try:
        return _run(source, take, documents, reached, go_on)
    except PageLostError:
        again = _Reached.of(documents).to(documents, token="")
        return _run(source, take, documents, again, go_on)


@dataclass(frozen=True, slots=True)
class _Reached:
    """When the last complete sync began and when the present one did (UTC µs), None if there is none; the
    token of its next page; and the version of the document."""

    complete: int | None
    started: int | None
    token: str
    version: int | None

    @classmethod
    def of(cls, documents: Documents) -> _Reached:
        found = documents.get(KIND, KEY)
        if found is None:
            return cls(None, None, "", None)
        value = found.value
        return cls(value["complete"], value["started"], value["token"], found.version)

    def to(self, documents: Documents, **changes: Any) -> _Reached:
        """Write it with changes. Raises SyncTakenError when somebody else has written it."""
        found = replace(self, **changes)
        value = {name: each for name, each in asdict(found).items() if name != "version"}
        if not documents.put(KIND, KEY, value, self.version):
            raise SyncTakenError("another sync of findings goes on")
        return replace(found, version=(self.version or 0) + 1)


def _run(
    source: FindingsSource,
    take: Callable[[bytes, int], Intake],
    documents: Documents,
    reached: _Reached,
    go_on: Callable[[], bool],
) -> Synced:
    done, started = Synced(), reached.started or 0
    for page in _pages(source, reached):
        done = done.after(take(page.body, started))
        if not page.token:
            reached.to(documents, complete=started, started=None, token="")
            break
        reached = reached.to(documents, token=page.token)
        if not go_on():
            return replace(done, stopped=True)
    return done


def _pages(source: FindingsSource, reached: _Reached) -> Iterator[FindingsPage]:
    since = None if reached.complete is None else reached.complete - OVERLAP
    return source.pages(since, (reached.started or 0) + AHEAD, reached.token)
