"""How many cases were answered alike on both engines, told at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Cases by lake and outcome."""

    engine: str = "Trino"
    equal: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """What is to be told; nothing when nothing was compared."""
        for lake in self.equal | self.different:
            yield f"parity of {lake}: {self.equal[lake]} equal, {self.different[lake]} different"
        if self.equal or self.different:
            yield (
                f"parity: {self.equal.total()} questions x options equal on {self.engine},"
                f" {self.different.total()} different"
            )


TALLY = Tally()
