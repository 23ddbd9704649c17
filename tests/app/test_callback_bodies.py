from __future__ import annotations

import copy
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.callback_bodies import declarations
from tests.app.callbacks import URL, body_of, card_body
from tests.app.conftest import SAME
from tests.depth import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FUZZ = settings(
    max_examples=examples(50, 150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"output": 1}',
        b'{"output": "no.such"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_broken_bodies_are_400(client: FlaskClient, data: bytes) -> None:
    answer = client.post(URL, data=data, content_type="application/json", headers=SAME)
    assert answer.status_code == 400
    assert answer.json is not None
    assert not answer.json["success"]


@FUZZ
@given(body=JSON)
def test_any_json_is_400(client: FlaskClient, body: Any) -> None:
    assert client.post(URL, json=body, headers=SAME).status_code == 400


@FUZZ
@given(data=st.data())
def test_a_real_body_with_a_part_replaced_is_never_500(
    app: Any, client: FlaskClient, data: st.DataObject
) -> None:
    body = copy.deepcopy(card_body("filters-shown"))
    place: Any = body
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    assert client.post(URL, json=body, headers=SAME).status_code in {200, 204, 400}


ODD = {"value": "x", "search": "?a=b", "pathname": "/x", "n_clicks": 1, "opened": True, "id": "x"}


@pytest.mark.parametrize("values", [{}, ODD], ids=["none", "odd"])
def test_every_callback_survives_odd_values(app: Any, client: FlaskClient, values: dict[str, Any]) -> None:
    for output, declared in declarations(app.callback_map).items():
        answer = client.post(URL, json=body_of(output, declared, values), headers=SAME)
        assert answer.status_code in {200, 204}, (output, answer.text)
