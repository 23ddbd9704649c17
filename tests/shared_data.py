"""The shared data sets: real files kept beside the checkout, not inside it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data() -> Path:
    """The folder of the shared data sets; skips the test, saying so, where it is absent."""
    if not FOLDER.is_dir():
        pytest.skip(
            "SKIPPED FOR WANT OF DATA: the shared data sets are not at ../shared/data beside the checkout"
        )
    return FOLDER
