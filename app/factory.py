"""create_app(): settings → back ends → pages → routes. The only place where they are wired."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, Request

from app import (
    api,
    audit_files,
    auth,
    exports,
    finding_files,
    findings_api,
    health,
    live_files,
    security,
    shell,
)
from app.collect import Collecting
from app.document import HEAD, Document
from app.keys import secret_key
from data_access.backends import Backends, open_backends
from data_access.settings import Settings
from pages import (
    admin,
    connect,
    explore,
    findings,
    funnels,
    overview,
    products,
    realtime,
    reconciliation,
    traffic,
)
from pages.parts import filters
from pipeline.collector import Collector

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
PAGES: tuple[ModuleType, ...] = (
    overview,
    traffic,
    products,
    funnels,
    explore,
    realtime,
    reconciliation,
    findings,
    connect,
    admin,
)


def create_app(source: Settings | Backends, pages: tuple[ModuleType, ...] = PAGES) -> Document:
    """The whole web application over some settings or opened back ends.

    Raises security.UndeclaredError when a route, page or callback declares no permission.
    """
    backends = open_backends(source) if isinstance(source, Settings) else source
    app = _dash(_flask(backends), pages)
    app.layout = shell.layout(backends, pages)
    shell.register(app, backends, pages)
    for part in (filters, *pages):
        part.register(app, backends)
    health.register(app.server)
    auth.register(app.server, backends)
    exports.register(app.server, backends)
    live_files.register(app.server, backends)
    finding_files.register(app.server, backends)
    audit_files.register(app.server, backends)
    api.register(app.server, backends)
    findings_api.register(app.server, backends)
    _finish_start(app)
    security.protect(app, backends, pages)
    collector = Collector(backends.intake, backends.documents, backends.settings)
    app.server.wsgi_app = Collecting(collector, app.server.wsgi_app)
    return app


def _flask(backends: Backends) -> Flask:
    server = Flask("app", root_path=str(ROOT / "app"), static_folder=None)
    settings = backends.settings
    server.secret_key = secret_key(settings)
    server.config.update(
        SESSION_COOKIE_NAME="streamgauge",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https://"),
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        SEND_FILE_MAX_AGE_DEFAULT=31536000,
        MAX_CONTENT_LENGTH=1_000_000,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_STREAMS=False,
        COMPRESS_BR_LEVEL=5,
        COMPRESS_CACHE_KEY=_cache_key,
        COMPRESS_CACHE_BACKEND=CompressedFiles,
        ASSET_VERSIONS={str(path.relative_to(ASSETS)): _fingerprint(path) for path in ASSETS.rglob("*.*")},
    )
    return server


def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


def _cache_key(request: Request) -> str:
    static = request.path.startswith(("/_dash-component-suites/", "/assets/"))
    return request.full_path if static else ""


class CompressedFiles:
    """Compressed library files, kept so that each is compressed once a process; nothing else is kept."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """A compressed file, or None."""
        return self._kept.get(key)

    def set(self, key: str, content: bytes) -> None:
        """Keep a file under its full path; answers have no path after the algorithm and are not kept."""
        if not key.endswith(";") and len(self._kept) < 200:
            self._kept[key] = content


def _dash(server: Flask, pages: tuple[ModuleType, ...]) -> Document:
    app = Document(
        "app",
        server=server,
        assets_folder=str(ASSETS),
        assets_ignore=r"^(theme|start|tracker)\.js$|\.(txt|svg)$",
        pages_folder="",
        use_pages=False,
        serve_locally=True,
        compress=True,
        enable_mcp=False,
        title=shell.PRODUCT,
        update_title=None,
        suppress_callback_exceptions=True,
        index_string=HEAD,
        meta_tags=[{"name": "color-scheme", "content": "light dark"}],
    )
    app.needs = {page.PATH: page.NEEDS for page in pages}
    return app


def _finish_start(app: Any) -> None:
    # Dash finishes its set-up in the first request; with threads, a second one could overtake it and be
    # answered 500 (plotly/dash #3971). So the first request is made here. It also fills callback_map.
    with app.server.test_request_context("/"):
        app.server.preprocess_request()
