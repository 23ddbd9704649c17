from __future__ import annotations

import json
from typing import Any

from dash import dcc, html

from pages.parts.plain import DATA, plain


def data(component: Any) -> Any:
    """What a plain part is made of."""
    return json.loads(component.to_plotly_json()["props"][DATA])


def test_mere_html_is_one_component() -> None:
    row = html.Tr([html.Th("a", scope="row"), html.Td(3, className="x", colSpan=2), None])
    assert data(plain(html.Table(html.Tbody([row])))) == [
        [
            "table",
            {},
            [
                "tbody",
                {},
                ["tr", {}, ["th", {"scope": "row"}, "a"], ["td", {"class": "x", "colspan": "2"}, "3"]],
            ],
        ]
    ]


def test_attributes_are_as_html_has_them() -> None:
    part = html.Button(
        "go",
        className="b",
        tabIndex=0,
        hidden=True,
        disabled=False,
        title=None,
        style={"--sg-part": "3%", "flexGrow": 2},
        **{"aria-label": "Go", "data-x": "1"},
    )
    style = {"--sg-part": "3%", "flex-grow": "2"}
    assert data(plain(part)) == [
        [
            "button",
            {"class": "b", "tabindex": "0", "hidden": "", "style": style, "aria-label": "Go", "data-x": "1"},
            "go",
        ]
    ]


def test_what_callbacks_may_refer_to_stays_a_component() -> None:
    named = html.Div([html.P("in"), html.B("side")], id="named")
    found = plain(
        html.Section([html.P("before"), html.P("too"), named, dcc.Store(id="s"), "text"], className="c")
    )
    assert (found._type, found.className) == ("Section", "c")
    before, kept, store, text = found.children
    assert data(before) == [["p", {}, "before"], ["p", {}, "too"]]
    assert kept.id == "named"
    assert data(kept.children[0]) == [["p", {}, "in"], ["b", {}, "side"]]
    assert isinstance(store, dcc.Store)
    assert text == "text"


def test_a_graph_inside_keeps_its_figure() -> None:
    graph = dcc.Graph(figure={"data": []})
    found = plain([html.Div(html.Div(graph)), None, [html.P("a"), [html.P("b")]]])
    assert found[0].children.children is graph
    assert data(found[1]) == [["p", {}, "a"], ["p", {}, "b"]]


def test_what_was_drawn_is_not_changed() -> None:
    inner = html.Div(html.P("a"), id="x")
    plain(html.Div([inner]))
    assert inner.children.children == "a"


def test_nothing_and_text_stay_what_they_are() -> None:
    assert plain(None) is None
    assert plain("a") == "a"
    assert plain(["a", None, 3]) == ["a", 3]


def test_nothing_comes_between_a_list_and_its_items() -> None:
    found = plain(html.Ul([html.Li(["a ", html.B("b")]), html.Li(dcc.Link("c", href="/"))]))
    first, second = found.children
    assert (first._type, second._type) == ("Li", "Li")
    assert data(first.children[0]) == ["a ", ["b", {}, "b"]]
    assert second.children.href == "/"
