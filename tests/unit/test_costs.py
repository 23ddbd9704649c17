"""What the AWS form costs: some numbers by hand, and the docs' tables as the script prints them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from infra import costs
from infra.load import Load
from infra.prices import PRICES, prices_table

DOCS = (Path(__file__).resolve().parents[2] / "docs/aws.md").read_text("utf-8")
LOADS = [Load(rate=rate) for rate in (1, 100, 10_000)]
SMALL, MIDDLE, LARGE = LOADS
QUESTIONS = 20 * 200 * 730 / 24
"""A month's."""


def test_api_gateway_has_two_prices() -> None:
    requests, out = 2_628_000_000, 2.628 * 400 * 0.09
    assert costs.gateway(LARGE) == pytest.approx(300 * 1.00 + (requests - 300e6) / 1e6 * 0.90 + out)
    assert costs.gateway(SMALL) == pytest.approx(0.2628 * 1.00 + 262_800 * 400 / 1e9 * 0.09)


def test_a_stream_is_paid_by_shard_and_record() -> None:
    assert MIDDLE.shards == 1
    assert costs.kinesis(MIDDLE) == pytest.approx(730 * (0.015 + 0.020) + 262.8 * 0.014)
    assert LARGE.shards == 24  # 10,000 events of 1.2 KB, twice as many in the busiest second, 1 MB a shard


def test_on_demand_counts_whole_kilobytes() -> None:
    own = replace(MIDDLE, kinesis_on_demand=1)
    taken, out, kept = 262.8e6 * 2 * 1024 / 1e9 * 0.08, 262.8e6 * 2 * 1200 / 1e9 * 0.04, 62.208 * 0.10
    assert costs.kinesis(own) == pytest.approx(730 * 0.04 + taken + out + kept)


def test_firehose_is_paid_by_the_larger_of_record_and_row() -> None:
    assert costs.firehose(LARGE) == pytest.approx(2.628e10 * 1600 / 1e9 * 0.045)
    assert costs.firehose(replace(LARGE, row_bytes=100)) == pytest.approx(2.628e10 * 1200 / 1e9 * 0.045)


def test_a_question_reads_four_columns_of_thirty_days() -> None:
    read = 100 * 86_400 * 30 * 4 * 3
    assert costs.questions(MIDDLE) == pytest.approx(QUESTIONS * read / 1e12 * 5)


def test_a_small_question_is_paid_as_ten_megabytes() -> None:
    assert costs.questions(Load(rate=0.01)) == pytest.approx(QUESTIONS * 10e6 / 1e12 * 5)


def test_a_fold_writes_counts_index_members_and_offset() -> None:
    folds = 24 / (1 + 24 / 10_000)
    counts, index, members, offset = 4, 1, 2, 1  # 360 bytes and 500 values of 6; two sets of 70 members
    assert LARGE.folds == pytest.approx(folds)
    assert costs.write_units(LARGE) == pytest.approx(folds * (3 * (counts + index + members) + offset))


def test_a_rare_event_is_a_fold_of_its_own() -> None:
    rare = Load(rate=0.001)
    assert rare.folds == pytest.approx(0.001, rel=0.01)
    assert costs.write_units(rare) / rare.folds == pytest.approx(1 + 1 + 2 * 0.5 + 1, rel=0.01)


def test_the_sum_is_the_sum_of_the_parts() -> None:
    for load in LOADS:
        assert costs.total(load) == pytest.approx(sum(part(load) for part in costs.PARTS.values()))
    assert costs.total(SMALL) < costs.total(MIDDLE) < costs.total(LARGE)


def test_every_lever_changes_an_assumption_there_is() -> None:
    names = {one.name for one in fields(Load)}
    for change in costs.LEVERS.values():
        assert change.keys() <= names
        assert costs.total(replace(LARGE, **change)) != costs.total(LARGE)


@pytest.mark.parametrize("name", PRICES)
def test_every_price_has_a_unit_and_a_page(name: str) -> None:
    price = PRICES[name]
    assert price.unit
    assert "](https://" in price.source
    if not price.verified:
        assert f"| {name} |" in DOCS
        assert "price not verified" in next(
            line for line in DOCS.splitlines() if line.startswith(f"| {name} |")
        )


@pytest.mark.parametrize(
    "table",
    [
        costs.costs_table(LOADS),
        costs.levers_table(LOADS),
        costs.assumptions_table(Load()),
        prices_table(),
    ],
    ids=["costs", "levers", "assumptions", "prices"],
)
def test_the_docs_have_the_table_as_it_is_printed(table: str) -> None:
    assert f"\n\n{table}\n\n" in DOCS, "run python -m infra.costs 1 100 10000 and put it into docs/aws.md"


def test_own_numbers_are_given_by_name() -> None:
    printed = costs.main(["100", "users=40"])
    assert costs.costs_table([Load(rate=100, users=40)]) in printed
    assert "| `users` | 40 |" in printed
    with pytest.raises(TypeError):
        costs.main(["100", "user=40"])
    with pytest.raises(ValueError, match="many"):
        costs.main(["many"])
