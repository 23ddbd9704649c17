"""What all stacks have in common."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration, Environment, RemovalPolicy, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.accepted import accept_parts
from infra.names import Names
from infra.permissions import Allow
from infra.settings import Deployment

_RETENTIONS = {
    days: getattr(logs.RetentionDays, name)
    for days, name in {
        1: "ONE_DAY",
        7: "ONE_WEEK",
        14: "TWO_WEEKS",
        30: "ONE_MONTH",
        90: "THREE_MONTHS",
        365: "ONE_YEAR",
    }.items()
}


class Part(Stack):
    """One stack of a deployment."""

    def __init__(
        self, scope: Construct, title: str, deployment: Deployment, description: str, region: str = ""
    ) -> None:
        """Named after the deployment; of its region unless another one is given."""
        where = Environment(account=deployment.account or None, region=region or deployment.region)
        super().__init__(
            scope,
            f"{deployment.name}-{title}",
            env=where,
            description=f"Streamgauge: {description}",
            termination_protection=deployment.protected,
            analytics_reporting=False,
        )
        self.deployment, self.names = deployment, Names.of(deployment)
        Tags.of(self).add("streamgauge", deployment.name)

    @property
    def removal(self) -> RemovalPolicy:
        """What becomes of what holds data when the stack goes."""
        return RemovalPolicy.RETAIN if self.deployment.protected else RemovalPolicy.DESTROY

    def log_group(self, name: str, called: str, key: kms.IKey | None) -> logs.LogGroup:
        """An encrypted log group with the deployment's retention."""
        return logs.LogGroup(
            self,
            name,
            log_group_name=called,
            encryption_key=key,
            retention=_RETENTIONS[self.deployment.keeping.logs],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def role(self, name: str, service: str, allowed: Iterable[Allow], source: str = "") -> iam.Role:
        """A role that a service takes on, where ``source`` says so only for resources of this ARN."""
        found = tuple(allowed)
        conditions = {"ArnLike": {"aws:SourceArn": source}} if source else {}
        principal: iam.PrincipalBase = iam.ServicePrincipal(service)
        if conditions:
            principal = iam.PrincipalWithConditions(principal, conditions)
        role = iam.Role(self, name, assumed_by=principal, inline_policies={"own": policy(found)})
        accept_parts(role, found)
        return role


def policy(allowed: Iterable[Allow]) -> iam.PolicyDocument:
    """Statements as a policy, in their order."""
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                actions=list(one.actions), resources=list(one.resources), conditions=one.condition
            )
            for one in allowed
        ]
    )


def days(number: int) -> Duration:
    """So many days."""
    return Duration.days(number)
