from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import aws_parts
from tests.aws_parts import SERVERS, Aws


@pytest.fixture(params=SERVERS)
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    with aws_parts.aws_of(request.param) as found:
        yield found


def pytest_sessionfinish() -> None:
    aws_parts.stop()
