"""Sign-in of the local form: a password form, the one-click link, links to choose a password, sign-out, and
who is asking.

Who comes in, goes, or is refused is noted in the audit log. Nobody comes in whose coming could not be noted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, g, make_response, redirect, render_template, request, session
from flask_login import LoginManager, current_user, login_user, logout_user

from app.auth_paths import SIGN_IN, bearer_token, own_path
from app.limits import FailureLimit
from data_access import changes, people
from data_access.api_keys import bearer
from data_access.audit import FAILED, FINISHED, AuditError, Entry, Who
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import PUBLIC, VIEW
from data_access.users import (
    MIN_PASSWORD,
    User,
    check_new_password,
    check_password,
    load_user,
    local_admin,
    make_token,
    use_token,
)
from pages.parts.access import allow

LOG = logging.getLogger(__name__)

NOT_FOUND = "That user name and password do not belong together."
TOO_MANY = "Too many failed attempts. Wait five minutes, then try again."
NOT_SAME = "The two passwords are not the same."
NOT_NOTED = (
    "It could not be noted in the audit log that you sign in, so you are not. Try again; if it goes on, tell"
    " whoever runs Streamgauge."
)
PASSWORD, LINK, INVITATION = "password", "link", "invitation"
"""The ways to sign in, as the audit log names them."""
NOBODY = Who("not signed in", "", frozenset())
MAX_NOTED = 64
"""Characters of a given name that are noted."""


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
    _add_choice(server, backends)
    _add_sign_out(server, backends)


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


def _if_noted(view: Callable[[], Any]) -> Callable[[], Any]:
    """What a view answers, or 503 when something could not be noted."""

    @wraps(view)
    def noted() -> Any:
        try:
            return view()
        except AuditError:
            LOG.exception("a sign-in could not be noted")
            return _page("problem.html", 503, heading="Nobody can sign in now", text=NOT_NOTED)

    return noted


def _add_form(server: Flask, backends: Backends) -> None:
    failures = FailureLimit()

    @server.get(SIGN_IN)
    @allow(PUBLIC)
    def sign_in_form() -> Any:
        return redirect(own_path(request.args.get("next"))) if g.permissions else _form()

    @server.post(SIGN_IN)
    @allow(PUBLIC)
    @_if_noted
    def sign_in() -> Any:
        name, password = request.form.get("name", "").strip(), request.form.get("password", "")
        key = (name.casefold(), request.remote_addr)
        if failures.blocked(key):
            return _form(TOO_MANY, 429)
        user = check_password(backends.documents, name, password)
        if user is None:
            _refused(backends, PASSWORD, "wrong name or password", name)
            if failures.failed(key):
                _refused(backends, PASSWORD, "too many attempts: blocked for five minutes", name)
            return _form(NOT_FOUND, 401, name)
        return _signed_in(backends, user, PASSWORD, request.form.get("next"))


def _add_link(server: Flask, backends: Backends) -> None:
    failures = FailureLimit()

    @server.get(f"{SIGN_IN}/link")
    @allow(PUBLIC)
    @_if_noted
    def sign_in_link() -> Any:
        if use_token(backends.documents, request.args.get("token", "")):
            return _signed_in(backends, local_admin(), LINK)
        _count(backends, failures, LINK)
        return _page("link_used.html", 410)


def _add_choice(server: Flask, backends: Backends) -> None:
    """The form behind a link to choose a password; who has chosen one is signed in.

    Who tries links is held off. A good one is let through: many may come from one address, and nobody can
    guess it.
    """
    failures = FailureLimit()

    def refused() -> Response:
        if failures.blocked(request.remote_addr):
            return _page("problem.html", 429, heading="Too many requests", text=TOO_MANY)
        _count(backends, failures, INVITATION)
        return _page("password_used.html", 410)

    @server.get(people.PATH)
    @allow(PUBLIC)
    def choice_form() -> Any:
        token = request.args.get("token", "")
        who = people.chooser(backends.documents, token)
        return _choice(who, token) if who else refused()

    @server.post(people.PATH)
    @allow(PUBLIC)
    @_if_noted
    def choose() -> Any:
        token, password = request.form.get("token", ""), request.form.get("password", "")
        who = people.chooser(backends.documents, token)
        if who is None:
            return refused()
        if why := _why_not(password, request.form.get("again", "")):
            return _choice(who, token, why)
        try:
            with changes.noted(backends.audit, _who(who.user), "chose a password", f"user {who.name}"):
                user = people.choose_password(backends.documents, token, password)
        except people.LinkError:
            return refused()
        return _signed_in(backends, user, INVITATION)


def _why_not(password: str, again: str) -> str:
    """What is wrong with a password that somebody wants, as a sentence; empty where nothing is."""
    try:
        check_new_password(password)
    except UsageError as error:
        text = str(error)
        return f"{text[0].upper()}{text[1:]}."
    return "" if password == again else NOT_SAME


def _add_sign_out(server: Flask, backends: Backends) -> None:
    @server.post("/sign-out")
    @allow(VIEW)
    def sign_out() -> Any:
        logout_user()
        session.clear()
        try:
            _note(backends, "ended", _who(g.user), FINISHED, "session")
        except AuditError:
            LOG.exception("a sign-out could not be noted")
        return redirect(SIGN_IN)


def _signed_in(backends: Backends, user: User, way: str, target: str | None = None) -> Response:
    """Sign somebody in. Raises AuditError when it could not be noted: then nobody is."""
    _note(backends, "done", _who(user), FINISHED, way)
    session.clear()
    login_user(user)
    session.permanent = True
    session["since"] = time.time()
    return redirect(own_path(target), 303)  # type: ignore[return-value]


def _count(backends: Backends, failures: FailureLimit, way: str) -> None:
    """Note a link that is good no more, but not endlessly often."""
    if not failures.blocked(request.remote_addr):
        failures.failed(request.remote_addr)
        _refused(backends, way, "the link was used, replaced or taken back, or is too old")


def _refused(backends: Backends, way: str, reason: str, name: str = "") -> None:
    """Note who was not let in, if that can be done: they are not let in in any case."""
    given = {"name": name[:MAX_NOTED]} if name else {}
    try:
        _note(backends, "failed", NOBODY, FAILED, way, reason, given)
    except AuditError:
        LOG.exception("a sign-in that was refused could not be noted")


def _note(
    backends: Backends,
    step: str,
    who: Who,
    outcome: str,
    way: str,
    reason: str = "",
    given: dict[str, Any] | None = None,
) -> None:
    backends.audit.append(
        Entry(
            what=f"sign_in.{step}",
            who=who,
            outcome=outcome,
            subject=way,
            parameters={**(given or {}), "address": request.remote_addr},
            reason=reason,
        )
    )


def _who(user: User) -> Who:
    return Who(user.name, user.role, user.sites)


def _form(problem: str = "", status: int = 200, name: str = "") -> Response:
    target = own_path(request.values.get("next"))
    return _page("sign_in.html", status, problem=problem, target=target, name=name)


def _choice(who: people.Person, token: str, problem: str = "") -> Response:
    about = {"name": who.name, "token": token, "least": MIN_PASSWORD, "problem": problem}
    return _page("password.html", 400 if problem else 200, **about)


def _page(template: str, status: int, **values: Any) -> Response:
    response = make_response(render_template(template, **values), status)
    response.headers["Cache-Control"] = "no-store"
    return response
