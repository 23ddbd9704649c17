"""A table of source columns to drafts, by a mapping: checked and converted a whole column at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_access.events import EVENT_TYPES, LOGIN_STATES, SOURCES
from pipeline.contracts.fields import MAX_PROPERTIES_BYTES
from pipeline.enrich import DERIVED, DRAFT_TYPES
from pipeline.identity import join_present, row_contents
from pipeline.importers.mapping import REQUIRED, FieldRule, FieldRules
from pipeline.importers.model import Faults, Piece, Reject
from pipeline.importers.times import NUMBER, short, to_times

_CHOICES: dict[str, tuple[str, ...]] = {
    "event_type": EVENT_TYPES,
    "login_state": LOGIN_STATES,
    "source": SOURCES,
    "device": ("desktop", "mobile", "tablet", "bot", "other"),
}
_CODES = {
    "country": ("^[A-Z]{2}$", "is not a country code of two letters, such as DE"),
    "currency": ("^[A-Z]{3}$", "is not a currency code of three letters, such as EUR"),
}
_ID_LIMIT, _TEXT_LIMIT = 256, 8192
_LIMITS = dict.fromkeys(
    ("event_id", "site", "event_name", "session_id", "client_id", "user_id", "order_id"), _ID_LIMIT
)
_TRUE, _FALSE = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")
# Not pa.scalar(None): that imports pandas wherever it is installed.
_NULL = pa.nulls(1, pa.string())[0]


@dataclass(frozen=True, slots=True)
class Source:
    """Rows as read: arrays by column name, their 1-based numbers, and rows that could not be read.

    ``properties`` holds finished JSON objects of everything not mapped, where the reader makes them.
    ``contents`` what ids are made of, where it is not simply the columns.
    """

    columns: dict[str, Any]
    numbers: Any
    faults: Faults
    unread: list[Reject]
    position: int
    properties: Any = None
    contents: Sequence[bytes] | None = None


def to_piece(source: Source, rules: FieldRules, site: str) -> Piece:
    """The drafts of the good rows and a reject for each other row."""
    rows, faults = len(source.numbers), source.faults
    drafts = {
        name: convert(name, _values(source, rule, rows), rule, faults)
        for name, rule in rules.items()
        if name != "properties"
    }
    drafts["site"] = pc.fill_null(drafts.get("site", pa.nulls(rows, pa.string())), site)
    drafts["properties"] = _properties(source, rules, rows)
    _check_rows(drafts, rules, faults)
    good = np.ones(rows, dtype=bool)
    good[list(faults.found)] = False
    rejects = [Reject(int(source.numbers[row]), *fault) for row, fault in sorted(faults.found.items())]
    mask = pa.array(good)
    return Piece(
        pa.table(drafts).filter(mask),
        _contents(source, drafts, mask),
        sorted(rejects + source.unread, key=lambda reject: reject.row),
        source.position,
    )


def _values(source: Source, rule: FieldRule, rows: int) -> Any:
    if rule.constant is not None:
        return pa.array([rule.constant] * rows, pa.string())
    return source.columns.get(rule.column or "", pa.nulls(rows, pa.string()))


def _contents(source: Source, drafts: dict[str, Any], mask: Any) -> list[bytes] | None:
    if "event_id" in drafts and not drafts["event_id"].filter(mask).null_count:
        return None
    if source.contents is not None:
        return [content for content, good in zip(source.contents, mask.to_pylist(), strict=True) if good]
    return row_contents([(name, as_text(values).filter(mask)) for name, values in source.columns.items()])


def convert(name: str, values: Any, rule: FieldRule, faults: Faults) -> Any:
    """The values of one canonical field; bad ones become null and go to ``faults``."""
    column, kind = rule.column or name, DRAFT_TYPES[name]
    if pa.types.is_timestamp(kind):
        plain = not rule.values and rule.default is None and not pa.types.is_string(values.type)
        return to_times(values if plain else _texts(values, rule), rule, name, column, faults)
    texts = _texts(values, rule)
    if pa.types.is_boolean(kind):
        return _booleans(texts, column, faults)
    return (
        _numbers(texts, column, faults)
        if pa.types.is_floating(kind)
        else _strings(name, texts, column, faults)
    )


def _texts(values: Any, rule: FieldRule) -> Any:
    """Values as trimmed text, empty ones null, after the rule's ``values`` and ``default``."""
    texts = pc.utf8_trim_whitespace(as_text(values))
    if rule.values:
        encoded = texts.dictionary_encode()
        mapped = [rule.values.get(text, text) for text in encoded.dictionary.to_pylist()]
        texts = pa.array(mapped, pa.string()).take(encoded.indices)
    texts = pc.if_else(pc.equal(texts, ""), _NULL, texts)
    return texts if rule.default is None else pc.fill_null(texts, rule.default)


