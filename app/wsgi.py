"""The WSGI entry point: ``gunicorn -k app.worker.BufferedWorker 'app.wsgi:server()'``."""

from __future__ import annotations

from flask import Flask

from app.factory import create_app
from data_access.settings import load


def server() -> Flask:
    """The application of this process, with settings from the environment."""
    flask: Flask = create_app(load()).server
    return flask
