"""Which site is being connected; adding one, and the origins its pages have."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from data_access import sites
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.roles import MANAGE
from data_access.sites import Site
from pages.parts import address, cards, controls
from pages.parts.access import allow, may, scope
from pages.parts.connect_noted import noted
from pages.parts.drawing import drawn
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any

PARAM = "site"
ADMIN_PATH = "/admin"
ORIGINS_HELP = "Where the site's pages are. Servers need none; * takes events from any page."
MOST_ORIGINS = 100


def known(view: View) -> list[Site]:
    """The sites that are set up, as far as the asker may see them."""
    allowed = view.scope.sites
    return [site for site in sites.every(view.backends.documents) if allowed is None or site.name in allowed]


def find(view: View) -> Site | None:
    """The site of the URL, the first one by default; None where there is no such site."""
    found = known(view)
    asked = address.split(view.own(PARAM))
    return next((site for site in found if not asked or site.name in asked), None)


def chosen(view: View) -> Site:
    """The site of the URL. Raises UsageError where there is none."""
    site = find(view)
    if site is None:
        raise UsageError(f"there is no site {view.own(PARAM)!r} that sends events")
    return site


def changeable(backends: Backends, name: str) -> Site:
    """A site that whoever asks may change. Raises UsageError."""
    _check_scope(name)
    found = next((site for site in sites.every(backends.documents) if site.name == name), None)
    if found is None:
        raise UsageError(f"there is no site {name!r} any more")
    return found


def _check_scope(name: str) -> None:
    if not may(MANAGE, name):
        own = sorted(scope(MANAGE).sites or ())
        raise UsageError(f"you may not look after {name!r}; you may after {', '.join(own) or 'none'}")


def pressed(named: str) -> str:
    """What the one button that was pressed is about. Raises PreventUpdate where buttons were only drawn."""
    found = [item for item in ctx.triggered if item["value"]]
    if len(found) != 1 or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    return str(ctx.triggered_id[named])


def picker(view: View) -> Component:
    """A drop-down with the sites; a button that adds one, for who may."""
    found, site = known(view), find(view)
    choice = controls.select(
        PARAM,
        "",
        [(one.name, one.name) for one in found],
        site.name if site else "",
        found[0].name if found else "",
        searchable=len(found) > 7,
        placeholder="Choose a site",
        comboboxProps={"withinPortal": False},
        attributes={"input": {"aria-label": "Site"}},
        className="sg-connect-site",
    )
    add = adding() if may(MANAGE) and found else None
    return html.Div([choice if site else None, add], className="sg-connect-pick")


def links(view: View) -> Component:
    """The sites that can be chosen, as links that load the page anew."""
    return [
        html.A(site.name, href=address.write(view.path, {PARAM: site.name}), className="sg-link")
        for site in known(view)
    ]


def adding() -> Component:
    """A button that opens the form to add a site with."""
    button = dmc.Button("Add a site", leftSection=icon("plus"), variant="default", size="sm")
    return controls.popover(button, form(), id="connect-adding", width=320, position="bottom-end")


def form() -> Component:
    """The form that adds a site."""
    return html.Div(
        [
            dmc.TextInput(
                id="connect-name",
                label="Name",
                description="Lower-case letters, digits, dots, hyphens, underscores",
                placeholder="shop",
                size="sm",
                debounce=True,
                attributes={"input": {"maxLength": 64, "autoCapitalize": "none", "spellCheck": "false"}},
            ),
            _origins_field("connect-name-origins", "Origins, one a line", ""),
            html.Div(id="connect-name-said", className="sg-hidden", role="alert"),
            html.Div(dmc.Button("Add site", id="connect-add", size="sm")),
            dcc.Store(id="connect-next"),
        ],
        className="sg-connect-form",
    )


def _origins_field(field_id: str, label: str, value: str) -> Component:
    return dmc.Textarea(
        id=field_id,
        label=label,
        description=ORIGINS_HELP,
        placeholder="https://shop.example",
        value=value,
        autosize=True,
        minRows=2,
        maxRows=8,
        size="sm",
        spellCheck=False,
        className="sg-connect-origins",
    )


def register(app: Any, backends: Backends) -> None:
    """Adds sites and changes origins."""
    drawn(app, backends, "connect-origins-card", draw_origins)
    app.clientside_callback(ClientsideFunction("connect", "go"), Input("connect-next", "data"))
    _register_add(app, backends)
    _register_origins(app, backends)


def _register_add(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("connect-name", "error"),
        Output("connect-name-origins", "error"),
        Output("connect-name-said", "children"),
        Output("connect-next", "data"),
        Input("connect-add", "n_clicks"),
        Input("connect-name", "n_submit"),
        State("connect-name", "value"),
        State("connect-name-origins", "value"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    @allow(MANAGE)
    def add(clicks: Any, submits: Any, name: Any, text: Any, path: Any, search: Any) -> Any:
        if not clicks and not submits:
            raise PreventUpdate
        name, origins = str(name or "").strip(), lines(text)
        wrong = [_problem(lambda: sites.checked_name(name)), _problem(lambda: checked(origins))]
        if not any(wrong):
            wrong[0] = _problem(lambda: _added(backends, name, origins))
        if any(wrong):
            return *wrong, ". ".join(filter(None, wrong)), no_update
        return "", "", f"Site {name} added.", _next(name, path, search)


def _added(backends: Backends, name: str, origins: list[str]) -> None:
    _check_scope(name)
    with noted(backends, "added", f"site {name}", origins=origins):
        sites.add(backends.documents, name, origins)


def _next(name: str, path: Any, search: Any) -> dict[str, str]:
    """Where a site is that was added: on the admin page in its list, else on a page that is loaded anew."""
    if path == ADMIN_PATH:
        return {"search": address.write("", address.read(search) | {PARAM: name})}
    return {"href": address.write("/connect", {PARAM: name})}


def _problem(attempt: Any) -> str:
    """What is wrong with what was given, as a sentence; empty where nothing is."""
    try:
        attempt()
    except UsageError as error:
        text = str(error)
        return text[0].upper() + text[1:]
    return ""


def lines(text: Any) -> list[str]:
    """The lines of a text that say something."""
    return [line.strip() for line in str(text or "").splitlines() if line.strip()]


def checked(origins: list[str]) -> tuple[str, ...]:
    """Origins as they are kept. Raises UsageError."""
    if len(origins) > MOST_ORIGINS:
        raise UsageError(f"there are {len(origins)} origins; a site takes {MOST_ORIGINS}")
    return sites.checked_origins(origins)


def head(title: str, about: str, tools: Component = None) -> Component:
    """The head of a card whose body is not drawn by one callback."""
    parts = [html.H2(title, className="sg-card-title"), cards.info(about, title)]
    return html.Div([*parts, html.Div(tools, className="sg-card-controls")], className="sg-card-head")


def origins_card() -> Component:
    """The card with the origins of the URL's site."""
    return cards.card(
        "connect-origins-card",
        "Origins",
        "Scheme, host and port of the site's pages. Browsers may send its events from there only.",
        height=120,
    )


