"""Sign-in of the local form: a password form, the one-click link, sign-out, and who is asking."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, Response, g, make_response, redirect, render_template, request, session
from flask_login import LoginManager, current_user, login_user, logout_user

from app.auth_paths import SIGN_IN, bearer_token, own_path
from app.limits import FailureLimit
from data_access.api_keys import bearer
from data_access.backends import Backends
from data_access.roles import PUBLIC, VIEW
from data_access.users import User, check_password, load_user, local_admin, make_token, use_token
from pages.parts.access import allow

NOT_FOUND = "That user name and password do not belong together."
TOO_MANY = "Too many failed attempts. Wait five minutes, then try again."


def make_sign_in_link(backends: Backends) -> str:
    """A link that signs in as the local admin, once, within a day."""
    return f"{backends.settings.base_url}{SIGN_IN}/link?token={make_token(backends.documents)}"


def register(server: Flask, backends: Backends) -> None:
    """Add the sign-in of the settings, and learn on every request who is asking."""
    if backends.settings.sign_in == "cognito":
        from app import cognito  # its libraries are those of the AWS form

        cognito.register(server, backends)
        return
    manager = LoginManager(server)
    manager.session_protection = None
    manager.user_loader(lambda session_id: load_user(backends.documents, session_id))
    server.before_request(lambda: _learn(backends))
    _add_form(server, backends)
    _add_link(server, backends)

    @server.post("/sign-out")
    @allow(VIEW)
    def sign_out() -> Any:
        logout_user()
        session.clear()
        return redirect(SIGN_IN)


def _learn(backends: Backends) -> None:
    g.permissions = frozenset()
    token = bearer_token(request)
    user = _of_session(backends) if token is None else bearer(backends.documents, token)
    if user is not None:
        g.permissions, g.user = user.permissions, user


def _of_session(backends: Backends) -> User | None:
    """Who is signed in, for as long as a session lasts."""
    ends = session.get("since", 0) + backends.settings.session_hours * 3600
    if not current_user.is_authenticated or ends <= time.time():
        return None
    found: User = current_user._get_current_object()
    return found


def _add_form(server: Flask, backends: Backends) -> None:
    failures = FailureLimit()

    @server.get(SIGN_IN)
    @allow(PUBLIC)
    def sign_in_form() -> Any:
        return redirect(own_path(request.args.get("next"))) if g.permissions else _form()

    @server.post(SIGN_IN)
    @allow(PUBLIC)
    def sign_in() -> Any:
        name, password = request.form.get("name", "").strip(), request.form.get("password", "")
        key = (name.casefold(), request.remote_addr)
        if failures.blocked(key):
            return _form(TOO_MANY, 429)
        user = check_password(backends.documents, name, password)
        if user is None:
            failures.failed(key)
            return _form(NOT_FOUND, 401, name)
        return _signed_in(user, request.form.get("next"))


def _add_link(server: Flask, backends: Backends) -> None:
    @server.get(f"{SIGN_IN}/link")
    @allow(PUBLIC)
    def sign_in_link() -> Any:
        if use_token(backends.documents, request.args.get("token", "")):
            return _signed_in(local_admin(), None)
        return _page("link_used.html", 410)


def _signed_in(user: User, target: str | None) -> Response:
    session.clear()
    login_user(user)
    session.permanent = True
    session["since"] = time.time()
    return redirect(own_path(target), 303)  # type: ignore[return-value]


def _form(problem: str = "", status: int = 200, name: str = "") -> Response:
    target = own_path(request.values.get("next"))
    return _page("sign_in.html", status, problem=problem, target=target, name=name)


def _page(template: str, status: int, **values: Any) -> Response:
    response = make_response(render_template(template, **values), status)
    response.headers["Cache-Control"] = "no-store"
    return response
