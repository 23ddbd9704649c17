"""Conditions as text: what is read, what is written, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_access.conditions import MAX_DEPTH, both, conditions, read, tidy, write
from data_access.model import Condition, Group, UsageError


def is_(name: str, *values: str) -> Condition:
    return Condition(name, "=", values)


def all_of(*parts: Condition | Group) -> Group:
    return Group("all", parts)


def any_of(*parts: Condition | Group) -> Group:
    return Group("any", parts)


def none_of(*parts: Condition | Group) -> Group:
    return Group("all", parts, negated=True)


A, B, C = is_("a", "1"), is_("b", "2"), is_("c", "3")


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("", Group()),
        ("   ", Group()),
        ("a=1", all_of(A)),
        ("a=1;b=2;c=3", all_of(A, B, C)),
        ("a=1;b=2;", all_of(A, B)),
        ("a=1|b=2", any_of(A, B)),
        ("a=1;b=2|c=3", any_of(all_of(A, B), C)),
        ("a=1|b=2;c=3", any_of(A, all_of(B, C))),
        ("(a=1|b=2);c=3", all_of(any_of(A, B), C)),
        ("!(a=1;b=2)", none_of(A, B)),
        ("!(a=1|b=2);c=3", all_of(Group("any", (A, B), negated=True), C)),
        ("  ( a = 1 ; b=2 ) | ! ( c = 3 ) ", any_of(all_of(A, B), none_of(C))),
        ("country=DE,FR", all_of(is_("country", "DE", "FR"))),
        ("country= DE , FR ,,DE", all_of(is_("country", "DE", "FR"))),
        ("country=", all_of(is_("country"))),
        ("country!= ;a=1", all_of(Condition("country", "!="), A)),
        ("a~x,y;a!~z", all_of(Condition("a", "~", ("x", "y")), Condition("a", "!~", ("z",)))),
    ],
)
def test_texts_are_read(text: str, group: Group) -> None:
    assert read(text) == group


@pytest.mark.parametrize(("operator", "number"), [(">", "1"), (">=", "-2.5"), ("<", "3e2"), ("<=", ".5")])
def test_orders_take_a_number(operator: str, number: str) -> None:
    assert read(f"a {operator} {number}") == all_of(Condition("a", operator, (number,)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"a=x\,y", "x,y"),
        (r"a=x\;y", "x;y"),
        (r"a=x\|y", "x|y"),
        (r"a=\(x\)", "(x)"),
        (r"a=x (y\)", "x (y)"),
        (r"a=\\", "\\"),
        (r"a=\ x\ ", " x "),
        (r"a=\!x", "!x"),
        ("a=!x", "!x"),
        ("a=b=c", "b=c"),
        ("a=~x>y", "~x>y"),
        ("a=[x]", "[x]"),
        ("a=[x", "[x"),
        ('a=it\'s "so"', 'it\'s "so"'),
        ("a=a\nb", "a\nb"),
        ("a=x\\", "x\\"),
    ],
)
def test_values_keep_every_character(text: str, value: str) -> None:
    assert read(text) == all_of(is_("a", value))


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("((a=1))", "a=1"),
        ("(a=1;(b=2;c=3))", "a=1;b=2;c=3"),
        ("(a=1;b=2)|c=3", "a=1;b=2|c=3"),
        ("!(!(a=1))", "a=1"),
        ("!((a=1|b=2))", "!(a=1|b=2)"),
        ("!(!(a=1;b=2);c=3)", "!(!(a=1;b=2);c=3)"),
        ("!(!(a=1;b=2));c=3", "a=1;b=2;c=3"),
        ("();a=1", "a=1"),
        ("()|a=1", "()|a=1"),
        ("!()", "!()"),
        ("!(());a=1", "!();a=1"),
        (" a = 1 , 2 , 1", "a=1,2"),
        ("a=x (y\\)", "a=x \\(y\\)"),
    ],
)
def test_what_is_read_is_written_in_its_simplest_form(text: str, simple: str) -> None:
    assert write(read(text)) == simple
    assert write(read(simple)) == simple


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a", "at character 1 ('a'): no condition; it takes name=value,value with = != ~ !~"),
        ("a=1;b", "at character 5 ('b'): no condition"),
        ("a=1;;b=2", "at character 5 (';b=2'): no condition"),
        ("a=1|", "at the end: no condition"),
        ("|a=1", "at character 1"),
        ("1a=1", "at character 1"),
        ("a-b=1", "at character 1"),
        ("(a=1", "at the end: the ( at character 1 is not closed"),
        ("a=1)", "at character 4 (')'): a ) that closes nothing; write \\) in a value"),
        ("a=1;(b=2))", "at character 10"),
        ("a>x", "at character 1 ('a>x'): > takes exactly one number"),
        ("a>1,2", "> takes exactly one number"),
        ("a<=", "<= takes exactly one number"),
        ("a>nan", "> takes exactly one number"),
        ("a>1_0", "> takes exactly one number"),
        ("a>1e999", "> takes exactly one number"),
        ("a~", "~ takes at least one value"),
        ("a!~,", "!~ takes at least one value"),
        (";".join(["a=1"] * 51), "more than 50 conditions"),
        ("(" * 6 + "a=1" + ")" * 6, "parentheses are nested more than 5 deep"),
        ("a=" + "x" * 4000, "have 4,002 characters; they take at most 4,000"),
    ],
)
def test_a_wrong_text_says_where_and_what_is_taken(text: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert says in str(raised.value)


def test_the_bounds_are_taken() -> None:
    assert len(list(conditions(read(";".join(f"a{n}=1" for n in range(50)))))) == 50
    assert read("!(" * MAX_DEPTH + "a=1" + ")" * MAX_DEPTH) == none_of(A)
    assert read("a=" + "x" * 3998) == all_of(is_("a", "x" * 3998))


def test_both_asks_for_all_of_some_groups() -> None:
    assert write(both([read("a=1;b=2"), Group(), read("a=1|c=3"), read("!(c=3)")])) == (
        "a=1;b=2;(a=1|c=3);!(c=3)"
    )
    assert both([]) == Group()


# Any group there is

NAMES = st.sampled_from(["a", "country", "properties.x.y", "_B9"])
VALUES = st.one_of(
    st.text(st.sampled_from("\\,;|()!=~<> \t\n\"'[]aé\u2003"), min_size=1, max_size=6), st.text(min_size=1)
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(-9, 9).map(str)
CONDITIONS = st.one_of(
    st.builds(Condition, NAMES, st.sampled_from(["=", "!="]), st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(
        Condition, NAMES, st.sampled_from(["~", "!~"]), st.lists(VALUES, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(Condition, NAMES, st.sampled_from([">", ">=", "<", "<="]), st.tuples(NUMBERS)),
)


def _groups(depth: int) -> st.SearchStrategy[Group]:
    parts = CONDITIONS if depth == 0 else CONDITIONS | _groups(depth - 1)
    how = st.sampled_from(["all", "any"])
    return st.builds(Group, how, st.lists(parts, max_size=3).map(tuple), st.booleans())


GROUPS = _groups(MAX_DEPTH - 2)


@given(GROUPS)
def test_what_is_written_is_read_back(group: Group) -> None:
    text = write(group)
    if len(text) <= 4000 and len(list(conditions(group))) <= 50:
        assert read(text) == tidy(group)
        assert write(read(text)) == text


@given(st.text(st.sampled_from("ab=~!<>;|,() \\1")))
@example("a=1\\")
def test_any_text_is_read_or_refused_with_words(text: str) -> None:
    with suppress(UsageError):
        group = read(text)
        assert read(write(group)) == group


@given(GROUPS, st.dictionaries(NAMES, st.booleans()))
def test_the_simplest_form_says_the_same(group: Group, seed: dict[str, bool]) -> None:
    def says(condition: Condition) -> bool:
        return seed.get(condition.name, False) != (condition.operator in ("!=", "~", ">"))

    assert _holds(tidy(group), says) == _holds(group, says)


def _holds(group: Group, says: Callable[[Condition], bool]) -> bool:
    found = [_holds(p, says) if isinstance(p, Group) else says(p) for p in group.parts]
    return (not found or (all(found) if group.how == "all" else any(found))) != group.negated
