"""Callback bodies that no page of ours sends: each gets an answer, none a fault."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.callback_bodies import Declared, declarations
from data_access import segments, sites
from data_access.backends import Backends
from data_access.conditions import read
from pipeline.demo_findings import add_demo_findings
from tests.app.callbacks import URL, body_of
from tests.app.conftest import SAME, by_link, sign_in, with_people
from tests.app.good_bodies import Good
from tests.app.odd_bodies import CHANGES, Change, odd_changed, odd_value
from tests.app.shop import shop
from tests.builders import embedded
from tests.depth import examples

SEED = 20_261_122
BODIES = examples(240, 6_000)
"""Of the admin; a quarter as many of a viewer."""
TELLS = re.compile(
    r"Traceback|File \"|site-packages|\.py\b.*line \d|json_extract_scalar\(|coalesce\(|strpos\(|"
    r"(?i:\bfrom (?:events|sessions|orders|lake_table)\b)|Binder Error|Parser Error|sqlite3|duckdb\."
)
"""What answers tell nobody: our SQL, our files, what an engine said."""
FAULTS = ("The answer did not arrive", "Something went wrong on our side", "it has been logged")
"""How a card says that something of ours broke: with status 200 it is a fault all the same."""


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """A little of everything that callbacks read and change."""
    opened = embedded(tmp_path_factory.mktemp("fuzzed"), shop(days=3, sessions_a_day=12))
    add_demo_findings(opened.findings, datetime.now(UTC))
    sites.save(opened.documents, "shop", ("https://shop.example",))
    sites.make_key(opened.documents, "shop")
    segments.save(opened.documents, "vera", "Germans", read("country=DE"), shared=True)
    return opened


@pytest.fixture(scope="module")
def app(backends: Backends) -> Any:
    return with_people(backends)


@pytest.fixture(scope="module")
def people(app: Any, backends: Backends) -> dict[str, FlaskClient]:
    """Who may everything, and who may only look."""
    return {"admin": by_link(app, backends), "viewer": sign_in(app, "vera")}


class Fuzz:
    """Bodies made from what pages send, and the answers to them."""

    def __init__(self, declared: dict[str, Declared], good: Good, client: FlaskClient, caplog: Any) -> None:
        self.declared, self.good, self.client, self.caplog = declared, good, client, caplog
        self.statuses: Counter[int] = Counter()
        self.by_change: dict[str, Counter[int]] = {}
        self.faults: list[str] = []

    def valid(self, dice: Random, output: str) -> dict[str, Any]:
        """A body as a page could send it."""
        return self.good.fill(dice, body_of(output, self.declared[output], {}))

    def broken(self, dice: Random, output: str) -> tuple[Change, Any]:
        """One that is changed, now and then twice, or sent to another callback."""
        (change,) = dice.choices(list(CHANGES), list(CHANGES.values()))
        body = self.valid(dice, output)
        if dice.random() < 0.15:
            body = dice.choice([odd_value, odd_changed])(dice, body)
        body = change(dice, body)
        if isinstance(body, dict) and dice.random() < 0.05:
            body |= {
                dice.choice(["output", "outputs"]): self.valid(dice, dice.choice(list(self.declared)))[
                    "outputs"
                ]
            }
        if isinstance(body, dict) and dice.random() < 0.03:
            body["output"] = dice.choice(list(self.declared))
        return change, body

    def send(self, body: Any, what: str, allowed: range | tuple[int, ...] = range(200, 500)) -> int:
        """The status of the answer; what is wrong with it is noted."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.client.post(URL, data=data, content_type="application/json", headers=SAME)
        for problem in self._problems(answer, allowed):
            self.faults.append(f"{problem}\n  {what}: {data[:1200]!r}\n  {answer.text[:500]}")
        self.caplog.clear()
        self.statuses[answer.status_code] += 1
        self.by_change.setdefault(what.partition(" ")[0], Counter())[answer.status_code] += 1
        return int(answer.status_code)

    def _problems(self, answer: Any, allowed: range | tuple[int, ...]) -> Iterator[str]:
        if answer.status_code not in allowed:
            yield f"status {answer.status_code}"
        for record in self.caplog.records:
            if record.levelno >= logging.ERROR:
                said = logging.Formatter().formatException(record.exc_info)[-1500:] if record.exc_info else ""
                yield f"logged: {record.getMessage()}\n{said}"
        if found := TELLS.search(answer.text):
            yield f"tells {found[0]!r}"
        if answer.status_code >= 400 and not isinstance((answer.json or {}).get("error"), str):
            yield "an error without words"
        yield from (f"a fault in disguise: {words}" for words in FAULTS if words in answer.text)


@pytest.fixture(scope="module")
def good(app: Any, backends: Backends, people: dict[str, FlaskClient]) -> Good:
    return Good(backends, people["admin"], app)


