"""Whether the tests on a real Trino are asked for: they download 0.8 GB, so `make test` leaves them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def only_when_asked() -> None:
    """Called by a module of tests: skips all of it, saying so once, unless they are asked for."""
    if os.environ.get("TEST_TRINO") != "1":
        pytest.skip("needs a real Trino, a download of 0.8 GB: make test-trino", allow_module_level=True)


def own_data() -> Path | None:
    """The data folder whose lake is to be looked at instead of samples, if one is named."""
    folder = os.environ.get("TEST_TRINO_DATA", "")
    return Path(folder).resolve() if folder else None
