from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_access.ports import FindingsStore
from tests.aws_parts import SERVERS
from tests.finding_stores import STORES, Stores, stores_of


@pytest.fixture(scope="module", params=STORES)
def new_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Gives a new, empty store of findings each time."""
    with stores_of(request.param, tmp_path_factory.mktemp("stores")) as found:
        yield found


@pytest.fixture(scope="module", params=SERVERS)
def new_in_dynamodb(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Gives a new, empty store of findings in DynamoDB each time: for tests of many examples, fewer there."""
    with stores_of(request.param, tmp_path_factory.mktemp("stores")) as found:
        yield found


@pytest.fixture
def store(new_store: Stores) -> FindingsStore:
    return new_store()
