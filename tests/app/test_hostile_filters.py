"""Hostile text in every filter: each finds exactly the rows that Python finds, and none is an error."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from app.factory import create_app
from data_access import conditions, segments
from data_access.backends import Backends
from data_access.conditions import OPERATORS, ORDERS
from data_access.model import Condition, Group, UsageError
from data_access.questions import QUESTIONS
from data_access.sql import ALL_DIMENSIONS, DIMENSIONS, NUMBERS, SESSION_DIMENSIONS
from pages.parts import address
from tests.app.conftest import by_link
from tests.builders import EVERYONE, NOON, embedded, event, period, read
from tests.depth import examples
from tests.hostile_text import LONE, text

SEED = 20_261_122
ROWS = 240
STRINGS = examples(300, 20_000)
PARAMETERS = examples(200, 6_000)

FREE = tuple(name for name in DIMENSIONS if name not in {"site", "is_bot"})
PATHS = ("properties.note", "properties.a.b", "properties.size")
NAMES = (*ALL_DIMENSIONS, *NUMBERS, *PATHS)
MAX = conditions.MAX_LENGTH

Row = dict[str, Any]


class Ground:
    """Rows full of hostile text, as the lake has them and as the app answers about them."""

    def __init__(self, backends: Backends, client: FlaskClient) -> None:
        self.backends, self.client = backends, client
        sessions = {row["session_key"]: row for row in read(backends, "sessions").to_pylist()}
        nothing: Row = dict.fromkeys(SESSION_DIMENSIONS)
        self.rows: dict[str, Row] = {
            row["event_id"]: {**(sessions.get(row["session_key"]) or nothing), **row}
            for row in read(backends, "events").to_pylist()
        }
        self.stored = {
            name: sorted({found for row in self.rows.values() if (found := valued(row, name))})
            for name in NAMES
        }

    def found(self, raw: Mapping[str, str]) -> set[str]:
        """The events that a filter keeps, by the question that lists them."""
        answer = self.backends.asking.ask(
            "explore.events", period() | {"limit": "1000"} | dict(raw), EVERYONE
        )
        return {row["event_id"] for row in answer.rows}

    def exported(self, raw: Mapping[str, str]) -> set[str]:
        """The same by HTTP, with the filters in an address as pages write it."""
        answer = self.client.get(address.write("/csv/explore.events", period() | dict(raw)))
        if answer.status_code == 400:
            raise UsageError(answer.text)
        assert answer.status_code == 200, answer.text
        return {
            row["event_id"] for row in csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline=""))
        }


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    dice = Random(SEED)
    backends = embedded(tmp_path_factory.mktemp("hostile"), hostile_events(dice))
    return Ground(backends, by_link(create_app(backends), backends))


def hostile_events(dice: Random) -> Iterator[Row]:
    """Events whose every text is hostile; two of each visitor, a minute apart, are a session."""
    for number in range(ROWS):
        columns: Row = {name: stored_text(dice) if dice.random() < 0.85 else None for name in FREE}
        columns |= {
            "event_name": columns["event_name"] or "=1",
            "event_type": dice.choice(["page_view", columns["event_type"] or "custom"]),
            "site": dice.choice(["shop", "blog", stored_text(dice)]),
            "is_bot": dice.random() < 0.2,
            "revenue": dice.choice([None, -1.5, 0.0, 12.0, 1e21]),
            "product_price": dice.choice([None, 19.9, -0.0]),
            "properties": json.dumps(hostile_properties(dice), ensure_ascii=dice.random() < 0.5),
        }
        yield event(at=NOON + timedelta(minutes=number % 2), visitor_id=number // 2, **columns)


def stored_text(dice: Random) -> str:
    """Text as a column can have it: not empty, without NUL."""
    found = text(dice).replace("\0", "")
    if dice.random() < 0.7:
        found = found.strip()
    return found or "unknown"


def hostile_properties(dice: Random) -> Row:
    found: Row = {"size": dice.choice(["1", 1, 2.5, True, None, "1e3", [1], {"x": 1}, "unknown", ""])}
    if dice.random() < 0.8:
        found["note"] = stored_text(dice)
    if dice.random() < 0.6:
        found["a"] = {"b": stored_text(dice), "c": stored_text(dice)}
    found[stored_text(dice)] = stored_text(dice)
    return found


# What a filter means, said once more in Python


def valued(row: Row, name: str) -> str:
    """A row's value as text; empty where it has none."""
    if not name.startswith("properties."):
        found = row[name]
    else:
        found = json.loads(row["properties"])
        for key in name.split(".")[1:]:
            found = found.get(key) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def number(said: str) -> float | None:
    """The number that a text is, written as people do."""
    return (
        float(said)
        if re.fullmatch(r" *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)? *", said)
        else None
    )


