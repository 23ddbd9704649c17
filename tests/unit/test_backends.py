"""Which back ends the settings open."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from data_access.aws.cache import SharedCache
from data_access.backends import open_backends, read_settings
from data_access.embedded.cache import EmbeddedCache
from data_access.settings import SettingsError, load
from data_access.trino.warehouse import TrinoWarehouse


def test_the_aws_form_needs_a_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = load({"data_dir": tmp_path, "form": "aws", "lake_bucket": "b"}, {})
    with pytest.raises(SettingsError, match="no AWS region: set STREAMGAUGE_AWS_REGION"):
        open_backends(settings)


def test_a_trino_and_a_shared_cache_are_opened_where_they_are_named(tmp_path: Path) -> None:
    own = open_backends(load({"data_dir": tmp_path / "own"}, {}))
    assert isinstance(own.cache, EmbeddedCache)
    named = {"warehouse": "trino", "trino_url": "http://127.0.0.1:1", "cache_url": "redis://127.0.0.1:1/0"}
    found = open_backends(load({"data_dir": tmp_path / "shared"} | named, {}))
    assert isinstance(found.warehouse, TrinoWarehouse)
    assert isinstance(found.cache, SharedCache)
    assert found.asking.warehouse is found.warehouse


@pytest.mark.parametrize(
    ("settings", "package", "module"),
    [
        ({"warehouse": "trino", "trino_url": "http://127.0.0.1:1"}, "trino", "data_access.trino.warehouse"),
        ({"cache_url": "redis://127.0.0.1:1/0"}, "valkey", "data_access.aws.cache"),
    ],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], package: str, module: str
) -> None:
    without(monkeypatch, package, module)
    with pytest.raises(SettingsError, match=r"not installed \(.*\): pip install -r requirements/aws.txt"):
        open_backends(load({"data_dir": tmp_path} | settings, {}))


def test_parameters_need_a_package_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "botocore", "data_access.aws.parameters")
    with pytest.raises(SettingsError, match=r"^STREAMGAUGE_AWS_PARAMETERS needs a package .* \(botocore"):
        read_settings({}, {"STREAMGAUGE_AWS_PARAMETERS": "/shop"})


def without(monkeypatch: pytest.MonkeyPatch, package: str, module: str) -> None:
    """Let a package be missing, and what needs it not be there yet."""
    monkeypatch.delitem(sys.modules, module, raising=False)
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
