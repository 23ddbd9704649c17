"""Named segments in the real documents store: who sees, keeps and removes what, and what ids stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access import segments
from data_access.conditions import read, write
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Condition, Group, UsageError
from data_access.ports import Documents

GERMANS = read("country=DE,AT;channel!=Paid")


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return EmbeddedDocuments(tmp_path / "documents.db")


def test_what_is_saved_is_found(documents: Documents) -> None:
    saved = segments.save(documents, "ann", "  German   speakers ", GERMANS, shared=False)
    assert saved == segments.Segment("ann:german-speakers", "German speakers", "ann", False, GERMANS)
    assert segments.find(documents, "ann:german-speakers") == saved
    assert segments.find(documents, "german-speakers") is None


@pytest.mark.parametrize(
    ("name", "user", "shared", "segment_id"),
    [
        ("Big Spenders!", "ann", True, "big-spenders"),
        ("Big Spenders!", "ann", False, "ann:big-spenders"),
        ("Über_50 €", "Ann.B@x.org", False, "ann.b@x.org:über-50"),
        ("①", "local admin", False, "local-admin:1"),
        ("東京", "ann", True, "東京"),
    ],
)
def test_ids_are_readable_and_stable(
    documents: Documents, name: str, user: str, shared: bool, segment_id: str
) -> None:
    assert segments.save(documents, user, name, GERMANS, shared).id == segment_id
    assert segments.where(documents, segment_id) == GERMANS


def test_personal_segments_are_listed_for_their_owner_and_shared_ones_for_all(documents: Documents) -> None:
    for name, user, shared in (("zoo", "ann", False), ("All", "bob", True), ("own", "bob", False)):
        segments.save(documents, user, name, GERMANS, shared)
    assert [s.name for s in segments.visible(documents, "ann")] == ["zoo", "All"]
    assert [s.name for s in segments.visible(documents, "bob")] == ["own", "All"]
    assert [s.name for s in segments.visible(documents, "cat")] == ["All"]
    assert segments.where(documents, "ann:zoo") == GERMANS


def test_a_parameter_can_name_several_and_their_complements(documents: Documents) -> None:
    segments.save(documents, "ann", "de", read("country=DE"), shared=True)
    segments.save(documents, "ann", "either", read("device=1|os=2"), shared=True)
    found = [
        ("", ""),
        ("de,either", "country=DE;(device=1|os=2)"),
        ("!either , de", "!(device=1|os=2);country=DE"),
    ]
    for text, where in found:
        assert write(segments.where(documents, text)) == where
    assert write(segments.where(documents, "!de")) == "!(country=DE)"
    chosen = segments.chosen(documents, "de,!either")
    assert [(s.name, excluded) for s, excluded in chosen] == [("de", False), ("either", True)]


def test_an_unknown_id_is_refused(documents: Documents) -> None:
    for text in ("nope", "!nope"):
        with pytest.raises(
            UsageError, match="there is no segment 'nope'; it takes ids from the Segments menu"
        ):
            segments.where(documents, text)


def test_the_owner_replaces_and_nobody_else(documents: Documents) -> None:
    segments.save(documents, "ann", "Germany", GERMANS, shared=True)
    assert segments.save(documents, "ann", "germany", read("country=DE"), shared=True).name == "germany"
    with pytest.raises(UsageError, match="the shared segment 'germany' belongs to ann; choose another name"):
        segments.save(documents, "bob", "Germany", GERMANS, shared=True)
    assert write(segments.where(documents, "germany")) == "country=DE"
    by_admin = segments.save(documents, "bob", "Germany", GERMANS, shared=True, admin=True)
    assert by_admin.owner == "ann"
    assert segments.save(documents, "bob", "Germany", GERMANS, shared=False).id == "bob:germany"


def test_the_owner_removes_and_nobody_else(documents: Documents) -> None:
    for name in ("one", "two"):
        segments.save(documents, "ann", name, GERMANS, shared=True)
    with pytest.raises(UsageError, match="'one' belongs to ann"):
        segments.delete(documents, "bob", "one")
    assert segments.delete(documents, "ann", "one").name == "one"
    assert segments.delete(documents, "bob", "two", admin=True).name == "two"
    assert segments.visible(documents, "ann") == []
    with pytest.raises(UsageError, match="there is no segment 'one'"):
        segments.delete(documents, "ann", "one")


@pytest.mark.parametrize("name", ["", "  ", "!!", "x" * 61, "a\x00b"])
def test_a_bad_name_is_refused(documents: Documents, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a segment; it takes 1 to 60 characters"):
        segments.save(documents, "ann", name, GERMANS, shared=False)
    assert segments.visible(documents, "ann") == []


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Group(), "a segment needs at least one condition"),
        (read("country=DE|!(is_bot=true)"), "a segment cannot refer to bots"),
        (read("contry=DE"), "'contry' is no dimension"),
        (read("revenue=much"), "a number is needed"),
        (Group("all", (Condition("country", "=", ("x" * 4000,)),)), "take at most 4,000"),
    ],
)
def test_conditions_that_cannot_be_kept_are_refused(documents: Documents, where: Group, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        segments.save(documents, "ann", "s", where, shared=False)
    assert message in str(raised.value)


class Overtaken:
    """The documents of someone who is always a moment too late."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def __getattr__(self, name: str) -> object:
        return getattr(self.documents, name)

    def get(self, kind: str, key: str) -> object:
        found = self.documents.get(kind, key)
        value = {"name": "s", "owner": "ann", "shared": False, "where": "country=FR"}
        self.documents.put(kind, key, value, found.version if found else None)
        return found


def test_what_was_changed_meanwhile_is_not_overwritten(documents: Documents) -> None:
    late: Documents = Overtaken(documents)  # type: ignore[assignment]
    for attempt in (
        lambda: segments.save(late, "ann", "s", GERMANS, shared=False),
        lambda: segments.delete(late, "ann", "ann:s"),
    ):
        with pytest.raises(UsageError, match="was changed at the same moment"):
            attempt()
    assert write(segments.where(documents, "ann:s")) == "country=FR"
