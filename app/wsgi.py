"""The WSGI entry point: ``gunicorn -k app.worker.BufferedWorker 'app.wsgi:server()'``."""

from __future__ import annotations

from flask import Flask

from app.factory import create_app
from app.start_checks import log_problems
from data_access.backends import read_settings


def server() -> Flask:
    """The application of this process, with settings from the environment."""
    settings = read_settings()
    log_problems(settings)
    flask: Flask = create_app(settings).server
    return flask
