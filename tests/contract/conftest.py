from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from botocore.client import BaseClient

from data_access.ports import FindingsStore
from tests.aws_parts import SERVERS
from tests.finding_stores import STORES, Stores, stores_of
from tests.least_privilege import ENTRIES, Roles


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


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> Roles:
    """Functions of λ may call what their roles in infra/ allow, and nothing else."""
    found = Roles()
    for name, entry in ENTRIES.items():
        module = import_module(f"pipeline.lambdas.{name}")
        monkeypatch.setattr(module, entry, found.entered(name, getattr(module, entry)))
    call = BaseClient._make_api_call

    def checked(client: Any, operation: str, params: dict[str, Any]) -> Any:
        found.check(client.meta.service_model.service_name, operation, params)
        return call(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", checked)
    return found
