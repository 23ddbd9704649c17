"""The tab with sites: all there are, and what one has of its own with its origins and write keys.

The site of the URL is open; its origins and keys are the parts that the page Connect your site has as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from dash import Input, Output, State, ctx, dcc, html

from data_access import sites
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import QueryError
from data_access.roles import ADMIN
from data_access.settings import WEEKDAYS
from data_access.sites import Site
from pages.parts import address, admin_sites_form, cards, connect_keys, connect_site, numbers, states
from pages.parts.access import allow
from pages.parts.connect_site import PARAM
from pages.parts.drawing import guarded
from pages.parts.icons import icon
from pages.parts.view import View, view

Component = Any

NAME = "Sites"
CARD = "admin-sites"
ABOUT = (
    "Sites that were added, and sites whose events were imported. What is set here wins over the settings "
    "and holds at once, for past days as well."
)
HEADS = ("Site", "Time zone", "Week starts on", "Currency", "Origins", "Write keys", "Events")


@dataclass(frozen=True, slots=True)
class Known:
    """A site that is listed: ``added`` where it can send events; ``events`` in the lake, None if unknown."""

    site: Site
    added: bool
    events: int | None


def stores() -> list[Component]:
    """What was done last, and a key that was just made."""
    return [*connect_keys.stores(), dcc.Store(id=admin_sites_form.DID)]


def layout(_view: View) -> Component:
    """The place of the list, or of one site."""
    return html.Div(cards.skeleton(320), id=CARD, className="sg-card-body")


def register(app: Any, backends: Backends) -> None:
    """The list or the site of the URL, and what its form does. Origins and keys are those of Connect."""
    admin_sites_form.register(app, backends)

    @app.callback(  # type: ignore[untyped-decorator]
        Output(CARD, "children"),
        Input("url", "search"),
        Input("retry", "data"),
        Input(admin_sites_form.DID, "data"),
        State("url", "pathname"),
    )
    @allow(ADMIN)
    def draw_sites(search: Any, _retry: Any, did: Any, pathname: Any) -> Component:
        moved = bool(ctx.triggered_id)  # the first drawing takes the focus from nobody
        said = did if isinstance(did, dict) and ctx.triggered_id == admin_sites_form.DID else {}
        seen = view(backends, pathname or "/", search)
        return guarded(CARD, seen, lambda seen: draw(seen, said, moved))


def draw(view: View, did: dict[str, Any] | None = None, moved: bool = False) -> Component:
    """The site of the URL, or all of them; ``moved`` where somebody just went there."""
    named = address.split(view.own(PARAM))
    if not named:
        return _all(view, moved)
    known, why = listed(view)
    found = next((one for one in known if one.site.name == named[0]), None)
    if found is None:
        raise UsageError(f"there is no site {named[0]!r}{f'; {why}' if why else ''}")
    return _one(view, found, did or {}, moved)


def listed(view: View) -> tuple[list[Known], str]:
    """All sites by name, and why those of the lake are missing, if they are."""
    events, why = _in_lake(view)
    added = {site.name: site for site in connect_site.known(view)}
    names = sorted({*added, *events}, key=lambda name: (name.casefold(), name))
    found = [
        Known(added.get(name, Site(name)), name in added, None if why else events.get(name, 0))
        for name in names
    ]
    return found, why


def _in_lake(view: View) -> tuple[dict[str, int], str]:
    """Events by site, as far as they could be counted, and why not."""
    try:
        rows = view.ask("data.values", dimension="site").rows
    except QueryError as error:
        return {}, f"the sites of the lake could not be counted: {error}"
    return {row["value"]: row["events"] for row in rows}, ""


def _all(view: View, moved: bool) -> Component:
    known, why = listed(view)
    if not known and not why:
        return _first()
    rows = [_row(view, one) for one in known]
    heads = html.Tr([html.Th(name, scope="col") for name in HEADS])
    table = html.Table([html.Thead(heads), html.Tbody(rows)], className="sg-admin-sites")
    mark = _focus() if moved else {}
    return html.Section(
        [
            connect_site.head(NAME, ABOUT, connect_site.adding()),
            html.P(f"{why[0].upper()}{why[1:]}.", className="sg-problem", role="alert") if why else None,
            html.Div(table, className="sg-admin-sites-box", tabIndex="-1", **mark),
            html.P(
                f"{numbers.counted(len(known), 'site')}. Values in grey are as the settings say.",
                className="sg-admin-sites-foot",
            ),
        ],
        className="sg-card",
        **{"aria-label": NAME},
    )


def _first() -> Component:
    title = html.H2("Add your first site", className="sg-card-title")
    text = "No site was added, and no events were imported."
    return html.Section(
        [
            html.Div(title, className="sg-card-head"),
            html.P(text, className="sg-hint"),
            connect_site.form(),
        ],
        className="sg-card sg-connect-first",
    )


def _row(view: View, known: Known) -> Component:
    site, own = known.site, view.backends.site_settings
    one = (site.name,)
    name = dcc.Link(site.name, href=view.link(**{PARAM: address.join(one)}), className="sg-link")
    kept = sites.keys(view.backends.documents, site.name) if known.added else []
    return html.Tr(
        [
            html.Th([name, *([] if known.added else [_imported()])], scope="row"),
            _cell(own.zone_of(one), site.time_zone),
            _cell(WEEKDAYS[own.week_start_of(one)].capitalize(), site.week_start),
            _cell(own.currency_of(one), site.currency),
            html.Td(_origins(site) if known.added else numbers.NO_VALUE),
            html.Td(numbers.whole(len(kept)) if known.added else numbers.NO_VALUE),
            html.Td(numbers.whole(known.events)),
        ]
    )


def _imported() -> Component:
    return html.Span("imported", className="sg-admin-tag", title="Its events were imported; it sends none.")


def _cell(value: str, own: str) -> Component:
    return html.Td(value) if own else html.Td(value, className="sg-dim", title="As the settings say")


def _origins(site: Site) -> str:
    if sites.ANY_ORIGIN in site.origins:
        return "Any"
    return numbers.whole(len(site.origins)) if site.origins else "None"


def _one(view: View, known: Known, did: dict[str, Any], moved: bool) -> Component:
    name = known.site.name
    back = dcc.Link([icon("left"), "All sites"], href=view.link(**{PARAM: None}), className="sg-link")
    mark = _focus() if moved else {}
    about = [numbers.counted(known.events, "event"), " in the lake"] if known.events is not None else None
    head = html.Div(
        [
            back,
            html.H2(name, className="sg-admin-site-name", tabIndex="-1", **mark),
            html.Span(about, className="sg-dim"),
            html.Span(did.get("said"), role="status", className="sg-dim"),
        ],
        className="sg-admin-site-head",
    )
    sending = [connect_site.origins_card(), connect_keys.card()] if known.added else [_not_added(name)]
    columns = [
        html.Div(admin_sites_form.card(view, known.site), className="sg-stack sg-admin-column"),
        html.Div(sending, className="sg-stack sg-admin-column"),
    ]
    return html.Div([head, html.Div(columns, className="sg-grid")])


def _not_added(name: str) -> Component:
    add = html.Button(
        [icon("plus"), "Let it send events"],
        id={"type": "admin-site-add", "site": name},
        className="sg-button",
        type="button",
    )
    text = "Its events were imported. To send more as they happen it needs origins and a write key."
    return html.Section(
        [
            connect_site.head("Sending events", "Imported data needs no key; pages and servers do."),
            states.state("connect", f"{name} sends no events", text, add),
        ],
        className="sg-card",
        **{"aria-label": "Sending events"},
    )


def _focus() -> dict[str, str]:
    """The mark of where work goes on."""
    return {"data-sg-focus": str(time.monotonic_ns())}
