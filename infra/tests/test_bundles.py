from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from infra import bundles
from infra.bundles import BUNDLES, Bundle
from infra.functions import FUNCTIONS

LOCK = bundles.LOCK.read_text("utf-8")
OURS = ("data_access", "pipeline")
NAMES = {
    "boto3": "boto3",
    "botocore": "botocore",
    "pyarrow": "pyarrow",
    "numpy": "numpy",
    "msgspec": "msgspec",
    "sqlglot": "sqlglot",
    "datasketches": "datasketches",
    "aws_lambda_powertools": "aws-lambda-powertools",
    "ua_parser": "ua-parser",
    "pyiceberg": "pyiceberg",
    "pyathena": "pyathena",
    "dogpile": "dogpile-cache",
    "typing_extensions": "typing-extensions",
    "dateutil": "python-dateutil",
    "fsspec": "fsspec",
}
"""Packages by what is imported of them."""
ELSEWHERE = {"duckdb", "trino", "valkey", "argon2", "tqdm", "dash", "flask"}
"""Of the embedded form, of web hosts, of the command line: no function gets there."""


def test_every_function_is_in_a_bundle() -> None:
    assert set(bundles.OF) == {one.name for one in FUNCTIONS}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda one: one.name)
def test_every_package_is_locked_with_hashes(bundle: Bundle) -> None:
    pins = bundles.locked(bundle.packages, LOCK)
    assert pins.count("==") == len(bundle.packages)
    assert all("--hash=sha256:" in pin for pin in pins.replace("\\\n", " ").splitlines() if "==" in pin)
    assert " ; " not in pins


def test_a_package_that_is_not_locked_is_no_part_of_a_bundle() -> None:
    with pytest.raises(KeyError):
        bundles.locked(["requests2"], LOCK)


def test_of_two_versions_the_one_of_lambdas_python_is_taken() -> None:
    lock = (
        "numpy==1.0 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\n"
        "numpy==2.0 ; python_full_version >= '3.12' \\\n    --hash=sha256:bb\n"
        "numpy==3.0 ; python_full_version < '3.11' \\\n    --hash=sha256:cc\n"
    )
    assert bundles.locked(["numpy"], lock) == "numpy==2.0 \\\n    --hash=sha256:bb\n"


def test_the_stacks_are_checked_with_the_versions_that_run() -> None:
    """After ``make lock`` comes ``make infra-lock``."""
    pins = re.compile(r"^[a-z0-9-]+(?:\[.*?\])?==\S+", re.M)
    own = (bundles.ROOT / "infra/requirements.txt").read_text("utf-8")
    assert set(pins.findall(LOCK)) <= set(pins.findall(own))


def test_the_digest_goes_by_names_and_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text("1")
    (tmp_path / "c/x.py").write_text("2")
    assert bundles.digest(tmp_path / "a") == bundles.digest(tmp_path / "b") != bundles.digest(tmp_path / "c")
    (tmp_path / "b/x.py").rename(tmp_path / "b/y.py")
    assert bundles.digest(tmp_path / "a") != bundles.digest(tmp_path / "b")


def imported(path: Path) -> set[str]:
    """Modules a file imports anywhere, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found


def reached(function: str) -> set[str]:
    """Our own modules that a function's module leads to, whenever they are imported."""
    waiting, seen = [f"pipeline.lambdas.{function}"], set()
    while waiting:
        module = waiting.pop()
        path = bundles.ROOT / (module.replace(".", "/") + ".py")
        if module in seen or not path.exists():
            continue
        seen.add(module)
        waiting += [one for one in imported(path) if one.split(".")[0] in OURS]
    return seen


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda one: one.name)
def test_what_functions_import_is_in_their_bundle(bundle: Bundle) -> None:
    """Also what is imported when it is needed: a sketch when a minute has many visitors, say."""
    modules = {one for function in bundle.functions for one in reached(function)}
    left_out = ("data_access.embedded", "data_access.trino", "data_access.aws.cache")
    read = (
        "data_access.iceberg",
        "data_access.aws.lake",
        "data_access.aws.athena",
        "data_access.aws.warehouse",
    )
    wanted = set()
    for module in modules:
        if module.startswith(left_out) or (bundle.name == "events" and module.startswith(read)):
            continue
        path = bundles.ROOT / (module.replace(".", "/") + ".py")
        wanted |= {one.split(".")[0] for one in imported(path)} - set(sys.stdlib_module_names) - set(OURS)
    assert "datasketches" in wanted
    if bundle.name == "events":
        wanted -= {"pyiceberg", "pyathena"}
    assert {NAMES[one] for one in wanted - ELSEWHERE} <= set(bundle.packages)
