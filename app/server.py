"""gunicorn for the embedded form: one process, many threads, settings handed over in memory."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from app.worker import BufferedWorker
from data_access.settings import Settings

STARTED = """
Streamgauge is ready. Sign in with one click (works once, for 24 hours):

    {link}

Stop with Ctrl+C.
"""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn whose only worker opens the back ends after the fork: no engine thread is ever forked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """What PITFALLS of threads, keep-alive and start-up call for."""
        values: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": BufferedWorker,
            "worker_connections": 2000,
            "workers": 1,
            "threads": self._settings.web_threads,
            "keepalive": 75,
            "timeout": self._settings.query_seconds + 30,
            "control_socket_disable": True,
            "loglevel": "warning",
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
        server = create_app(backends).server
        # What is there by now stays: a collection need not look through all of the application again.
        gc.freeze()
        local.start(backends)
        if backends.log is not None:
            visit_demo_shop(backends)
        print(STARTED.format(link=make_sign_in_link(backends)), file=sys.stderr, flush=True)
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
