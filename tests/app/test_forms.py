"""The same clicks give the same numbers on each form, to the last character."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from data_access.asking import Asking
from tests.app.callbacks import draw
from tests.app.conftest import by_link
from tests.app.test_pages import CARDS
from tests.forms import FORMS, Forms

TODAY = datetime.now(UTC).date()
CLICKS = [
    ("/", ""),
    ("/", "?country=DE&compare=none&bots=in"),
    ("/traffic", ""),
    ("/traffic", f"?from={TODAY - timedelta(days=13)}&to={TODAY}&country=FR,US&interval=hour"),
    ("/products", ""),
    ("/products", "?device=mobile&tz=Asia/Kolkata"),
    ("/funnels", ""),
    ("/funnels", "?steps=product_view[product_brand=Acme],add_to_cart_click,checkout_complete&window=period"),
    ("/explore", ""),
]


@pytest.fixture
def both(forms: Forms) -> list[FlaskClient]:
    """A client of the same shop on each form."""
    return [by_link(forms.app(form), forms.shop(form)) for form in FORMS]


@pytest.fixture
def plain_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stamps without what must differ: who answered, from which version, in what time and for how much."""
    real: Callable[..., Any] = Asking._stamp

    def plain(*given: Any) -> Any:
        same = {"data_version": "", "engine": "", "milliseconds": 0.0, "cached": False}
        return replace(real(*given), **same, bytes_scanned=None, dollars=None)

    monkeypatch.setattr(Asking, "_stamp", plain)


@pytest.mark.usefixtures("plain_stamps")
@pytest.mark.parametrize(("path", "search"), CLICKS)
def test_cards_are_the_same(both: list[FlaskClient], path: str, search: str) -> None:
    cards = [card for card, where, _ in CARDS if where == path]
    assert cards
    for card in cards:
        one, other = (json.loads(drawn(client, card, search, path)) for client in both)
        assert "This view cannot be shown" not in json.dumps(one)
        assert one == other, card


def drawn(client: FlaskClient, card: str, search: str, path: str) -> str:
    """A card, its files without the numbers by which their manifests are found."""
    return re.sub("export=[0-9a-f]{16}", "", draw(client, card, search, path))


@pytest.mark.parametrize(
    "query",
    [
        "overview.kpis?compare=previous",
        "events.over_time?interval=hour&country=DE",
        "events.mix?by=search_term&limit=5",
        "products.top?",
        "explore.events?country=DE&bots=in",
        "funnel.steps?steps=product_view,checkout_complete&window=period",
    ],
)
def test_csv_files_are_the_same(both: list[FlaskClient], query: str) -> None:
    one, other = (client.get(f"/csv/{query}") for client in both)
    assert one.status_code == other.status_code == 200, one.text
    assert one.data.count(b"\n") > 1
    assert one.data == other.data
