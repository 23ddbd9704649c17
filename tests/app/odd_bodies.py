"""Ways in which a callback's body can be wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

from pages.parts import address
from pages.parts.finding_desk import FIELDS
from tests.app.good_bodies import parts_of, prop_id
from tests.hostile_text import LONE, text


def nested(dice: Random, depth: int) -> Any:
    """Lists and objects in one another."""
    found: Any = text(dice)
    for _ in range(depth):
        found = [found] if dice.random() < 0.5 else {dice.choice(["a", "id", "value", "props"]): found}
    return found


def odd(dice: Random) -> Any:
    """A value of whatever type."""
    if dice.random() < 0.15:  # nobody gets further with these
        return dice.choice(
            [2**63, 10**400, float("nan"), float("-inf"), dice.choice(LONE) + text(dice), nested(dice, 400)]
        )
    return dice.choice(
        [
            lambda: None,
            lambda: dice.random() < 0.5,
            lambda: dice.choice([0, -1, 1, 2, 2**31, 2**53 + 1, 2**63 - 1, -(2**63) + 1]),
            lambda: dice.choice([0.5, -0.0, 1e-320, 1e18]),
            lambda: text(dice),
            lambda: text(dice, 30),
            lambda: dice.choice(SHAPES),
            lambda: "a" * 70_000,
            lambda: [text(dice), None, 3],
            list,
            dict,
            lambda: {text(dice): text(dice), "props": {}, "id": 1},
            lambda: {"props": {"children": text(dice)}, "type": "Div", "namespace": "dash_html_components"},
            lambda: nested(dice, dice.choice([2, 5, 20])),
        ]
    )()


PARAMETERS = (
    *address.SHARED,
    *FIELDS,
    *("metric", "interval", "by", "open", "sort", "limit", "before", "after", "event", "finding", "steps"),
    *("window", "unit", "order", "breakdown", "hour", "show", "q", "state", "start", "outcome", "scan_from"),
    *("scan_to", "opened", "overdue", "pages", "sources", "technology", "week", "searches", "cost", "lang"),
)
SHAPES = (
    "1970-01-01",
    "9999-12-31",
    "0000-00-00",
    "2024-02-30..2024-01-01",
    "previous",
    "only",
    "-1",
    "1e9",
    "country=DE",
    "!(a=b|c=d)",
    "((((((a=b))))))",
    "properties.a.b=1",
    "revenue>1e999",
    "!nobody",
    "x[y=z],a",
    "999999999d",
    "0s",
    "1700000000000|shop|x",
    "99999999999999999999|a|b",
    "²",
    "١٢",
    "5" * 5000,
)


def odd_search(dice: Random) -> str:
    """A query of the URL: this app's parameters with values that no control has, and broken escapes."""
    pairs = []
    for _ in range(dice.randint(1, 4)):
        value = dice.choice([text(dice), text(dice), dice.choice(SHAPES), dice.choice(LONE), "a" * 5000])
        kept = value if dice.random() < 0.1 else quote(value, safe="", errors="surrogatepass")
        name = dice.choice(PARAMETERS) if dice.random() < 0.95 else text(dice)
        pairs.append(f"{name}={kept}")
    return dice.choice(["?", "?", "?", "", "??"]) + dice.choice(["&", "&", ";", "&&"]).join(pairs)


def odd_value(dice: Random, body: dict[str, Any]) -> Any:
    """One value that fits its type, or does not."""
    part = dice.choice(list(parts_of([*body["inputs"], *body["state"]])) or [{}])
    kept = part.get("value")
    if part.get("property") == "search" or part.get("id") == "findings-view":
        part["value"] = odd_search(dice) if dice.random() < 0.9 else odd(dice)
    elif isinstance(kept, (dict, list)) and kept and dice.random() < 0.8:
        part["value"] = copy.deepcopy(kept)
        key = dice.choice(list(kept) if isinstance(kept, dict) else range(len(kept)))
        if dice.random() < 0.2:
            del part["value"][key]
        else:
            part["value"][key] = odd(dice)
    elif isinstance(kept, str) and dice.random() < 0.7:
        at = dice.randint(0, len(kept))
        part["value"] = kept[:at] + text(dice, 3) + kept[at:]
    else:
        part["value"] = odd(dice)
    return body


def all_values_odd(dice: Random, body: dict[str, Any]) -> Any:
    """Every value of some type at once."""
    for part in parts_of([*body["inputs"], *body["state"]]):
        part["value"] = odd(dice)
    return body


def odd_place(dice: Random, body: dict[str, Any]) -> Any:
    """Anything at any place of the body."""
    place: Any = body
    while True:
        key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], (dict, list)) or not place[key] or dice.random() < 0.2:
            break
        place = place[key]
    place[key] = odd(dice)
    return body


