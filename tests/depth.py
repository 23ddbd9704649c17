"""How many examples tests draw that could draw any number: fewer at every change, all with ``make deep``."""

from __future__ import annotations

import os


def examples(few: int, many: int) -> int:
    """``few``, or ``many`` where TEST_DEEP is set."""
    return many if os.environ.get("TEST_DEEP") else few
