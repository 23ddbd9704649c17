"""The HTML document Dash is served in: deferred scripts, no inline script, grid code only where used."""

from __future__ import annotations

import re
from typing import Any

from dash import Dash
from flask import request

HEAD = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="{icon}">
    <script src="{theme}"></script>
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <noscript>Streamgauge draws its pages with JavaScript; please turn it on.</noscript>
    {%config%}
    {%scripts%}
    {%renderer%}
  </body>
</html>
"""

_SCRIPT = re.compile(r'<script src="')
# Dash loads its old table on every page; nothing here uses it.
_UNUSED = re.compile(r'<script [^>]*src="[^"]*/dash_table/[^"]*"></script>\s*')
_GRID = re.compile(r'<script [^>]*src="[^"]*/dash_ag_grid/[^"]*"></script>\s*')


class Document(Dash):  # type: ignore[misc]
    """Dash with its document made for a strict content policy.

    ``needs`` says per path which extra libraries a page uses; ``grid`` is the only one.
    """

    needs: dict[str, frozenset[str]]

    def interpolate_index(self, **parts: Any) -> str:
        """Fill the document: every script a deferred file, so that nothing blocks the first paint."""
        scripts = _UNUSED.sub("", _SCRIPT.sub('<script defer src="', parts["scripts"]))
        if "grid" not in self.needs.get(request.path, frozenset()):
            scripts = _GRID.sub("", scripts)
        start = self.versioned_asset("start.js")
        parts |= {
            "scripts": scripts,
            "renderer": f'<script id="_dash-renderer" defer src="{start}"></script>',
        }
        page: str = super().interpolate_index(**parts)
        return page.replace("{theme}", self.versioned_asset("theme.js")).replace(
            "{icon}", self.versioned_asset("favicon.svg")
        )

    def versioned_asset(self, name: str) -> str:
        """The URL of an asset with its content's fingerprint, so that it can be kept for a year."""
        return f"{self.get_asset_url(name)}?v={self.server.config['ASSET_VERSIONS'][name]}"