def odd_number_of_parts(dice: Random, body: dict[str, Any]) -> Any:
    """Parts are missing, there twice, too many, or in another order."""
    name = dice.choice(["inputs", "state"])
    listed = body[name]
    how = dice.randrange(6)
    if how == 0 and listed:
        del listed[dice.randrange(len(listed))]
    elif how == 1 and listed:
        listed.append(copy.deepcopy(dice.choice(listed)))
    elif how == 2:
        listed.append({"id": text(dice), "property": "value", "value": odd(dice)})
    elif how == 3:
        dice.shuffle(listed)
    elif how == 4:
        body["inputs"], body["state"] = body["state"], body["inputs"]
    else:
        body.pop(dice.choice(list(body)))
    return body


def odd_id(dice: Random, body: dict[str, Any]) -> Any:
    """Another id, another property, or odd values where a pattern takes any."""
    parts = list(parts_of([*body["inputs"], *body["state"], body["outputs"]]))
    part = dice.choice(parts or [{}])
    if isinstance(part.get("id"), dict) and dice.random() < 0.8:
        part["id"][dice.choice(list(part["id"]))] = odd(dice)
        body["changedPropIds"] = [prop_id(part)]
    else:
        part[dice.choice(["id", "property"])] = odd(dice)
    return body


def more_of_a_pattern(dice: Random, body: dict[str, Any]) -> Any:
    """Several parts where a pattern takes any number, their numbers odd and their lists not as long."""
    for listed in (one for one in body["inputs"] if isinstance(one, list) and one):
        for _ in range(dice.randint(0, 3)):
            part = copy.deepcopy(listed[0])
            part["id"] = {
                key: dice.choice([0, 1, -1, 5, 10**9, "0", "x", None, [], odd(dice)]) if value == 0 else value
                for key, value in part["id"].items()
            }
            listed.append(part)
        if dice.random() < 0.1:
            listed.clear()
    changed = list(parts_of(body["inputs"]))
    body["changedPropIds"] = [prop_id(dice.choice(changed))] if changed else []
    return body


def odd_changed(dice: Random, body: dict[str, Any]) -> Any:
    """What is said to have changed is nothing of this callback."""
    names = [
        "url.search",
        ".",
        "x",
        "{.n_clicks",
        '{"type":1}.n_clicks',
        "[].value",
        "{}.n_clicks",
        "a.b.c.d",
        "",
    ]
    names += [
        '{"do":"add","row":"x","step":null,"type":"step-action"}.n_clicks',
        '{"a":"b".n_clicks',
        '"x".value',
    ]
    body["changedPropIds"] = [
        dice.choice([*names, text(dice), dice.choice(LONE)]) for _ in range(dice.randint(0, 3))
    ]
    if dice.random() < 0.3:
        body["changedPropIds"] = odd(dice)
    return body


def more_at_the_top(dice: Random, body: dict[str, Any]) -> Any:
    """Members that Dash has for other purposes, or nobody has."""
    names = ["parsedChangedPropsIds", "dependencies", "cancelJob", "job", "cacheKey", "oldJob", "sideUpdate"]
    return body | {dice.choice([*names, "__proto__", "cb", text(dice)]): odd(dice)}


def no_json(dice: Random, body: dict[str, Any]) -> Any:
    """Bytes that are no JSON, or JSON as only some read it."""
    whole = json.dumps(body).encode()
    at = dice.randrange(len(whole))
    return dice.choice(
        [
            lambda: whole[:at],
            lambda: whole[:at] + bytes([dice.randrange(256)]) + whole[at:],
            lambda: whole[:at] + b"\xff\xc0\xed\xa0\x80" + whole[at:],
            lambda: whole.decode().encode("utf-16"),
            lambda: b"\xef\xbb\xbf" + whole,
            lambda: whole.replace(b"null", b"NaN").replace(b"1", b"-Infinity"),
            lambda: b'{"output":"page.children",' + whole[1:],
            lambda: whole + whole,
            lambda: b"[" * 50_000 + whole,
            lambda: whole.replace(b'"value": ', b'"value": ' + b"[" * 20_000 + b"]" * 20_000 + b', "v": ', 1),
        ]
    )()


Change = Callable[[Random, dict[str, Any]], Any]
CHANGES: dict[Change, int] = {
    odd_value: 30,
    more_of_a_pattern: 8,
    odd_place: 12,
    odd_id: 10,
    all_values_odd: 6,
    odd_number_of_parts: 8,
    odd_changed: 8,
    more_at_the_top: 4,
    no_json: 8,
}
"""What is done to a body, and how often."""
