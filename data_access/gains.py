"""What a minute's counts gain from events: the same sums whatever keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from data_access.live import OTHER, Sighting

MOST_VALUES = 500
"""Different pages, countries or errors kept of a site and minute; further ones count as OTHER."""
MOST_BYTES = 100_000
"""The same, in bytes of UTF-8: three kinds have to fit into an item of DynamoDB, which has at most 400 KB."""
MEMBERS, TALLIES = ("session", "visitor"), ("page", "country", "error")


@dataclass(slots=True)
class Gain:
    """What a site's minute gains: the last sequence, events by type, members and tallies by (kind, value)."""

    last: int = 0
    types: Counter[str] = field(default_factory=Counter)
    members: set[tuple[str, int]] = field(default_factory=set)
    tallies: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, sighting: Sighting) -> None:
        """Count one event."""
        self.last = max(self.last, sighting.sequence)
        self.types[sighting.event_type] += 1
        for kind, member in zip(MEMBERS, (sighting.session, sighting.visitor), strict=True):
            if member is not None:
                self.members.add((kind, member))
        values = (sighting.page, sighting.country, sighting.error)
        for name, value in zip(TALLIES, values, strict=True):
            if value is not None:
                self.tallies[name, value] += 1


def bounded(
    kept: Iterable[tuple[str, str]], gained: Mapping[tuple[str, str], int], most: int
) -> Counter[tuple[str, str]]:
    """Gained tallies where ``kept`` are there already: values beyond ``most`` of a kind, or without room, put
    together."""
    known: dict[str, set[str]] = {}
    size: Counter[str] = Counter()
    for kind, value in kept:
        known.setdefault(kind, set()).add(value)
        size[kind] += _bytes(value)
    found: Counter[tuple[str, str]] = Counter()
    for (kind, value), n in gained.items():
        values = known.setdefault(kind, set())
        has_room = len(values) < most and size[kind] + _bytes(value) <= MOST_BYTES
        name = value if value in values or has_room else OTHER
        if name not in values:
            values.add(name)
            size[kind] += _bytes(name)
        found[kind, name] += n
    return found


def _bytes(value: str) -> int:
    return len(value.encode("utf-8", "surrogatepass"))