def meets(row: Row, asked: Condition) -> bool:
    """Whether a row meets a condition."""
    if asked.operator in {"!=", "!~"}:
        return not meets(row, Condition(asked.name, asked.operator[1:], asked.values))
    value = valued(row, asked.name)
    if asked.operator in ORDERS:
        here, there = number(value), number(asked.values[0])
        if here is None or there is None:
            return False
        return {">": here > there, ">=": here >= there, "<": here < there, "<=": here <= there}[
            asked.operator
        ]
    if asked.operator == "~":
        return any(one in value for one in asked.values)
    if not value:
        return not asked.values or "unknown" in asked.values
    if asked.name in NUMBERS:
        return any(number(one) == float(value) for one in asked.values if number(one) is not None)
    return value in asked.values


def fits(part: Group | Condition, row: Row) -> bool:
    """Whether a row meets a group."""
    if isinstance(part, Condition):
        return meets(row, part)
    found = [fits(one, row) for one in part.parts]
    return (not found or (all if part.how == "all" else any)(found)) != part.negated


def refused(part: Group | Condition) -> bool:
    """Whether a question may say that this is no filter: words where a number belongs."""
    if isinstance(part, Group):
        return any(map(refused, part.parts))
    numeric = part.name in NUMBERS or part.operator in ORDERS
    if "~" in part.operator and part.name in NUMBERS:
        return True
    words = [one for one in part.values if part.operator in ORDERS or one != "unknown"]
    return numeric and any(number(one) is None or abs(number(one) or 0) > 1e308 for one in words)


# Filters at random, and the ways to ask


