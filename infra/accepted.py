"""Findings of cdk-nag and checkov that are accepted, each with its reason, where the resource is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aws_cdk import Acknowledgment, CfnResource, Stack, Validations
from constructs import IConstruct

from infra.permissions import Allow

_WHY = (
    (":log-group:", "the streams of its own log group; their names are made by the service"),
    ("/index/*", "the indexes of one table"),
    (":table/", "the tables of one database; their set grows with releases"),
    (":parameter/", "the settings below one path"),
    (":function:", "all versions of one function"),
    (":s3:::", "the objects below one prefix or of one bucket"),
)


def accept(construct: IConstruct, reason: str, *rules: str) -> None:
    """Accept findings of AwsSolutions on a construct and what is in it, as ``S1`` or ``IAM5[Resource::*]``;
    of other checks by their whole names, as ``CloudFormation-Validate::W3010``."""
    for rule in rules:
        named = rule if "::" in rule.split("[")[0] else f"AwsSolutions-{rule}"
        Validations.of(construct).acknowledge(Acknowledgment(id=named, reason=reason))


def accept_parts(construct: IConstruct, allowed: Iterable[Allow]) -> None:
    """Accept the stars in a role's resources that stand for a part of something of its own."""
    for resource in sorted({one for allow in allowed for one in allow.resources if "*" in one}):
        reason = next((why for part, why in _WHY if part in resource), "")
        if resource == "*":
            reason = "these actions of X-Ray, the SSM agent and ECR have no resources to name"
        if reason:
            accept(construct, reason, f"IAM5[Resource::{shown(construct, resource)}]")


def shown(construct: IConstruct, text: str) -> str:
    """A text as cdk-nag writes it: parameters of AWS between angles."""
    resolved = Stack.of(construct).resolve(text)
    if isinstance(resolved, str):
        return resolved
    return "".join(_flat(resolved["Fn::Join"][1]))


def _flat(parts: Iterable[object]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict) and "Ref" in part:
            yield f"<{part['Ref']}>"
        else:
            raise TypeError(f"cdk-nag writes {part!r} otherwise")


def skip(construct: IConstruct, **reasons: str) -> None:
    """Accept findings of checkov on a resource, as ``CKV_AWS_18="why"``."""
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    assert isinstance(resource, CfnResource)  # noqa: S101 - what has none cannot be asked about
    metadata = dict(resource.get_metadata("checkov") or {"skip": []})
    metadata["skip"] = [*metadata["skip"], *({"id": rule, "comment": why} for rule, why in reasons.items())]
    resource.add_metadata("checkov", metadata)
