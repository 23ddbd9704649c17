"""Stores of findings for tests: SQLite, and DynamoDB on moto and on MiniStack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from hypothesis import Phase

from data_access.aws.findings import TABLE, AwsFindings
from data_access.aws.tables import create
from data_access.embedded.findings import EmbeddedFindings
from data_access.ports import FindingsStore
from tests.aws_parts import SERVERS, aws_of, settings_of
from tests.quick_moto import quick_moto

FEW, ONCE = 5, (Phase.explicit, Phase.generate)
"""Examples of a property in DynamoDB, where a call takes milliseconds, and no search for a smaller one."""
STORES = ("sqlite", *SERVERS)
Stores = Callable[[], FindingsStore]
"""Gives a new, empty store each time."""


@contextmanager
def stores_of(kind: str, folder: Path) -> Iterator[Stores]:
    """New stores of one of STORES."""
    if kind == "sqlite":
        yield lambda: EmbeddedFindings(folder / f"{uuid4().hex}.db")
        return
    with quick_moto(), aws_of(kind) as aws:

        def new() -> FindingsStore:
            begin = settings_of().aws_name
            create(aws.clients, begin, TABLE)
            return AwsFindings(aws.clients, begin)

        yield new
