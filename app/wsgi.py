"""The WSGI entry point, for gunicorn with ``-k app.worker.BufferedWorker`` and ``'app.wsgi:server()'``.

With ``--logger-class app.server.ServerLog`` also the lines of gunicorn's own process are like all others.
"""

from __future__ import annotations

from flask import Flask

from app.factory import create_app
from app.server import served
from app.start_checks import log_problems
from data_access.backends import read_settings


def server() -> Flask:
    """The application of this process, with settings from the environment."""
    settings = read_settings()
    log_problems(settings)
    return served(create_app(settings).server)
