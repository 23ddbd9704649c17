"""What the tab with people says where a load balancer signs them in: the groups of its user pool."""

from __future__ import annotations

from typing import Any

from dash import html

from data_access.backends import Backends
from data_access.roles import ADMIN, EVERYWHERE, ROLES
from pages.parts import cards
from pages.parts.admin_grants import ALL_SITES, ROLE_HELP, known_sites, label
from pages.parts.drawing import drawn
from pages.parts.view import View

Component = Any

CARD = "admin-groups"


def layout() -> Component:
    """The card, before it is drawn."""
    about = "People sign in with Amazon Cognito. Streamgauge keeps no users of its own then."
    return cards.card(CARD, "People", about, height=180)


def register(app: Any, backends: Backends) -> None:
    """Draws the card."""
    drawn(app, backends, CARD, draw, ADMIN)


def draw(view: View) -> Component:
    """Where people are looked after, what the roles may do, and the groups that give them."""
    pool = view.backends.settings.cognito_pool
    return html.Div(
        [
            html.P(
                [
                    "People and what they may do live in the Cognito user pool ",
                    html.Code(pool),
                    ". Add somebody there, and put them into one of the groups below; make a group that is"
                    " not there yet. It counts when their access token is renewed, within minutes.",
                ],
                className="sg-admin-words",
            ),
            html.Dl([part for role in ROLES for part in _role(role)], className="sg-admin-help"),
            _table(known_sites(view)),
        ],
        className="sg-card-content",
    )


def _role(role: str) -> list[Component]:
    return [html.Dt(label(role)), html.Dd(ROLE_HELP[role])]


def _table(names: list[str]) -> Component:
    heads = [html.Th(text, scope="col") for text in ("For", *(label(role) for role in ROLES))]
    rows = [_row(ALL_SITES, EVERYWHERE, "admin"), *(_row(name, name) for name in names)]
    return html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(rows)],
        className="sg-admin-table",
        **{"aria-label": "Groups of the user pool"},
    )


def _row(name: str, site: str, admins: str = "") -> Component:
    groups = [f"site:{site}:{role}" for role in ROLES]
    if admins:
        groups[-1] = admins
    return html.Tr([html.Th(name, scope="row"), *(html.Td(html.Code(group)) for group in groups)])
