"""What a part of the product loads when it runs, seen in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = {"dash", "flask", "plotly", "flask_login", "dash_mantine_components", "dash_ag_grid"}
AWS = {"boto3", "botocore", "pyathena", "trino", "valkey", "datasketches", "aws_lambda_powertools", "jwt"}
"""What the embedded form does without."""
HEAVY = {"pandas", "sklearn", "matplotlib", "IPython"}


OTHER_FORMS = {ROOT / "data_access/aws", ROOT / "data_access/trino", ROOT / "pipeline/lambdas"}


def modules(folder: str) -> list[str]:
    """Every module of a package that the embedded form may load, by its dotted name."""
    paths = sorted(path for path in (ROOT / folder).rglob("*.py") if path.parent not in OTHER_FORMS)
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def loaded_by(names: list[str]) -> set[str]:
    """The top-level packages in ``sys.modules`` after importing ``names`` in a fresh interpreter."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_data_access_loads_no_aws_no_web_and_no_pandas() -> None:
    loaded = loaded_by(modules("data_access"))
    assert {"duckdb", "pyiceberg", "pyarrow"} <= loaded
    assert not loaded & (AWS | WEB | HEAVY)


def test_pipeline_loads_no_web_and_no_pandas() -> None:
    loaded = loaded_by(modules("pipeline"))
    assert "pyarrow" in loaded
    assert not loaded & (AWS | WEB | HEAVY)


def test_pipeline_opens_no_back_end_by_itself() -> None:
    assert not loaded_by(modules("pipeline")) & {"duckdb", "pyiceberg", "sqlalchemy"}


def test_questions_know_no_driver() -> None:
    names = ["data_access.asking", "data_access.questions", "data_access.sql", "data_access.curation"]
    assert not loaded_by(names) & {"duckdb", "pyiceberg", "sqlite3", "sqlalchemy"}


def test_settings_and_ports_are_quick_to_load() -> None:
    assert not loaded_by(["data_access.settings"]) & {"pyarrow", "sqlglot", "duckdb", "pyiceberg"}


@pytest.mark.skipif(find_spec("app.factory") is None, reason="app.factory is not there yet")
def test_the_embedded_app_loads_no_aws() -> None:
    loaded = loaded_by(["app.factory", *modules("data_access")])
    assert "dash" in loaded
    assert not loaded & AWS
