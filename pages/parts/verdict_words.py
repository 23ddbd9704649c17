"""What a reconciliation has found, in a headline, a sentence and a sum."""

from __future__ import annotations

from typing import Any

from dash import html

from data_access.reconciliation import Report, Verdict
from pages.parts import numbers, verdicts
from pages.parts.icons import icon
from pages.parts.verdict_lines import SHAPES

Component = Any


def headline(report: Report) -> Component:
    """Whether the live counts and the lake agree, and in how many minutes; what must not be is an alert."""
    found = verdicts.minutes(report)
    count = {verdict: sum(minute.verdict is verdict for minute in found) for verdict in Verdict}
    minutes = numbers.counted(len(found), "minute")
    same = f"{numbers.whole(count[Verdict.AGREES])} of {minutes}"
    if count[Verdict.UNEXPLAINED]:
        return _banner(
            "unexplained",
            f"Live counts and lake disagree in {numbers.counted(count[Verdict.UNEXPLAINED], 'minute')}",
            "Events are missing or counted twice and no known cause accounts for it. "
            "The lines below say where; the server's log lists them, too.",
            role="alert",
        )
    open_, explained = count[Verdict.SETTLING], count[Verdict.EXPLAINED]
    if len(found) == open_:
        return _banner("settling", _settle(open_), _SETTLING.capitalize())
    sentences = [f"In {numbers.counted(explained, 'minute')} they differ and every event is accounted for."]
    sentences = sentences if explained else []
    if open_:
        sentences.append(f"{_settle(open_)}: {_SETTLING}")
    return _banner(
        "agrees",
        f"The live counts and the lake agree: {same}",
        " ".join(sentences) or "Every event that was counted live is in the lake, once.",
    )


_SETTLING = "not every event has reached the lake and the live counts yet."


def _settle(count: int) -> str:
    return f"{numbers.counted(count, 'minute')} {'settles' if count == 1 else 'settle'}"


def _banner(name: str, title: str, text: str, **more: Any) -> Component:
    shape = SHAPES[Verdict(name)]
    words = html.Div([html.P(title, className="sg-banner-title"), html.P(text)])
    return html.Div([icon(shape), words], className=f"sg-banner sg-banner-{name}", **more)


def equation(report: Report) -> Component:
    """Live, less every cause, is the lake."""
    sums = verdicts.totals(report.lines)
    terms = [
        ("", sums.live, "events counted live"),
        ("−", sums.duplicates, "sent again"),
        ("−", sums.moved_in, "moved in"),
        ("+", sums.moved_out, "moved out"),
        ("−", sums.unreadable, "unreadable"),
        ("−", sums.on_the_way, "still settling"),
        *([("−", sums.unexplained, "unexplained")] if sums.unexplained else []),
        ("=", sums.final, "events in the lake"),
    ]
    return html.Dl([_term(*term) for term in terms], className="sg-equation")


def _term(sign: str, count: int, words: str) -> Component:
    if count < 0 and sign == "−":
        sign, count = "+", -count
    value = html.Dd([html.Span(sign, className="sg-equation-sign"), numbers.whole(count)])
    wrong = " sg-equation-wrong" if words == "unexplained" else ""
    return html.Div([html.Dt(words), value], className=f"sg-equation-term{wrong}")
