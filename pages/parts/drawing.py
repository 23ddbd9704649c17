"""The one form of a drawing callback: parse the URL → ask → draw, with every failure shown in place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from dash import Input, Output, State

from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import VIEW
from data_access.spending import BudgetSpent, Expensive
from pages.parts import states
from pages.parts.access import allow
from pages.parts.plain import plain
from pages.parts.view import View, view

Component = Any
Draw = Callable[[View], Component]

LOG = logging.getLogger(__name__)


def drawn(app: Any, backends: Backends, card_id: str, draw: Draw, permission: str = VIEW) -> None:
    """Draw a card from the URL, again whenever the URL changes or someone presses "Try again"."""

    @app.callback(  # type: ignore[untyped-decorator]
        Output(card_id, "children"),
        Input("url", "search"),
        Input("retry", "data"),
        State("url", "pathname"),
    )
    @allow(permission)
    @wraps(draw)
    def callback(search: str | None, _retry: Any, pathname: str | None) -> Component:
        return guarded(card_id, view(backends, pathname or "/", search), draw)


def guarded(card_id: str, seen: View, draw: Draw) -> Component:
    """What ``draw`` gives, or a state that says what went wrong and what to do."""
    try:
        return plain(draw(seen))
    except UsageError as error:
        return states.wrong(seen, str(error))
    except Expensive as error:
        return states.expensive(seen, error)
    except BudgetSpent as error:
        return states.spent(str(error))
    except QueryError as error:
        return states.failed(card_id, str(error))
    except Exception:
        LOG.exception("card %s failed", card_id)
        return states.failed(card_id, "Something went wrong on our side; it has been logged.")
