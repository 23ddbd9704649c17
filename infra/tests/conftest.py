from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from infra.components import Templates
from infra.synth import CHECKED, read, templates

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--templates", help="folder of templates that infra.check has written")


@dataclass(frozen=True)
class Made:
    """The templates of a deployment, and what is asked about them."""

    stacks: Templates

    def of(self, kind: str, *stacks: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Resources of a kind with their properties, by stack and logical id; of some stacks or all."""
        for stack, template in self.stacks.items():
            for name, it in template["Resources"].items():
                if it["Type"] == f"AWS::{kind}" and (not stacks or stack in stacks):
                    yield f"{stack}/{name}", it.get("Properties", {})

    def one(self, kind: str, *stacks: str, **has: Any) -> Mapping[str, Any]:
        """The one resource of a kind that has some properties."""
        found = [
            it for _, it in self.of(kind, *stacks) if all(it.get(key) == value for key, value in has.items())
        ]
        assert len(found) == 1, f"{len(found)} {kind} with {has}"
        return found[0]


@cache
def made(folder: str | None, name: str) -> Made:
    wanted = CHECKED[name]()
    if folder:
        return Made(read(Path(folder) / name, wanted.name))
    return Made(templates(wanted, Path(mkdtemp(prefix="infra-"))))


@pytest.fixture(params=list(CHECKED))
def each(request: pytest.FixtureRequest) -> Made:
    """Every example, one after the other."""
    return made(request.config.getoption("--templates"), request.param)


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> Made:
    """The deployment with all there is."""
    return made(request.config.getoption("--templates"), "everything")


@pytest.fixture
def dev(request: pytest.FixtureRequest) -> Made:
    return made(request.config.getoption("--templates"), "dev")