def draw_origins(view: View) -> Component:
    """The site's origins: a form for who may change them, else a list."""
    site = chosen(view)
    if not may(MANAGE, site.name):
        return _listed(site)
    save = html.Button(
        "Save origins",
        id={"type": "connect-origins-save", "site": site.name},
        className="sg-button",
        type="button",
    )
    said = html.Span(id="connect-origins-said", role="status", className="sg-dim")
    field = _origins_field("connect-origins", "One a line", "\n".join(site.origins))
    return html.Div([field, html.Div([save, said], className="sg-connect-save")], className="sg-connect-form")


def _listed(site: Site) -> Component:
    if not site.origins:
        return html.P("None: browsers are refused, servers are not.", className="sg-hint")
    items = [
        html.Li("Any (*)" if origin == sites.ANY_ORIGIN else html.Code(origin)) for origin in site.origins
    ]
    return html.Ul(items, className="sg-connect-list")


def _register_origins(app: Any, backends: Backends) -> None:
    @app.callback(  # type: ignore[untyped-decorator]
        Output("connect-origins", "error"),
        Output("connect-origins", "value"),
        Output("connect-origins-said", "children"),
        Input({"type": "connect-origins-save", "site": ALL}, "n_clicks"),
        State("connect-origins", "value"),
        prevent_initial_call=True,
    )
    @allow(MANAGE)
    def save(_clicks: Any, text: Any) -> Any:
        name, origins = pressed("site"), lines(text)
        problem = _problem(lambda: changeable(backends, name)) or _problem(lambda: checked(origins))
        problem = problem or _problem(lambda: _save(backends, name, origins))
        if problem:
            return problem, no_update, "Not saved"
        return "", "\n".join(checked(origins)), "Saved"


def _save(backends: Backends, name: str, origins: list[str]) -> None:
    with noted(backends, "changed", f"site {name}", origins=checked(origins)):
        sites.save(backends.documents, name, origins)
