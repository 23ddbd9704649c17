"""Checks of the AWS stacks that need no account and no internet: ``make infra-check``.

Templates of every example are written and looked at by cdk-nag, CloudFormation's own rules, cfn-lint, checkov
and our tests. What one of them finds has to be put right, or accepted with a reason beside the resource.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra import components
from infra.components import Templates
from infra.synth import CHECKED, templates

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache/infra"
SHOWN = "everything"
"""The deployment whose resources are counted: it has all there is."""
PARTS = {"prod"}
"""Deployments of which another one has every resource."""


def main(arguments: Sequence[str]) -> int:
    """Run the checks; the argument is the ``checkov`` command."""
    begun, bad = time.monotonic(), 0
    types = _started("mypy", "--config-file", "infra/mypy.ini")
    for name, make in CHECKED.items():
        checked = name not in PARTS
        found = templates(make(), FOLDER / name, checked=checked)
        if checked:
            bad += _told(f"cdk-nag and CloudFormation, {name}", list(_violations(FOLDER / name)))
        if name == SHOWN:
            running = [_started(*command) for command in _commands(arguments[0])]
            shown = found
    bad += _told("seeds' components that nothing provides", _components(shown))
    _counted(shown)
    for process in (types, *running):
        bad += _ended(process)
    print(f"{'FAILED' if bad else 'fine'}, {time.monotonic() - begun:.0f} s")
    return int(bad > 0)


def _commands(checkov: str) -> Iterator[tuple[str, ...]]:
    folder = FOLDER / SHOWN
    yield (
        "cfn-lint",
        "--non-zero-exit-code",
        "error",
        "-f",
        "quiet",
        *map(str, sorted(folder.glob("*.template.json"))),
    )
    yield (
        checkov,
        "-d",
        str(folder),
        "--framework",
        "cloudformation",
        "--compact",
        "--quiet",
        "--skip-download",
    )
    yield ("pytest", "-p", "no:cacheprovider", "-q", "infra/tests", "--templates", str(FOLDER))


def _started(command: str, *more: str) -> subprocess.Popen[str]:
    own = Path(sys.executable).parent / command
    path = str(own) if own.exists() else command
    return subprocess.Popen(  # noqa: S603 - our own words
        [path, *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _ended(process: subprocess.Popen[str]) -> int:
    said = process.communicate()[0]
    name = Path(str(process.args[0])).name  # type: ignore[index]
    print(f"{name}: {'FAILED' if process.returncode else 'fine'}\n{said.strip()}\n")
    return int(process.returncode != 0)


def _told(what: str, found: list[str]) -> int:
    print(f"{what}: {len(found)}", *found, sep="\n  ")
    return len(found)


def _violations(folder: Path) -> Iterator[str]:
    """What is not accepted: errors and warnings both."""
    report = json.loads((folder / "validation-report.json").read_text("utf-8"))
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for where in violation["violatingConstructs"]:
                yield f"{violation['ruleName']} {where.get('constructPath')}: {violation['description']}"


def _components(found: Templates) -> list[str]:
    lines, _ = components.table(found)
    print("Components of the systems to be replaced", *lines, sep="\n")
    return [line for line in lines if line.endswith("MISSING")]


def _counted(found: Templates) -> None:
    print(f"\nResources: {sum(len(one['Resources']) for one in found.values())}")
    for stack, template in found.items():
        kinds = Counter(it["Type"].removeprefix("AWS::") for it in template["Resources"].values())
        most = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        print(f"  {stack:<11}{kinds.total():>4}  {most}")
    print(
        f"Accepted findings, each with its reason: {sum(map(len, map(_accepted, found)))} of cdk-nag",
        end=", ",
    )
    print(f"{sum(_skipped(one) for one in found.values())} of checkov\n")


def _accepted(stack: str) -> list[tuple[str, str]]:
    """What a stack accepts, with why, from the metadata of its constructs."""
    path = next((FOLDER / SHOWN).glob(f"*-{stack}.metadata.json"), None)
    entries = json.loads(path.read_text("utf-8")).values() if path else ()
    rules = [one["data"] for each in entries for one in each if one["type"] == "aws:cdk:acknowledged-rules"]
    return [(rule, why) for data in rules for rule, why in data.items()]


def _skipped(template: dict[str, Any] | Any) -> int:
    resources = template["Resources"].values()
    return sum(len(it.get("Metadata", {}).get("checkov", {}).get("skip", [])) for it in resources)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
