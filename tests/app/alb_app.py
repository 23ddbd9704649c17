"""A small Flask application that lets in whom the load balancer vouches for, under the real worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from flask import Flask, Request
from flask_login import LoginManager, current_user, login_required

from app.alb import TokenError, Verifier
from app.groups import user_of
from app.oidc_keys import Keys
from data_access.users import User
from tests.alb_tokens import EXPECTED, Headers

ROOT = Path(__file__).parents[2]
KEYS = "ALB_TEST_KEYS"
SECONDS = 20.0


def server() -> Flask:
    """The application, with the key server the environment names."""
    base = os.environ[KEYS]
    return make(Verifier(EXPECTED, Keys(f"{base}/alb", f"{base}/pool")), _connections())


def make(verifier: Verifier, asked: list[str]) -> Flask:
    """Says who is asking at ``/`` and ``/v1``, and at ``/asked`` where the process has connected to."""
    flask = Flask("alb")
    flask.secret_key = "only sessions need it, and there are none"
    manager = LoginManager(flask)

    @manager.request_loader
    def who(request: Request) -> User | None:
        try:
            kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
            found = verifier.of_bearer(bearer) if kind else verifier.of_headers(request.headers.get)
        except TokenError:
            return None
        return user_of(found.name, found.groups) if found else None

    @flask.get("/")
    @login_required
    def me() -> Any:
        return {"name": current_user.name, "grants": current_user.grants}

    @flask.get("/asked")
    def addresses() -> Any:
        return asked

    return flask


def _connections() -> list[str]:
    """Where this process connects to from now on, as ``host:port``; names it looks up count too."""
    found: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            found.append("{}:{}".format(*arguments[1]))
        elif event == "socket.getaddrinfo" and arguments[0] != "127.0.0.1":
            found.append(str(arguments[0]))

    sys.addaudithook(note)
    return found


@contextmanager
def running(keys: str, folder: Path) -> Iterator[int]:
    """gunicorn with the project's worker, as ``app.wsgi`` says to start it; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "log").open("wb") as log:
        words = ["-k", "app.worker.BufferedWorker", "--threads", "2", "--bind", f"fd://{listener.fileno()}"]
        arbiter = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words, "tests.app.alb_app:server()"],
            cwd=ROOT,
            env=os.environ | {KEYS: keys},
            pass_fds=[listener.fileno()],
            stderr=log,
        )
        port = listener.getsockname()[1]
    try:
        yield port
    finally:
        arbiter.send_signal(signal.SIGQUIT)
        arbiter.wait(SECONDS)


def ask(port: int, headers: Headers, path: str = "/") -> tuple[int, bytes]:
    """Status and body of a request with these headers exactly as they are."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