def as_text(values: Any) -> Any:
    """An array as text: whole floats (ids that met empty cells in pandas) without their ``.0``."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_floating(kind) and _whole(values):
        return values.cast(pa.int64()).cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return pa.array([None if v is None else _json(v) for v in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def _whole(values: Any) -> bool:
    inside = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))
    return pc.all(inside).as_py() is not False


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))


def _booleans(texts: Any, column: str, faults: Faults) -> Any:
    lowered = pc.utf8_lower(texts)
    true, false = (pc.is_in(lowered, pa.array(words)) for words in (_TRUE, _FALSE))
    bad = pc.and_(pc.is_valid(texts), pc.invert(pc.or_(true, false)))
    faults.add_where(bad, column, lambda row: f"{short(texts[row])} is neither true nor false")
    return pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))


def _numbers(texts: Any, column: str, faults: Faults) -> Any:
    good = pc.match_substring_regex(texts, NUMBER)
    numbers = pc.if_else(good, texts, _NULL).cast(pa.float64())
    finite = pc.fill_null(pc.is_finite(numbers), False)
    bad = pc.and_(pc.is_valid(texts), pc.invert(finite))
    faults.add_where(bad, column, lambda row: f"{short(texts[row])} is not a number; write it like 1234.5")
    return pc.if_else(finite, numbers, pa.scalar(None, pa.float64()))


def _strings(name: str, texts: Any, column: str, faults: Faults) -> Any:
    if name in _CODES:
        texts = pc.utf8_upper(texts)
        pattern, what = _CODES[name]
        bad = pc.invert(pc.fill_null(pc.match_substring_regex(texts, pattern), True))
        faults.add_where(bad, column, lambda row: f"{short(texts[row])} {what}")
    if name in _CHOICES:
        bad = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, pa.array(_CHOICES[name]))))
        choices = ", ".join(_CHOICES[name])
        faults.add_where(
            bad, column, lambda row: f"{short(texts[row])} is no {name}; use {choices} (mapping: values)"
        )
    limit = _LIMITS.get(name, _TEXT_LIMIT)
    long = pc.fill_null(pc.greater(pc.utf8_length(texts), limit), False)
    faults.add_where(long, column, lambda _: f"is longer than {limit} characters")
    nul = pc.fill_null(pc.match_substring(texts, "\0"), False)
    faults.add_where(nul, column, lambda _: "holds a NUL character")
    return texts


def _check_rows(drafts: dict[str, Any], rules: FieldRules, faults: Faults) -> None:
    for name in REQUIRED:
        column = rules[name].column or name
        faults.add_where(pc.is_null(drafts[name]), column, partial(_empty, name))
    size = pc.greater(pc.binary_length(drafts["properties"]), MAX_PROPERTIES_BYTES)
    faults.add_where(size, "properties", lambda _: f"take more than {MAX_PROPERTIES_BYTES} bytes as JSON")


def _empty(name: str, _: int) -> str:
    return f"is empty; every event needs {name}"


def _properties(source: Source, rules: FieldRules, rows: int) -> Any:
    """Everything that is not mapped, as one JSON object a row."""
    mapped = {rule.column for rule in rules.values()} | DERIVED
    parts = [_members(name, values) for name, values in source.columns.items() if name not in mapped]
    if source.properties is not None:
        parts.insert(0, _inner(source.properties))
    if "properties" in rules:
        parts.insert(0, _given(source, rules["properties"], rows))
    if not parts:
        return pa.array(["{}"] * rows, pa.string())
    members = join_present([pc.binary_join_element_wise(part, ",", "") for part in parts])
    members = pc.utf8_slice_codeunits(members, 0, -1)
    return pc.binary_join_element_wise("{", members, "}", "")


def _members(name: str, values: Any) -> Any:
    """``"name":value`` for each row, null where there is no value."""
    kind = values.type
    label = json.dumps(name, ensure_ascii=False) + ":"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        written = values.cast(pa.string())
    elif pa.types.is_floating(kind):
        written = pc.if_else(pc.is_finite(values), as_text(values), _NULL)
    elif pa.types.is_nested(kind):
        written = as_text(values)
    else:
        texts = as_text(values)
        encoded = pc.if_else(pc.equal(texts, ""), _NULL, texts).dictionary_encode()
        quoted = [json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()]
        written = pa.array(quoted, pa.string()).take(encoded.indices)
    return pc.binary_join_element_wise(pa.scalar(label), written, "")


def _inner(objects: Any) -> Any:
    """The members of JSON objects, without the braces; null for an empty object."""
    inner = pc.utf8_slice_codeunits(objects, 1, -1)
    return pc.if_else(pc.equal(inner, ""), _NULL, inner)


def _given(source: Source, rule: FieldRule, rows: int) -> Any:
    """A column of ready properties: each must be a JSON object."""
    texts = _texts(_values(source, rule, rows), rule)
    encoded = texts.dictionary_encode()
    compact = pa.array([_object(text) for text in encoded.dictionary.to_pylist()], pa.string())
    objects = compact.take(encoded.indices)
    bad = pc.and_(pc.is_valid(texts), pc.is_null(objects))
    source.faults.add_where(bad, rule.column or "properties", lambda _: "is not a JSON object")
    return _inner(objects)


def _object(text: str) -> str | None:
    try:
        value = json.loads(text)
        return (
            json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            if isinstance(value, dict)
            else None
        )
    except (ValueError, RecursionError):
        return None