def asked_text(dice: Random, ground: Ground, name: str) -> str:
    """A value that is stored, one that looks like it, or one that nobody has."""
    known = ground.stored[name]
    value = dice.choice(known) if known and dice.random() < 0.75 else text(dice)
    how = dice.random()
    if how < 0.08:
        value = value.swapcase()
    elif how < 0.14:
        value = value[: max(1, len(value) // 2)] + dice.choice("%_*?.") + value[len(value) // 2 + 1 :]
    elif how < 0.2:
        start = dice.randrange(len(value))
        value = value[start : start + dice.randint(1, 3)]
    elif how < 0.22:
        value += "\0"
    return value


def condition(dice: Random, ground: Ground) -> Condition:
    name = dice.choice(NAMES)
    operator = dice.choice(["=", "=", "~", *OPERATORS])
    if operator in ORDERS:
        return Condition(name, operator, (dice.choice(["0", "1", "-1.5", "2.5", "12", "1e3", "1e21"]),))
    if name in NUMBERS and dice.random() < 0.8:
        return Condition(name, dice.choice(["=", "!="]), (dice.choice(["12", "-1.5", "1e21", "19.9", "0"]),))
    values = tuple(dict.fromkeys(asked_text(dice, ground, name) for _ in range(dice.choice([1, 1, 2, 3]))))
    return Condition(name, operator, values)


def group(dice: Random, ground: Ground, depth: int = 2) -> Group:
    parts: list[Group | Condition] = [
        group(dice, ground, depth - 1) if depth and dice.random() < 0.3 else condition(dice, ground)
        for _ in range(dice.randint(1, 3))
    ]
    return Group(dice.choice(["all", "any"]), tuple(parts), dice.random() < 0.25)


def escaped(dice: Random, value: str) -> str:
    """A value in a text of conditions: a backslash before what has a meaning, or before any character."""
    every, last = dice.random() < 0.2, len(value) - 1
    return "".join(
        f"\\{one}" if every or one in "\\,;|()" or (one.isspace() and place in (0, last)) else one
        for place, one in enumerate(value)
    )


def written(dice: Random, part: Group | Condition, top: bool = True) -> str:
    """Conditions as somebody writes them by hand."""
    if isinstance(part, Condition):
        return f"{part.name}{part.operator}{','.join(escaped(dice, one) for one in part.values)}"
    inner = (";" if part.how == "all" else "|").join(written(dice, one, top=False) for one in part.parts)
    return f"!({inner})" if part.negated else inner if top else f"({inner})"


Way = Callable[[Random, Ground], tuple[Group, dict[str, str]]]


def by_name(dice: Random, ground: Ground) -> tuple[Group, dict[str, str]]:
    """A dimension's own parameter, as links and drop-downs write it; several at once."""
    names = dice.sample(sorted(ALL_DIMENSIONS), dice.choice([1, 1, 1, 2]))
    chosen = {
        name: list(dict.fromkeys(asked_text(dice, ground, name) for _ in range(dice.choice([1, 1, 2, 3]))))
        for name in names
    }
    parts = tuple(Condition(name, "=", tuple(values)) for name, values in chosen.items())
    return Group("all", parts), {name: address.join(values) for name, values in chosen.items()}


def by_hand(dice: Random, ground: Ground) -> tuple[Group, dict[str, str]]:
    """``where``, written by somebody."""
    found = group(dice, ground)
    return found, {"where": written(dice, found)}


def by_builder(dice: Random, ground: Ground) -> tuple[Group, dict[str, str]]:
    """``where``, as the condition builder writes it."""
    found = group(dice, ground)
    return found, {"where": conditions.write(found)}


def by_segment(dice: Random, ground: Ground) -> tuple[Group, dict[str, str]]:
    """A segment that was saved."""
    found = group(dice, ground)
    saved = segments.save(ground.backends.documents, "tester", "Hostile", found, shared=True)
    out = dice.random() < 0.3
    return Group("all", (found,), out), {"segment": f"!{saved.id}" if out else saved.id}


WAYS: dict[Way, int] = {by_name: 40, by_hand: 30, by_builder: 20, by_segment: 10}


def strings(part: Group | Condition) -> int:
    return len(part.values) if isinstance(part, Condition) else sum(map(strings, part.parts))


def may_be_refused(asked: Group, raw: Mapping[str, str], way: Way) -> bool:
    """Whether words may come instead of rows."""
    bots = way is by_segment and any(one.name == "is_bot" for one in conditions.conditions(asked))
    empty = way is by_segment and not conditions.write(asked)
    return (
        refused(asked)
        or bots
        or empty
        or len(raw.get("where", "")) > MAX
        or len(conditions.write(asked)) > MAX
    )


def test_every_filter_finds_exactly_its_rows(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    dice, wrong, count = Random(SEED), [], Counter[str]()
    while count["strings"] < STRINGS:
        (way,) = dice.choices(list(WAYS), list(WAYS.values()))
        try:
            asked, raw = way(dice, ground)
        except UsageError:
            count["segments that cannot be saved"] += 1
            continue
        count["strings"] += strings(asked)
        count[way.__name__] += 1
        expected = {key for key, row in ground.rows.items() if fits(asked, row)}
        try:
            found = (ground.exported if dice.random() < 0.1 else ground.found)(raw)
        except UsageError as error:
            if not may_be_refused(asked, raw, way):
                wrong.append(f"refused: {error}\n  {way.__name__} {raw!r}\n  {asked}")
            count["refused with words"] += 1
            continue
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}\n  {way.__name__} {raw!r}\n  {asked}")
            continue
        count["with rows" if expected else "without rows"] += 1
        if found != expected:
            wrong.append(f"{len(found)} rows, {len(expected)} expected\n  {way.__name__} {raw!r}\n  {asked}")
    print(f"\n{len(ground.rows)} rows: {dict(count)}; wrong or failed: {len(wrong)}")
    assert not wrong, f"{len(wrong)} wrong, the first ones:\n" + "\n".join(wrong[:5])
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert count["with rows"] > count["without rows"] / 3


@given(st.lists(st.text(min_size=1, max_size=8), max_size=4, unique=True))
@example(["x[", "y"])
@example([" ", "\t,", "\\", "\\ "])
def test_what_links_write_is_what_questions_read(values: list[str]) -> None:
    assert conditions.values(address.join(values)) == tuple(values)
    assert address.split(address.join(values)) == values


# What questions take besides filters


def odd_text(dice: Random, known: str) -> str:
    """A parameter's value: its own changed a little, or nothing like it."""
    value = dice.choice([known, text(dice), text(dice), dice.choice(SHAPES), "a" * 5000])
    if dice.random() < 0.3:
        at = dice.randint(0, len(value))
        value = value[:at] + text(dice, 2) + value[at:]
    if dice.random() < 0.04:
        value += dice.choice(["\0", *LONE])
    return value


SHAPES = (
    *(
        "²",
        "١٢",
        "１２",
        "5" * 5000,
        "-1",
        "0",
        "1e3",
        "1_0",
        "+5",
        " 7 ",
        "9223372036854775808",
        "1700000000000|shop|x",
    ),
    *("²²²|shop|x", "99999999999999|a|b", "2024-02-30", "2024-03-01..2024-03-02", "٢٠٢٤-٠٣-٠١", "2999-12-31"),
    *(
        "20240301",
        "2024-W09-5",
        "2024-03-01T00:00",
        "a[b=c],d",
        "a[b=c",
        "a]b,c",
        "a,b[entry_page~x]",
        "٧d",
        "7D",
    ),
    *(
        "properties.a.b",
        "properties.",
        "properties." + "a." * 400 + "a",
        "properties.note",
        "entry_page",
        "!hostile",
    ),
)
ALREADY = {
    "funnel.steps": {"steps": "=1,a"},
    "sessions.timeline": {"session": "1"},
    "data.values": {"dimension": "os"},
}


def test_every_parameter_of_every_question_takes_anything(ground: Ground) -> None:
    dice, wrong, count = Random(SEED), [], Counter[str]()
    for _ in range(PARAMETERS):
        name = dice.choice(list(QUESTIONS))
        question = QUESTIONS[name]
        own = {param.name: param.default for param in question.params}
        shared = (
            (period() | {"compare": "none"} if question.metrics else period())
            if question.about_period
            else {}
        )
        raw = {key: value for key, value in (own | ALREADY.get(name, {}) | shared).items() if value}
        taken = [
            *own,
            *(("from", "to", "bots", "where", "segment", "compare") if question.about_period else ()),
        ]
        chosen = dice.choice(taken or ["nothing"])
        raw[chosen] = odd_text(dice, raw.get(chosen, ""))
        count["strings"] += 1
        try:
            ground.backends.asking.ask(name, raw, EVERYONE)
            count["answered"] += 1
        except UsageError as error:
            count["refused with words"] += 1
            if not str(error) or len(str(error)) > 12_000:
                wrong.append(f"{len(str(error))} characters of words: {name} {raw!r}"[:600])
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}: {name} {chosen}={raw[chosen]!r}"[:600])
    print(f"\n{dict(count)}; failed: {len(wrong)}")
    assert not wrong, f"{len(wrong)} failed, the first ones:\n" + "\n".join(wrong[:8])
    assert min(count["answered"], count["refused with words"]) > PARAMETERS / 10


def test_a_funnel_s_steps_find_exactly_their_events(ground: Ground) -> None:
    """White space around them does not count in steps; no contract keeps any in an event's name."""
    dice = Random(SEED)
    names = [name for name in ground.stored["event_name"] if name == name.strip()]
    values = [
        "",
        *(value for value in ground.stored["properties.note"] if value == value.strip() != "unknown"),
    ]
    for _ in range(examples(40, 1_000)):
        name, value = dice.choice(names), dice.choice(values)
        step = f"{special(name)}[properties.note={special(value)}]" if value else special(name)
        answer = ground.backends.asking.ask("funnel.steps", period() | {"steps": f"{step},x"}, EVERYONE)
        expected = {
            row["visitor_id"]
            for row in ground.rows.values()
            if row["event_name"] == name and (not value or valued(row, "properties.note") == value)
        }
        assert answer.rows[0]["reached"] == len(expected), step


def special(value: str) -> str:
    """Text in a step, with a backslash before every character that is no letter or digit."""
    return re.sub(r"([^A-Za-z0-9])", r"\\\1", value)
