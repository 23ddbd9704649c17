"""Sign-in with Cognito behind a load balancer: it has the session, and every request says who is asking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, g, redirect, request
from flask_login import LoginManager, current_user

from app import alb
from app.alb import Expected, TokenError, Verifier
from app.auth_paths import SIGN_IN, bearer_token, own_path
from app.groups import user_of
from data_access.api_keys import PREFIX, bearer
from data_access.backends import Backends
from data_access.roles import PUBLIC
from data_access.settings import Settings
from data_access.users import User
from pages.parts.access import allow

LOG = logging.getLogger(__name__)


def verifier_of(settings: Settings) -> Verifier:
    """What tells whose tokens are those of our load balancer and pool."""
    return Verifier(Expected(settings.alb_arn, settings.cognito_pool, settings.cognito_client))


def register(server: Flask, backends: Backends) -> None:
    """Learn on every request who is asking; add the way back after signing in, and the way out."""
    settings, verifier = backends.settings, verifier_of(backends.settings)
    manager = LoginManager(server)
    manager.session_protection = None
    manager.request_loader(lambda asked: _of_headers(verifier, asked))
    server.before_request(lambda: _learn(backends, verifier))

    @server.get(SIGN_IN)
    @allow(PUBLIC)
    def signed_in() -> Any:
        """The load balancer lets nobody come here who is not signed in."""
        return redirect(own_path(request.args.get("next")))

    @server.post("/sign-out")
    @allow(PUBLIC)
    def sign_out() -> Any:
        location, cookies = alb.sign_out(
            settings.cognito_domain, settings.cognito_client, f"{settings.base_url}/"
        )
        answer = redirect(location, 303)
        for cookie in cookies:
            answer.headers.add("Set-Cookie", cookie)
        return answer


def _learn(backends: Backends, verifier: Verifier) -> None:
    g.permissions = frozenset()
    token = bearer_token(request)
    if token is None:
        user = current_user._get_current_object() if current_user.is_authenticated else None
    elif token.startswith(PREFIX):
        user = bearer(backends.documents, token)
    else:
        user = _verified(lambda: verifier.of_bearer(token))
    if user is not None:
        g.permissions, g.user = user.permissions, user


def _of_headers(verifier: Verifier, asked: Request) -> User | None:
    """Who a request's headers say is asking; never by the headers of a request that shows a key."""
    if bearer_token(asked) is not None:
        return None
    return _verified(lambda: verifier.of_headers(asked.headers.get))


def _verified(identity: Callable[[], alb.Identity | None]) -> User | None:
    try:
        found = identity()
    except TokenError as error:
        LOG.warning("a token was refused: %s", error)
        return None
    return user_of(found.name, found.groups) if found else None
