from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from tests import aws_parts
from tests.aws_parts import SERVERS, Aws

# What AWS's services take is read from files once, not for each of a thousand sessions: 50 ms each.
botocore.session.create_loader = cache(botocore.session.create_loader)


@pytest.fixture(params=SERVERS)
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    with aws_parts.aws_of(request.param) as found:
        yield found


def pytest_sessionfinish() -> None:
    aws_parts.stop()
