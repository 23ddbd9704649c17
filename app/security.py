"""Deny by default: declared permissions, same-origin POSTs, strict headers, errors that tell nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

from dash.exceptions import DependencyException, InvalidResourceError
from flask import Flask, Response, g, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException

from app import callback_bodies
from app.auth_paths import API, SIGN_IN
from data_access.backends import Backends
from data_access.roles import PERMISSIONS, PUBLIC, VIEW
from data_access.settings import Settings
from pages.parts.access import may, permission_of

LOG = logging.getLogger(__name__)

DASH_ROUTES = {
    "_dash_assets.static": PUBLIC,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": PUBLIC,
    "/_favicon.ico": PUBLIC,
    "/_reload-hash": VIEW,
    "/_dash-layout": VIEW,
    "/_dash-dependencies": VIEW,
    "/_dash-update-component": VIEW,
    "/": VIEW,
    "/<path:path>": VIEW,
}
"""Permissions of the routes Dash itself adds, by endpoint. A new one in a new Dash stops start-up."""

TRACKER = "/assets/tracker.js"
CALLBACKS = "/_dash-update-component"
PAGES = frozenset({"/", "/<path:path>"})

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Mantine and AG Grid write style elements; styles cannot run code.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script is ever served (a test looks), so the policy needs neither hashes nor exceptions."""
NO_ROLE = "You are signed in, but no group gives you a role here. Ask whoever runs Streamgauge for one."

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class UndeclaredError(RuntimeError):
    """A route, page or callback declares no permission; the message names it."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """Permissions as declared: of pages by path, of routes by endpoint, and callbacks by output."""

    pages: dict[str, str]
    routes: dict[str, str]
    callbacks: dict[str, callback_bodies.Declared]


def declarations(app: Any, pages: Iterable[ModuleType]) -> Declarations:
    """What every page, route and callback declares. Raises UndeclaredError for one that does not."""
    callbacks = callback_bodies.declarations(app.callback_map)
    for output, declared in callbacks.items():
        _declared(f"callback {output}", declared.permission)
    return Declarations(_page_permissions(pages), _route_permissions(app.server), callbacks)


def protect(app: Any, backends: Backends, pages: Iterable[ModuleType]) -> None:
    """Check every declaration, then enforce them on every request."""
    declared = declarations(app, pages)
    server: Flask = app.server
    origins = {_origin(backends.settings.base_url)}
    server.before_request(lambda: _refuse_foreign(origins))
    server.before_request(lambda: _refuse_forbidden(declared, local=backends.settings.sign_in == "local"))
    headers = _headers(backends.settings)
    server.after_request(lambda response: _finish(response, declared.pages, headers))
    server.register_error_handler(HTTPException, _http_problem)
    for error in (DependencyException, InvalidResourceError):  # Dash's answers to a file that is not there
        server.register_error_handler(error, lambda _: _problem(404, "There is no such file."))
    server.register_error_handler(Exception, _failure)


def _page_permissions(pages: Iterable[ModuleType]) -> dict[str, str]:
    return {
        page.PATH: _declared(f"page {page.__name__}", getattr(page, "PERMISSION", None)) for page in pages
    }


def _route_permissions(server: Flask) -> dict[str, str]:
    found = {}
    for endpoint, function in server.view_functions.items():
        permission = DASH_ROUTES.get(endpoint) or permission_of(function)
        found[endpoint] = _declared(f"route {endpoint}", permission)
    return found


def _declared(name: str, permission: str | None) -> str:
    if permission not in PERMISSIONS:
        raise UndeclaredError(f"{name} declares no permission; it takes {', '.join(sorted(PERMISSIONS))}")
    return permission


def _refuse_foreign(origins: set[str]) -> Response | None:
    """POSTs must come from our own pages: browsers say so in Sec-Fetch-Site or Origin."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return None
    if request.path.startswith(API) and "Authorization" in request.headers:
        return None  # a key is sent on purpose, and a session beside it does not count
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = origin in {*origins, _origin(request.host_url)} if origin else site == "same-origin"
    if own and site in {None, "same-origin"}:
        return None
    return _problem(403, "This request did not come from Streamgauge's own pages.")


def _headers(settings: Settings) -> dict[str, str]:
    """The headers of every answer."""
    found = dict(HEADERS)
    if settings.sign_in == "cognito":
        # Browsers apply the policy to where a form leads: signing out leads to Cognito's host.
        own = f"form-action 'self' https://{settings.cognito_domain}"
        found["Content-Security-Policy"] = POLICY.replace("form-action 'self'", own)
    if settings.base_url.startswith("https://"):
        found["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return found


def _refuse_forbidden(declared: Declarations, *, local: bool) -> Any:
    endpoint = request.endpoint
    if endpoint is None:
        return None
    of_page = declared.pages.get(request.path, VIEW)
    permission = of_page if endpoint in PAGES else declared.routes[endpoint]
    if not may(permission):
        return _refused(local)
    if endpoint == CALLBACKS:
        found = callback_bodies.find(request, declared.callbacks)
        if isinstance(found, str):
            return _problem(400, found)
        if not may(str(found.permission)):
            return _refused(local)
    return None


def _refused(local: bool) -> Any:
    if "user" in g:
        why = "Your role does not allow this. An admin can give you another one."
        return _problem(403, why if g.permissions else NO_ROLE)
    if request.path.startswith(API):
        refused = _problem(401, "Send a key to read with: Authorization: Bearer sg_…")
        refused.headers["WWW-Authenticate"] = 'Bearer realm="Streamgauge"'
        return refused
    if not local:
        # The load balancer lets in nobody who is not signed in: to lead there again would never end.
        return _problem(401, "Your sign-in could not be verified. Load the page anew.")
    if request.endpoint in PAGES or request.path.startswith(("/csv/", "/manifest/", "/pack/")):
        here = request.full_path.rstrip("?")
        return redirect(SIGN_IN if here == "/" else f"{SIGN_IN}?next={quote(here)}")
    return _problem(401, "Please sign in.")


def _finish(response: Response, pages: dict[str, str], headers: dict[str, str]) -> Response:
    if request.endpoint in PAGES and response.status_code == 200 and request.path not in pages:
        response.status_code = 404
    if request.endpoint == "_dash_assets.static":
        # Files are streamed, and streams are not compressed: make them ordinary answers.
        response.direct_passthrough = False
        response.set_data(response.get_data())
    for name, value in headers.items():
        response.headers[name] = value
    if request.path == TRACKER:
        # It runs in other sites' pages, under a name that never changes.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Cache-Control"] = "public, max-age=3600"
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def _http_problem(error: HTTPException) -> Response:
    return _problem(error.code or 500, error.name + ".")


def _failure(error: Exception) -> Response:
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return _problem(500, "Something went wrong on our side; it has been logged.")


def _problem(status: int, text: str) -> Response:
    if request.path.startswith(("/_dash", API)) or not request.accept_mimetypes.accept_html:
        return make_response({"success": False, "error": text}, status)
    return make_response(
        render_template("problem.html", heading=_HEADINGS.get(status, "That did not work"), text=text), status
    )


_HEADINGS = {403: "Not allowed", 404: "Page not found", 401: "Please sign in", 429: "Too many requests"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
