"""A period compared with itself has not changed, whatever is asked about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.questions import QUESTIONS
from data_access.significance import CHANCE, FEW
from tests.contract.random_shop import ASKED, FROM, TO, Shop

FUNNEL = {"steps": "page_view,product_view,add_to_cart_click"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(Path(tmp_path_factory.mktemp("shop")))


COMPARED = [*ASKED, ("funnel.steps", FUNNEL), ("funnel.steps", FUNNEL | {"breakdown": "country"})]
COMPARED += [("products.searches", {"only": "unanswered"}), ("events.mix", {"limit": "2"})]


def test_every_question_with_metrics_is_compared() -> None:
    assert {name for name, question in QUESTIONS.items() if question.metrics} == {n for n, _ in COMPARED}


@pytest.mark.parametrize(("name", "params"), COMPARED)
def test_a_period_compared_with_itself_has_not_changed(shop: Shop, name: str, params: dict[str, str]) -> None:
    metrics = QUESTIONS[name].metrics
    plain, rows = shop.ask(name, **params), shop.ask(name, **params, compare=f"{FROM}..{TO}")
    assert [{column: row[column] for column in plain[0]} for row in rows] == plain
    for metric in metrics:
        assert [row[f"{metric}_previous"] for row in rows] == [row[metric] for row in rows]
        nothing = [None if row[metric] is None else 0.0 for row in rows]
        assert [row[f"{metric}_change"] for row in rows] == nothing
    assert any(row[metrics[0]] for row in rows)
    assert all(row["time_previous"] == row["time"] for row in rows if "time" in row)


@pytest.mark.parametrize(("event", "verdict"), [("page_view", CHANCE), ("ping", FEW)])
def test_the_verdict_on_a_funnel_compared_with_itself(shop: Shop, event: str, verdict: str) -> None:
    """Of enough people it could be chance; of few nothing is said."""
    steps = f"{event},product_view"
    first, last = shop.ask("funnel.steps", steps=steps, unit="session", compare=f"{FROM}..{TO}")
    assert first["reached"] > last["reached"] > 0
    assert (first["from_first_verdict"], last["from_first_verdict"]) == (None, verdict)
    low, high = last["from_first_change_low"], last["from_first_change_high"]
    assert low == pytest.approx(-high)
    assert low < 0 < high
