"""The smoke test, against the real app over real HTTP: it is well only when all of it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import redirect
from werkzeug.serving import make_server

from app import smoke
from app.cli import main
from app.factory import create_app
from app.smoke import SITE, SmokeError, Target
from data_access import api_keys, audit, sites
from data_access.backends import Backends
from tests.builders import embedded
from tests.door import Door

Step = Callable[[float], None]


@contextmanager
def serving(wsgi: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, wsgi, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def backends(tmp_path: Path) -> Backends:
    return embedded(tmp_path)


@pytest.fixture
def settle(backends: Backends) -> Step:
    """In place of waiting: everything that goes on in the background, done now."""
    door = Door(backends)
    return lambda _seconds: door.settle() and None


def target(url: str, minutes: float = 1) -> Target:
    return Target(url, url, minutes)


def run(backends: Backends, at: Target, pause: Step) -> list[str]:
    """What the steps say; the last is why they ended, if they did."""
    said = []
    with smoke.keys(backends) as (write_key, api_key):
        try:
            for line in smoke.steps(at, write_key, api_key, pause):
                said.append(line)
        except SmokeError as error:
            said.append(f"failed: {error}")
    return said


def test_one_event_goes_all_the_way(backends: Backends, settle: Step) -> None:
    with serving(create_app(backends).server.wsgi_app) as url:
        said = run(backends, target(url), settle)
    assert [line.split("  ")[0] for line in said] == [
        "sign-in", "health", "one event in", "seen live", "asked back",
    ]  # fmt: skip
    assert "shows its form" in said[0]
    assert "healthy, version 0.1.0" in said[1]


def test_its_keys_are_taken_back_and_it_is_noted(backends: Backends) -> None:
    with pytest.raises(KeyError), smoke.keys(backends) as (write_key, api_key):  # noqa: PT012
        assert sites.Doors(backends.documents).of_key(write_key) == sites.Site(SITE)
        known = api_keys.bearer(backends.documents, api_key)
        assert known is not None
        assert known.sites == {SITE}
        raise KeyError
    assert sites.keys(backends.documents) == []
    assert api_keys.every(backends.documents) == []
    noted = [audit.read(kept) for kept in backends.audit.oldest()]
    assert [(one.what, one.subject, one.outcome) for one in noted] == [
        ("change.started", f"site {SITE}", "started"),
        ("change.failed", f"site {SITE}", "failed"),
    ]


def test_other_keys_of_the_machine_stay(backends: Backends) -> None:
    api_keys.make(backends.documents, smoke.NAME, "viewer", None)
    with smoke.keys(backends):
        pass
    assert [key.sites for key in api_keys.every(backends.documents)] == [None]


def test_nothing_listens(backends: Backends, settle: Step) -> None:
    said = run(backends, target("http://127.0.0.1:9"), settle)
    assert said == ["failed: sign-in: no answer (ConnectionError); is the app running there?"]


def changed(backends: Backends, path: str, answer: Any) -> Any:
    """The app, with something else at a path."""
    server = create_app(backends).server
    inner = server.wsgi_app

    def wsgi(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != path:
            return inner(environ, start_response)
        with server.test_request_context():
            return server.make_response(answer)(environ, start_response)

    return wsgi


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        ("/", ("open to all", 200), "sign-in: / answered 200 to a stranger, and led to no sign-in"),
        ("/sign-in", ("broken", 500), "sign-in: /sign-in answered 500 without a form"),
        ("/healthz", ("no", 503), "health: status 503: no"),
        ("/healthz", ("<p>hello", 200), "health: the answer is no JSON: <p>hello"),
        ("/healthz", ({"status": "ill"}, 200), "health: /healthz says 'ill'"),
        ("/v1/events", ({"accepted": 0}, 200), "one event in: {'accepted': 0}"),
        ("/v1/events", ("full", 503), "one event in: status 503: full"),
        ("/v1/realtime", ("down", 500), "seen live: status 500: down"),
        ("/v1/query", ("down", 503), "asked back: status 503: down"),
    ],
)
def test_what_is_wrong_is_said_with_its_step(
    backends: Backends, settle: Step, path: str, answer: Any, why: str
) -> None:
    with serving(changed(backends, path, answer)) as url:
        assert run(backends, target(url), settle)[-1] == f"failed: {why}"


def test_a_load_balancer_leads_elsewhere(backends: Backends, settle: Step) -> None:
    away = redirect("https://pool.auth.example/oauth2/authorize?client_id=1")
    with serving(changed(backends, "/", away)) as url:
        assert run(backends, target(url), settle)[0] == "sign-in       leads to pool.auth.example"


def test_an_event_that_is_never_counted(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_LIVE_SECONDS", 0)
    with serving(create_app(backends).server.wsgi_app) as url:
        said = run(backends, target(url), lambda _seconds: None)
    assert said[-1].startswith("failed: seen live: not counted within a minute")


def test_an_event_that_never_reaches_the_lake(backends: Backends) -> None:
    door = Door(backends)

    def count_only(_seconds: float) -> None:
        while door.live.step():
            pass

    with serving(create_app(backends).server.wsgi_app) as url:
        said = run(backends, target(url, minutes=0), count_only)
    assert said[-2].startswith("seen live")
    assert said[-1].startswith("failed: asked back: not in the lake within 0 minutes")


@pytest.mark.parametrize("url", ["streamgauge.example", "ftp://x", "https://", "https://x/?a=1"])
def test_an_address_that_is_none(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", url, "--data-dir", str(tmp_path)]) == 2
    assert "write it as https://streamgauge.example" in capsys.readouterr().err


def test_the_command_fails_with_the_step(backends: Backends, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(backends.settings.data_dir)
    assert main(["smoke", "http://127.0.0.1:9", "--data-dir", folder]) == 1
    assert "sign-in: no answer" in capsys.readouterr().err
    assert sites.keys(backends.documents) == []
