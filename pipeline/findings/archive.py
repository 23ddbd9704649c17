"""The archive of findings: out of the store only when a verified object holds them; search, and the way back.

An object is a whole finding as gzipped JSON, named after its content: writing it again is nothing. Whatever
dies when, every version is in the store or in an object.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from data_access import moments
from data_access.archived import BrokenError, Objects, Whole, whole_from, whole_text
from data_access.findings import Status
from data_access.model import UsageError
from data_access.ports import FindingsStore

PREFIX = "findings/"
_PAGE = 500
MOST_LEFT = 10_000
"""Findings left that are counted."""
_DIGITS = 16
_Fate = Literal["archived", "changed", "waiting", "broken"]
_NAME = re.compile(r"findings/\d{4}/\d{2}/(?P<key>[0-9a-f]{64})-(?P<digest>[0-9a-f]{16})\.json\.gz")


@dataclass(frozen=True, slots=True)
class Archiving:
    """What archiving came to: findings archived; left because somebody changed them meanwhile; left because
    an alert of theirs is still to be sent; left because their object could not be verified; and, where it
    stopped, left for the next time: counted up to MOST_LEFT."""

    archived: int = 0
    changed: int = 0
    waiting: int = 0
    broken: tuple[str, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """An object of the archive, when it was written (UTC µs), and what it holds, or why it is broken."""

    name: str
    at: int
    whole: Whole | None
    error: str = ""


def archive_closed(
    store: FindingsStore,
    objects: Objects,
    before: int,
    *,
    sending: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Archiving:
    """Archive findings that were closed before a time (UTC µs) and not changed since. While alerts are
    ``sending``, what has one to send stays. Before each it asks whether to ``go_on``."""
    found: Counter[_Fate] = Counter()
    broken: list[str] = []
    after, left = "", 0
    while not left and (keys := store.closed_before(before, after, _PAGE)):
        for key in keys:
            if not go_on():
                left = len(store.closed_before(before, after, MOST_LEFT))
                break
            after = key
            found[_archive(store, objects, key, before, sending, broken)] += 1
    return Archiving(found["archived"], found["changed"], found["waiting"], tuple(broken), left)


def _archive(
    store: FindingsStore, objects: Objects, key: str, before: int, sending: bool, broken: list[str]
) -> _Fate:
    whole = store.whole(key)
    if whole is not None and sending and not all(alert.sent for alert in whole.alerts):
        return "waiting"
    if whole is None or not is_closed(whole, before):
        return "changed"
    if not _write(objects, whole):
        broken.append(object_name(whole))
        return "broken"
    return "archived" if store.forget(whole) else "changed"


def is_closed(whole: Whole, before: int) -> bool:
    """Whether a finding is, as it was read, what ``closed_before`` says; ``forget`` sees later changes."""
    status = whole.workflow.status
    last = max([whole.newest.updated, *(change.at for change in whole.changes)])
    closed = not whole.newest.is_open or status is Status.RESOLVED
    return closed and status is not Status.SUPPRESSED and last < before


def _write(objects: Objects, whole: Whole) -> bool:
    """Write the object, read it back, and say whether it holds what it should."""
    name, text = object_name(whole), whole_text(whole)
    objects.put_if_absent(name, gzip.compress(text, mtime=0))
    try:
        return _unpacked(objects.get(name)) == text
    except BrokenError:
        return False


def object_name(whole: Whole) -> str:
    """The name of a finding's object: its month (UTC), key and content."""
    month = moments.utc(whole.newest.updated).strftime("%Y/%m")
    return f"{PREFIX}{month}/{whole.key}-{_digest(whole_text(whole))}.json.gz"


def search(objects: Objects, text: str = "") -> Iterator[Found]:
    """The objects whose finding says a text, one after the other; broken ones too."""
    needle = text.casefold()
    for name, at in objects.names(PREFIX):
        found = _found(objects, name, at)
        if found.whole is None or needle in _words(found.whole):
            yield found


def restore(store: FindingsStore, objects: Objects, key: str) -> int:
    """Put a finding back from all its objects; the versions that were not in the store. A second time does
    nothing more. Raises UsageError for a key that is not in the archive, BrokenError for a broken object."""
    found = [_found(objects, name, at) for name, at in objects.names(PREFIX) if f"/{key}-" in name]
    if not found or not re.fullmatch("[0-9a-f]{64}", key):
        raise UsageError(f"{key!r} is not in the archive; archive --list shows the keys there are")
    wholes = [one.whole for one in found if one.whole is not None]
    if len(wholes) < len(found):
        raise BrokenError("; ".join(f"{one.name} is broken: {one.error}" for one in found if one.error))
    # The newest first: of what is there the workflow stays.
    return sum(store.restore(whole) for whole in sorted(wholes, key=_age, reverse=True))


def _age(whole: Whole) -> tuple[int, str, int, int]:
    last = max((change.at for change in whole.changes), default=0)
    return whole.newest.updated, whole.newest.digest, last, len(whole.changes)


def _found(objects: Objects, name: str, at: int) -> Found:
    try:
        return Found(name, at, read(objects, name))
    except BrokenError as error:
        return Found(name, at, None, str(error))


def read(objects: Objects, name: str) -> Whole:
    """What an object holds. Raises BrokenError unless that is what was written under its name."""
    named = _NAME.fullmatch(name)
    if named is None:
        raise BrokenError("its name is not that of an archived finding")
    text = _unpacked(objects.get(name))
    if _digest(text) != named["digest"]:
        raise BrokenError("its SHA-256 is not the one in its name")
    whole = whole_from(text)
    if whole.key != named["key"] or any(one.key != whole.key for one in whole.versions):
        raise BrokenError("it holds another finding than its name says")
    return whole


def _unpacked(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenError(f"it cannot be unpacked: {error}") from error


def _digest(text: bytes) -> str:
    return sha256(text).hexdigest()[:_DIGITS]


def _words(whole: Whole) -> str:
    """What a search looks at."""
    one = whole.newest
    texts = (one.id, one.title, one.description, one.control, one.account, one.region, one.resource_id)
    people = (whole.workflow.note, whole.workflow.assignee)
    return "\n".join((whole.key, *texts, one.severity, *people)).casefold()
