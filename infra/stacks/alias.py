"""Host names in Route 53, where the deployment names a hosted zone."""

from __future__ import annotations

from aws_cdk import aws_route53 as route53

from infra.stacks.part import Part


def alias(stack: Part, host: str, target: route53.IAliasRecordTarget) -> None:
    """Have a host name lead to what a stack has made."""
    if stack.deployment.dns_zone is None:
        return
    zone_id, zone_name = stack.deployment.dns_zone
    zone = route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id=zone_id, zone_name=zone_name
    )
    route53.ARecord(
        stack, "Name", zone=zone, record_name=f"{host}.", target=route53.RecordTarget.from_alias(target)
    )
