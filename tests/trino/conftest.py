from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trino.server import MissingError, Server, running
from tests.trino.tally import TALLY


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One Trino for all tests. Who asks for them wants them run: without it they fail, and say why."""
    try:
        with running() as found:
            yield found
    except MissingError as error:
        pytest.fail(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in TALLY.lines():
        terminalreporter.write_line(line)
