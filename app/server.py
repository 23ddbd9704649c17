"""gunicorn with many threads, settings handed over in memory; one process in the embedded form."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, ParseException

from app import logs
from app.worker import BufferedWorker
from data_access.settings import Settings, unchecked

LOG = logging.getLogger(__name__)

STARTED = """
Streamgauge is ready. Sign in with one click (works once, for 24 hours):

    {link}

Stop with Ctrl+C.
"""

READY = "ready on %s"
"""For logs that are kept: nobody who reads them may sign in. `python -m app sign-in-link` prints a link."""


class ServerLog(Logger):  # type: ignore[misc]
    """Has gunicorn's own lines written like all others."""

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's handlers away; set up ours where nobody has, as with the WSGI entry point."""
        super().setup(cfg)
        if logs.is_set_up():
            logs.adopt(self.error_log)
        else:
            logs.set_up(unchecked())


class WholeBodies:
    """WSGI: a body in chunks is read before anybody answers, so that a broken one is its sender's fault.

    All of its bytes are there (``app.worker``), and gunicorn closes the connection of a broken one.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        coding = environ.get("HTTP_TRANSFER_ENCODING", "")
        if coding and coding.lower() != "chunked":  # gunicorn also lets gzip through, and unpacks nothing
            return _refuse(start_response, "501 Not Implemented")
        if coding:
            try:
                environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read())
            except LimitRequestHeaders:
                return _refuse(start_response, "431 Request Header Fields Too Large")
            except (ParseException, OSError):  # gunicorn's errors of chunks are OSErrors
                return _refuse(start_response, "400 Bad Request")
        return self._application(environ, start_response)


def _refuse(start_response: Callable[..., Any], status: str) -> list[bytes]:
    body = b'{"success":false,"error":"The body cannot be read: its chunks are not as they have to be."}'
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(status, headers)
    return [body]


def served(server: Flask) -> Flask:
    """The application as gunicorn serves it, in every form: whole bodies, and requests that are logged."""
    server.wsgi_app = logs.Requests(WholeBodies(server.wsgi_app))  # type: ignore[method-assign]
    return server


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn whose workers open the back ends after the fork: no engine thread is ever forked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """What PITFALLS of threads, keep-alive and start-up call for."""
        values: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": BufferedWorker,
            "worker_connections": 2000,
            "workers": self._settings.web_processes,
            "threads": self._settings.web_threads,
            "keepalive": 75,
            "timeout": self._settings.query_seconds + 30,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": ServerLog,
            # No header may stand for another, and none says under which path we are.
            "header_map": "refuse",
            "forwarder_headers": "",
            "proc_name": "streamgauge",
            "worker_exit": _leave_at_once,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; says where to sign in as soon as it can answer."""
        from app.auth import make_sign_in_link
        from app.factory import create_app
        from data_access.backends import open_backends
        from pipeline import local
        from pipeline.demo_live import visit_demo_shop

        # Consumers and questions compute for long; who answers a request must not wait 5 ms for its turn.
        sys.setswitchinterval(0.001)
        backends = open_backends(self._settings)
        server = served(create_app(backends).server)
        # What is there by now stays: a collection need not look through all of the application again.
        gc.freeze()
        local.start(backends)
        if backends.log is not None:
            visit_demo_shop(backends)
        if self._settings.sign_in == "local" and self._settings.log_format != "json":
            print(STARTED.format(link=make_sign_in_link(backends)), file=sys.stderr, flush=True)
        if not logs.is_text(self._settings):
            LOG.info(READY, self._settings.base_url)
        return server


def _leave_at_once(_server: Any, _worker: Any) -> None:
    """End the worker without taking the interpreter down: all that matters is committed, and engine
    threads that still run make the teardown print pages of warnings."""
    logging.shutdown()
    os._exit(0)


def port_is_free(settings: Settings) -> bool:
    """True when nothing listens on the settings' address yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True
