"""Templates without deploying: no account, no internet, no Docker, no bundle is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.app import build
from infra.settings import DEPLOYMENTS, Deployment, deployment
from infra.stacks.code import named


def everything() -> Deployment:
    """Prod with all that may be added, in an account that is named."""
    return replace(
        deployment("prod"),
        account="111111111111",
        dns_zone=("Z0123456789ABCDEFGHIJ", "example.com"),
        stream=replace(deployment("prod").stream, finding_accounts=("222222222222",)),
        alert_mails=("team@example.com",),
        escalation_mails=("duty@example.com",),
        drop_keys=(
            ("shop", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7qexampleexampleexampleexampleexampleexample"),
        ),
        app=(("time_zone", "Europe/Berlin"), ("currency", "EUR")),
    )


CHECKED = {**DEPLOYMENTS, "everything": everything}
"""The deployments that are checked."""


def templates(wanted: Deployment, folder: Path, *, checked: bool = False) -> Mapping[str, Mapping[str, Any]]:
    """The templates of a deployment's stacks, without the deployment's name; with ``checked`` the report of
    cdk-nag is written beside them."""
    rmtree(folder, ignore_errors=True)
    app = App(outdir=str(folder), builtin_cloud_formation_validation=checked, analytics_reporting=False)
    if checked:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    build(app, wanted, named)
    try:
        app.synth()
    except RuntimeError as error:
        if not checked or "report can be found" not in str(error):
            raise
    return read(folder, wanted.name)


def read(folder: Path, name: str) -> Mapping[str, Mapping[str, Any]]:
    """Templates that were written before."""
    return {
        path.name.removeprefix(f"{name}-").removesuffix(".template.json"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("*.template.json"))
    }
