"""Which back ends the settings open."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.aws.cache import SharedCache
from data_access.backends import open_backends
from data_access.embedded.cache import EmbeddedCache
from data_access.settings import SettingsError, load
from data_access.trino.warehouse import TrinoWarehouse


def test_a_form_the_app_does_not_run_on_is_named(tmp_path: Path) -> None:
    settings = load({"data_dir": tmp_path, "form": "aws", "lake_bucket": "b"}, {})
    with pytest.raises(SettingsError, match="does not run on the form 'aws' yet"):
        open_backends(settings)


def test_a_trino_and_a_shared_cache_are_opened_where_they_are_named(tmp_path: Path) -> None:
    own = open_backends(load({"data_dir": tmp_path / "own"}, {}))
    assert isinstance(own.cache, EmbeddedCache)
    named = {"warehouse": "trino", "trino_url": "http://127.0.0.1:1", "cache_url": "redis://127.0.0.1:1/0"}
    found = open_backends(load({"data_dir": tmp_path / "shared"} | named, {}))
    assert isinstance(found.warehouse, TrinoWarehouse)
    assert isinstance(found.cache, SharedCache)
    assert found.asking.warehouse is found.warehouse
