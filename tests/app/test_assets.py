from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient
from plotly.offline import get_plotlyjs_version

from app.factory import ASSETS

SCRIPTS = re.compile(r'<script[^>]* src="([^"]+)"')
BUNDLE = ASSETS / "vendor" / "plotly-cartesian.min.js"


def test_the_vendored_plotly_is_the_version_plotly_expects() -> None:
    head = BUNDLE.read_text(encoding="utf-8")[:200]
    assert re.search(r"v(\d+\.\d+\.\d+)", head)[1] == get_plotlyjs_version()  # type: ignore[index]


def test_dash_does_not_load_its_own_plotly_nor_its_old_table(client: FlaskClient) -> None:
    scripts = " ".join(SCRIPTS.findall(client.get("/").text))
    assert scripts.index("plotly-cartesian.min.js") < scripts.index("dash_renderer")
    assert "package_data/plotly" not in scripts
    assert "dash_table" not in scripts


def test_the_grid_is_loaded_only_where_it_is_used(client: FlaskClient) -> None:
    for path in ("/", "/traffic", "/funnels", "/explore", "/realtime", "/reconciliation"):
        scripts = " ".join(SCRIPTS.findall(client.get(path).text))
        assert ("dash_ag_grid" in scripts) == (path == "/explore")


def test_pages_name_no_other_host(client: FlaskClient) -> None:
    for path in ("/", "/traffic", "/products", "/explore", "/sign-in/link?token=x"):
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]+', client.get(path).text)


def test_our_own_files_name_no_other_host() -> None:
    for path in [*ASSETS.glob("**/*.css"), *ASSETS.glob("js/*.js"), *ASSETS.glob("*.js")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path


def test_vendored_files_come_with_their_licences() -> None:
    for name in ("LICENSE-plotly.txt", "LICENSE-world-atlas.txt"):
        assert (ASSETS / "vendor" / name).exists()
    assert (Path(__file__).parent.parent / "browser" / "vendor" / "LICENSE-axe-core.txt").exists()


def test_libraries_are_compressed_once(client: FlaskClient) -> None:
    page = client.get("/").text
    script = next(path for path in re.findall(r'src="([^"]+)"', page) if "plotly-cartesian" in path)
    for encoding in ("br", "gzip"):
        answer = client.get(script, headers={"Accept-Encoding": encoding})
        assert answer.headers["Content-Encoding"] == encoding
        assert len(answer.data) < 550_000
