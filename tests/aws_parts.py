"""AWS for tests: moto in this process, and MiniStack, an independent server, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from moto import mock_aws

from data_access.aws.clients import Clients
from data_access.aws.tables import Table, create
from data_access.settings import Settings, load
from tests.optional import missing

REGION = "eu-central-1"
SERVERS = ("moto", "ministack")
_START_SECONDS = 60
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True)
class Aws:
    """A place to make resources in: clients, and a name none of the others of this place has."""

    settings: Settings
    clients: Clients
    server: str

    @property
    def begin(self) -> str:
        return self.settings.aws_name

    def create(self, *tables: Table) -> Aws:
        """Tables; MiniStack would delete items of tests whose clocks stand in the past."""
        create(self.clients, self.begin, *tables, expire=self.server == "moto")
        return self


def settings_of(endpoint: str = "", **more: object) -> Settings:
    """Settings of the AWS form; names of resources are new with every call."""
    name = f"t{uuid4().hex[:12]}"
    own = {"form": "aws", "aws_region": REGION, "aws_endpoint": endpoint, "aws_name": name}
    return load(own | {"lake_bucket": f"{name}-lake", "glue_database": name} | more, {})


@contextmanager
def aws_of(server: str, **more: object) -> Iterator[Aws]:
    """A place on one of SERVERS."""
    with ExitStack() as stack:
        monkey = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in _CREDENTIALS.items():
            monkey.setenv(name, value)
        endpoint = ""
        if server == "moto":
            stack.enter_context(mock_aws())
        else:
            endpoint = ministack()
        settings = settings_of(endpoint, **more)
        yield Aws(settings, Clients(settings), server)


_running: dict[str, str] = {}
_stack = ExitStack()


def ministack() -> str:
    """The URL of this process's MiniStack, started when first asked for."""
    if "url" not in _running:
        program = _program()
        if program is None:
            missing("MiniStack is not installed; `make test` installs it")
        _running["url"] = _stack.enter_context(_started(program))
    return _running["url"]


def stop() -> None:
    """End what was started."""
    _stack.close()
    _running.clear()


def _program() -> Path | None:
    found = Path(os.environ.get("TEST_MINISTACK", "") or Path(sys.prefix) / "ministack/bin/ministack")
    return found if found.is_file() else None


@contextmanager
def _started(program: Path) -> Iterator[str]:
    with TemporaryDirectory(prefix="ministack-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        own = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "S3_DATA_DIR": f"{folder}/s3",
            "MINISTACK_REGION": REGION,
        }
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen([program], env=own, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(process, port, Path(folder) / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"MiniStack did not start:\n{log.read_text(errors='replace')[-2000:]}")
