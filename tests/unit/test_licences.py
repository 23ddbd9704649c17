"""The list of licences: every package the product runs on, as locked, with a licence that may be used.

``python -m tests.unit.test_licences`` writes the list anew after ``make lock``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/licences.md"
BEGIN, END = "<!-- made by tests/unit/test_licences.py -->\n", "<!-- end -->\n"

ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0"}
    | {"PSF-2.0", "Zlib"}
)
"""Licences that let the product be given away under Apache-2.0 with the package beside it, unchanged. "BSD"
is for a package that does not say which of the two without a clause on advertising it means."""

ALIASES = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "bsd 3-clause license": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}
"""Other words for the same licences, in small letters."""
OTHERWISE = {
    # Not installed on Linux with CPython 3.11.3 or newer, as their own metadata says.
    "async-timeout": "Apache-2.0",
    "brotlicffi": "MIT",
    "colorama": "BSD-3-Clause",
    # "Dual License" in one place, both in another.
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
}
FORMS = {"web": "embedded", "aws": "AWS"}
"""The lists of locked packages, and the forms that install them."""


@dataclass(frozen=True, slots=True)
class Package:
    """A locked package: its name and version, and where it is used."""

    name: str
    version: str
    where: str

    @property
    def licence(self) -> str:
        """As an SPDX expression, from what the installed package says of itself."""
        if self.name in OTHERWISE:
            return OTHERWISE[self.name]
        said = metadata(self.name)
        if expression := said.get_all("License-Expression", []):
            return str(expression[0])
        first = "".join(said.get_all("License", [])).strip().partition("\n")[0].strip()
        named = [
            one.rpartition(" :: ")[2]
            for one in said.get_all("Classifier", [])
            if one.startswith("License ::")
        ]
        for text in (first, *named):
            found = ALIASES.get(text.lower(), text)
            if found and licences(found) <= ALLOWED:
                return found
        return first or " and ".join(named) or "unknown"


def licences(expression: str) -> set[str]:
    """The licences an expression names."""
    return set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression)))


def locked(name: str) -> Iterator[tuple[str, str]]:
    """The packages of a list, with their versions."""
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    for line in lines:
        if found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", line):
            yield found[1].lower(), found[2]


def packages() -> list[Package]:
    """Every package the product runs on; one that forms have in different versions is there twice."""
    lists = {form: set(locked(name)) for name, form in FORMS.items()}
    found = []
    for name, version in set().union(*lists.values()):
        forms = [form for form, one in lists.items() if (name, version) in one]
        found.append(Package(name, version, " and ".join(forms)))
    return sorted(found, key=lambda one: (one.name, one.version))


def table() -> str:
    """The list as the document has it."""
    rows = [f"| {one.name} | {one.version} | {one.licence} | {one.where} |\n" for one in packages()]
    return "".join(["| package | version | licence | form |\n", "| --- | --- | --- | --- |\n", *rows])


def test_every_licence_may_be_used() -> None:
    found = packages()
    assert len(found) > 60
    refused = {one.name: one.licence for one in found if not licences(one.licence) <= ALLOWED}
    assert not refused, "look for another package, or say in docs/licences.md why the licence may be used"


def test_the_list_is_what_is_locked() -> None:
    written = DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written == table(), "run: python -m tests.unit.test_licences"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_licence_that_is_not_on_the_list_is_refused(expression: str, allowed: bool) -> None:
    assert (licences(expression) <= ALLOWED) is allowed


def test_what_lies_in_the_tree_brings_its_licence() -> None:
    vendored = {path.name for path in (ROOT / "assets/vendor").iterdir()}
    assert vendored == {
        "LICENSE-plotly.txt",
        "LICENSE-world-atlas.txt",
        "plotly-cartesian.min.js",
        "world_map.json",
    }
    for name in ("plotly.js", "world-atlas", "Natural Earth", "axe-core"):
        assert name in DOCUMENT.read_text("utf-8"), name


def test_what_one_pays_for_is_never_loaded() -> None:
    for path in [*(ROOT / "pages").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        assert "enableEnterpriseModules" not in path.read_text("utf-8"), path


def write() -> None:
    """Write the list into the document."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    write()
