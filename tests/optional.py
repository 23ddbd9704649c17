"""Parts a machine may lack: without them tests are skipped aloud, and fail where CI must have them."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(why: str) -> NoReturn:
    """End a test for want of a part."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
