"""A funnel's options as text: what is read, and what is refused with which words."""

from __future__ import annotations

import pytest

from data_access.model import Condition, UsageError
from data_access.questions.funnel_steps import Step, parse_steps, parse_window, read

DEFAULTS = {"steps": "a,b", "window": "7d", "unit": "user", "order": "ordered", "breakdown": ""}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("view,buy", (Step("view"), Step("buy"))),
        (" view , ,buy,", (Step("view"), Step("buy"))),
        ("view[p=1],buy", (Step("view", (Condition("p", "=", ("1",)),)), Step("buy"))),
        (
            "view[a=1;b != x y ;c>=3]",
            (
                Step(
                    "view",
                    (
                        Condition("a", "=", ("1",)),
                        Condition("b", "!=", ("x y",)),
                        Condition("c", ">=", ("3",)),
                    ),
                ),
            ),
        ),
        ("view[properties.a.b~x]", (Step("view", (Condition("properties.a.b", "~", ("x",)),)),)),
        ("view[p=1,2],buy", (Step("view", (Condition("p", "=", ("1,2",)),)), Step("buy"))),
        (r"view[p=a\;b\]c\\d],buy", (Step("view", (Condition("p", "=", (r"a;b]c\d",)),)), Step("buy"))),
        (r"a\,b,c\[d", (Step("a,b"), Step("c[d"))),
        ("view[p=]", (Step("view", (Condition("p", "="),)),)),
        ("view[p!~x]", (Step("view", (Condition("p", "!~", ("x",)),)),)),
        ("view[p=a=b]", (Step("view", (Condition("p", "=", ("a=b",)),)),)),
        ("Zum Warenkorb'; drop table x--", (Step("Zum Warenkorb'; drop table x--"),)),
    ],
)
def test_steps_are_read(text: str, steps: tuple[Step, ...]) -> None:
    assert parse_steps(text) == steps


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": ""}, "steps has 0 steps; it takes 2 to 10"),
        ({"steps": "a"}, "steps has 1 steps"),
        ({"steps": ",".join("abcdefghijk")}, "steps has 11 steps"),
        ({"steps": "a[p=1,b"}, "opens a [ and does not close it"),
        ({"steps": "a,[p=1]"}, "has no event name"),
        ({"steps": "a[p],b"}, "'p' is not property=value; it takes = != ~ !~ > >= < <="),
        ({"steps": "a[1p=2],b"}, "is not property=value"),
        ({"window": "7"}, "window='7'; it takes a number with s, m, h, d or w"),
        ({"window": "0s"}, "window=0s is out of range; it takes 1s to 90d"),
        ({"window": "91d"}, "window=91d is out of range"),
        ({"unit": "device"}, "unit='device'; it takes user, session"),
        ({"order": "random"}, "order='random'; it takes ordered, strict, any"),
    ],
)
def test_a_wrong_option_says_what_is_taken(changed: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(DEFAULTS | changed)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1s", 1000),
        ("30m", 1_800_000),
        ("12h", 43_200_000),
        ("90d", 7_776_000_000),
        ("2w", 1_209_600_000),
        ("period", None),
    ],
)
def test_windows_are_read(text: str, milliseconds: int | None) -> None:
    assert parse_window(text) == milliseconds


def test_ten_steps_are_taken() -> None:
    assert len(read(DEFAULTS | {"steps": ",".join("abcdefghij")}).steps) == 10


def test_labels_say_the_conditions() -> None:
    labels = [step.label() for step in parse_steps("view[p=1;q>2],buy")]
    assert labels == ["view [p = 1; q > 2]", "buy"]


@pytest.mark.parametrize(
    ("one", "other", "excludes"),
    [
        ("a", "b", True),
        ("a", "a", False),
        ("a[p=1]", "a[p=2]", True),
        ("a[p=1]", "a[p=1]", False),
        ("a[p=1]", "a[q=2]", False),
        ("a[p=1]", "a[p!=1]", False),
        ("a[p=1;q=1]", "a[q=2]", True),
        ("a[p=1]", "a[properties.p=2]", True),
        ("a[p=]", "a[p=unknown]", False),
        ("a[p=]", "a[p=1]", True),
        ("a[revenue=10]", "a[revenue=10.0]", False),
        ("a[revenue=10]", "a[revenue=11]", True),
        ("a[revenue=10]", "a[revenue=unknown]", True),
    ],
)
def test_which_steps_exclude_each_other(one: str, other: str, excludes: bool) -> None:
    (first,), (second,) = parse_steps(one), parse_steps(other)
    assert first.excludes(second) is excludes
    assert second.excludes(first) is excludes


def test_rivals_are_the_sets_that_compete_for_events() -> None:
    assert read(DEFAULTS | {"steps": "a,b,a"}).rivals() == []
    assert read(DEFAULTS | {"steps": "a,b,a[p=1]"}).rivals() == [(0, 2)]
    assert read(DEFAULTS | {"steps": "a[p=1],a[p=2],b"}).rivals() == []
    assert read(DEFAULTS | {"steps": "a,b,a", "breakdown": "country"}).rivals() == [(0, 2)]


def test_too_many_overlapping_steps_are_refused() -> None:
    steps = ",".join(f"a[p~{n}]" for n in range(7))
    with pytest.raises(
        UsageError, match="7 different steps of this funnel could be the same event; it takes 6"
    ):
        read(DEFAULTS | {"steps": steps}).rivals()
