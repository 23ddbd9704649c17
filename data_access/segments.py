"""Named segments: conditions kept in the documents store under an id that can stand in a URL.

A shared segment is listed for everyone, a personal one for its owner; a link that uses either works for
whoever opens it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from data_access import conditions
from data_access.lists import values
from data_access.model import Group, UsageError
from data_access.ports import Document, Documents
from data_access.sql import Params, holds

KIND = "segment"
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Segment:
    """Conditions with a name. The ``id`` is made from it: ``name`` if shared, else ``owner:name``."""

    id: str
    name: str
    owner: str
    shared: bool
    where: Group


def every(documents: Documents) -> list[Segment]:
    """All segments: the personal ones, then the shared ones, each by name."""
    found = (_segment(key, document) for key, document in documents.list(KIND))
    return sorted(found, key=lambda segment: (segment.shared, segment.name.casefold(), segment.id))


def visible(documents: Documents, user: str) -> list[Segment]:
    """The segments listed for somebody: their own, then the shared ones, each by name."""
    return [segment for segment in every(documents) if segment.shared or segment.owner == user]


def find(documents: Documents, segment_id: str) -> Segment | None:
    """The segment with an id, whoever owns it."""
    document = documents.get(KIND, segment_id)
    return _segment(segment_id, document) if document else None


def named(documents: Documents, user: str, name: str, shared: bool) -> Segment | None:
    """The segment that saving under a name would replace."""
    return find(documents, _id(_checked_name(name), user, shared))


def save(
    documents: Documents, user: str, name: str, where: Group, shared: bool, *, admin: bool = False
) -> Segment:
    """Keep conditions under a name; the same name again replaces what its owner, or an admin, kept.

    Raises UsageError for a bad name or conditions that cannot be kept, for a name that is somebody
    else's, and when somebody else saved it at the same moment.
    """
    name = _checked_name(name)
    where = _checked(where)
    segment = Segment(_id(name, user, shared), name, user, shared, where)
    before = documents.get(KIND, segment.id)
    if before is not None:
        kept = _segment(segment.id, before)
        check(kept, user, admin=admin)
        segment = replace(segment, owner=kept.owner)
    value = {"name": name, "owner": segment.owner, "shared": shared, "where": conditions.write(where)}
    if not documents.put(KIND, segment.id, value, before.version if before else None):
        raise UsageError(f"the segment {name!r} was changed at the same moment; look at it and try again")
    return segment


def delete(documents: Documents, user: str, segment_id: str, *, admin: bool = False) -> Segment:
    """Forget a segment and return what it was. Raises UsageError if it is not there or not theirs."""
    document = documents.get(KIND, segment_id)
    if document is None:
        raise _unknown(segment_id)
    segment = _segment(segment_id, document)
    check(segment, user, admin=admin)
    if not documents.delete(KIND, segment_id, document.version):
        raise UsageError(f"the segment {segment.name!r} was changed at the same moment; try again")
    return segment


def chosen(documents: Documents, text: str) -> list[tuple[Segment, bool]]:
    """The segments a ``segment`` parameter names, each with whether its complement is meant (``!id``)."""
    found = []
    for part in values(text):
        segment_id = part.removeprefix("!").strip()
        segment = find(documents, segment_id)
        if segment is None:
            raise _unknown(segment_id)
        found.append((segment, part.startswith("!")))
    return found


def where(documents: Documents, text: str) -> Group:
    """The conditions a ``segment`` parameter stands for: all of its segments must match."""
    return conditions.both(
        Group("all", (segment.where,), negated=excluded) for segment, excluded in chosen(documents, text)
    )


def _unknown(segment_id: str) -> UsageError:
    return UsageError(
        f"there is no segment {segment_id!r}; it takes ids from the Segments menu or from `segments list`"
    )


def check(segment: Segment, user: str, *, admin: bool = False) -> None:
    """Raises UsageError unless somebody may change a segment: its owner, or an admin."""
    if segment.owner != user and not admin:
        kind = "shared segment" if segment.shared else "segment"
        raise UsageError(f"the {kind} {segment.name!r} belongs to {segment.owner}; choose another name")


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or not _slug(name):
        raise UsageError(
            f"{name[:80]!r} is no name for a segment; it takes 1 to {MAX_NAME} characters"
            " with a letter or digit among them"
        )
    return name


def _checked(where: Group) -> Group:
    """The conditions as they will be read back."""
    where = conditions.read(conditions.write(where))
    if not where.parts:
        raise UsageError("a segment needs at least one condition, for example country=DE")
    if any(condition.name == "is_bot" for condition in conditions.conditions(where)):
        raise UsageError("a segment cannot refer to bots (is_bot); choose them by bots= beside it")
    holds(where, Params({}))  # refuses names and values that no question could take
    return where


def _segment(key: str, document: Document) -> Segment:
    value = document.value
    return Segment(
        key, str(value["name"]), str(value["owner"]), bool(value["shared"]), conditions.read(value["where"])
    )


def _id(name: str, user: str, shared: bool) -> str:
    return _slug(name) if shared else f"{user.casefold().replace(' ', '-')}:{_slug(name)}"


def _slug(name: str) -> str:
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-")