@pytest.mark.parametrize("who", ["viewer", "admin"])
def test_no_body_is_a_fault(
    app: Any, good: Good, people: dict[str, FlaskClient], who: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    declared = declarations(app.callback_map)
    fuzz = Fuzz(declared, good, people[who], caplog)
    dice = Random(SEED)
    reached = {output for output in declared if fuzz.send(fuzz.valid(dice, output), "valid") in {200, 204}}
    names = list(declared)
    for number in range(BODIES if who == "admin" else BODIES // 4):
        change, body = fuzz.broken(dice, names[number % len(names)])
        fuzz.send(body, f"{change.__name__} of {names[number % len(names)][:80]}")
    print(f"\n{who}: {sum(fuzz.statuses.values()):,} bodies to {len(names)} callbacks: {dict(fuzz.statuses)}")
    for what, found in fuzz.by_change.items():
        print(f"  {what}: {dict(found)}")
    assert not fuzz.faults, f"{len(fuzz.faults)} faults, the first ones:\n" + "\n".join(fuzz.faults[:5])
    assert fuzz.statuses[200] > fuzz.statuses[400] / 3, "most bodies should get past the door"
    if who == "admin":
        assert reached == declared.keys(), f"what pages send is not answered: {declared.keys() - reached}"


REFUSED: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "half of a character": ("overview-kpis", lambda body: body["inputs"][0].update(value="?country=\ud800")),
    "half of one in a name": ("overview-kpis", lambda body: body.update({"\udfff": 1})),
    "nested too deep": ("realtime-tick", lambda body: body["inputs"][0].update(value=deep(40))),
    "a number of 400 digits": ("realtime-tick", lambda body: body["inputs"][0].update(value=10**400)),
    "no number": ("realtime-tick", lambda body: body["inputs"][0].update(value=float("nan"))),
    "a list for an id": ("realtime-tick", lambda body: body["outputs"][0][0]["id"].update(part=[])),
    "what changed is no id": ("connect-key-do", lambda body: body.update(changedPropIds=["{x.n_clicks"])),
    "what changed is no object": ("connect-key-do", lambda body: body.update(changedPropIds=['{"a"}.b'])),
}
"""What could not be answered: a callback by a part of its names, and what is done to its body."""


def deep(count: int) -> Any:
    """A list in a list, some times."""
    return [deep(count - 1)] if count else []


def first_input(value: Any) -> Callable[[dict[str, Any]], Any]:
    """The change that gives the first input a value."""
    return lambda body: body["inputs"][0].update(value=value)


ANSWERED: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "a number for values": ("cond-operator", lambda body: body["state"][0].update(value=5)),
    "more inputs than outputs": ("steps-list", lambda body: body["inputs"][0].append(body["inputs"][0][0])),
    "an event that is a list": ("explore-session", first_input(["x"])),
    "an event that is text": ("explore-fields", first_input("x")),
    "an event without a name": ("explore-fields", first_input({"country": "DE"})),
    "a limit that only looks like one": ("explore-grid", first_input("?limit=²")),
    "a limit of 5,000 digits": ("explore-grid", first_input(f"?limit={'5' * 5000}")),
}
"""What no page sends and is answered all the same: a callback by a part of its names, and what is done."""


def output_of(declared: dict[str, Declared], named: str) -> str:
    """The callback that has a part with such a name among its outputs, or else as its first input."""
    found = [name for name, one in declared.items() if any(named in part for part, _ in one.outputs)]
    more = (name for name, one in declared.items() if one.inputs and named in one.inputs[0][0])
    return found[0] if found else next(more)


@pytest.mark.parametrize(("named", "change"), ANSWERED.values(), ids=ANSWERED)
def test_what_no_page_sends_is_answered(
    app: Any,
    good: Good,
    people: dict[str, FlaskClient],
    named: str,
    change: Callable[[dict[str, Any]], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    declared = declarations(app.callback_map)
    fuzz, output = Fuzz(declared, good, people["admin"], caplog), output_of(declared, named)
    body = fuzz.valid(Random(SEED), output)
    change(body)
    fuzz.send(body, named, (200, 204))
    assert fuzz.faults == []


@pytest.mark.parametrize(("named", "change"), REFUSED.values(), ids=REFUSED)
def test_what_could_not_be_answered_is_refused(
    app: Any, good: Good, people: dict[str, FlaskClient], named: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    declared = declarations(app.callback_map)
    output = output_of(declared, named)
    body = good.fill(Random(SEED), body_of(output, declared[output], {}))
    assert people["admin"].post(URL, json=body, headers=SAME).status_code == 200
    change(body)
    answer = people["admin"].post(URL, json=body, headers=SAME)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"].endswith(".")
