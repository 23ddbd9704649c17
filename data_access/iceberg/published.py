"""What readers may see: the snapshot ids of the curated tables, kept as one table property."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.table import Table

from data_access.curation import LAYOUT_VERSION
from data_access.model import Version

_PROPERTY = "streamgauge.published"
CURATED = ("events", "sessions", "orders", "intake")


@dataclass(frozen=True, slots=True)
class Published:
    """The visible version, the raw snapshot it was curated from (0: none), and by which layout."""

    version: Version
    raw: int
    layout: int = LAYOUT_VERSION

    @staticmethod
    def of(events: Table) -> Published:
        """What the events table says is published."""
        kept = json.loads(events.properties.get(_PROPERTY, "{}"))
        newest = kept.get("complete_to")
        epoch, sequence = kept.get("log", ("", 0))
        return Published(
            Version(
                tuple((name, kept.get(name, 0)) for name in CURATED),
                datetime.fromisoformat(newest) if newest else None,
                (epoch, sequence),
            ),
            kept.get("raw", 0),
            kept.get("layout", 1 if kept else LAYOUT_VERSION),
        )

    def write(self, events: Table) -> None:
        """Make this the visible version, in one atomic commit."""
        complete_to = self.version.complete_to
        value = dict(self.version.tables) | {
            "raw": self.raw,
            "layout": self.layout,
            "log": self.version.log,
            "complete_to": complete_to.isoformat() if complete_to else None,
        }
        with events.transaction() as change:
            change.set_properties({_PROPERTY: json.dumps(value)})
