"""Drawn parts without callbacks, sent as data that ``assets/js/plain.js`` makes into HTML.

Every Dash component looks at every change of the page's state, so a page of thousands takes the browser
seconds to draw (docs/decisions/0009-plain-parts.md). What no callback refers to needs none of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from copy import copy
from itertools import groupby
from typing import Any

from dash import html
from dash.development.base_component import Component as DashComponent

Component = Any
Node = str | list[Any]
"""Text, or [tag, attributes, nodes…] as ``plain.js`` takes it."""

DATA = "data-sg-plain"
_HTML = "dash_html_components"
_RENAMED = {"className": "class", "tabIndex": "tabindex", "colSpan": "colspan", "rowSpan": "rowspan"}
_ONLY_ITS_OWN = frozenset({"Details", "Dl", "Ol", "Table", "Tbody", "Thead", "Tr", "Ul"})
"""Elements that look for certain children: no box may stand between."""
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain(content: Component) -> Component:
    """The same content, with every largest part of mere HTML as one component.

    Parts with an id stay components, as callbacks may refer to them, and so do those of other libraries.
    """
    if isinstance(content, (list, tuple)):
        return _joined(content)
    if _is_plain(content):
        return content if content is None or _is_text(content) else _one([content])
    return _inside(content)


def _inside(content: Component) -> Component:
    """A component that stays, with its children made plain."""
    children = getattr(content, "children", None)
    if children is None:
        return content
    changed = copy(content)
    if content._type in _ONLY_ITS_OWN:
        changed.children = [_inside(child) for child in _flat([children])]
    else:
        changed.children = plain(children)
    return changed


def _joined(parts: Iterable[Component]) -> list[Component]:
    found: list[Component] = []
    for is_plain, group in groupby(_flat(parts), key=_is_plain):
        listed = list(group)
        if not is_plain:
            found += map(plain, listed)
        elif all(map(_is_text, listed)):
            found += listed
        else:
            found.append(_one(listed))
    return found


def _flat(parts: Iterable[Component]) -> Iterable[Component]:
    for part in parts:
        if isinstance(part, (list, tuple)):
            yield from _flat(part)
        elif part is not None:
            yield part


def _is_text(content: Component) -> bool:
    return isinstance(content, (str, int, float))


def _is_plain(content: Component) -> bool:
    if content is None or _is_text(content):
        return True
    if isinstance(content, (list, tuple)):
        return all(map(_is_plain, content))
    if not isinstance(content, DashComponent) or content._namespace != _HTML or hasattr(content, "id"):
        return False
    return _is_plain(getattr(content, "children", None))


def _one(parts: list[Component]) -> Component:
    nodes = [_node(part) for part in parts]
    data = json.dumps(nodes, ensure_ascii=False, separators=(",", ":"))
    return html.Div(className="sg-made", **{DATA: data})


def _node(content: Component) -> Node:
    if _is_text(content):
        return str(content)
    props = dict(content.to_plotly_json()["props"])
    children = props.pop("children", None)
    parts = children if isinstance(children, (list, tuple)) else [children]
    attributes = dict(filter(None, map(_attribute, props, props.values())))
    return [content._type.lower(), attributes, *map(_node, _flat(parts))]


def _attribute(name: str, value: Any) -> tuple[str, Any] | None:
    """An attribute as HTML has it; a style stays a mapping of its properties."""
    if value is None or value is False:
        return None
    if name == "style":
        return "style", {_HUMP.sub("-", key).lower(): str(part) for key, part in value.items()}
    return _RENAMED.get(name, name), "" if value is True else str(value)
