"""The web application firewall: Amazon's common rules and a limit by address, logged."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf

from infra.accepted import skip
from infra.stacks.part import Part

_Acl = waf.CfnWebACL
COUNTED = (
    *("SizeRestrictions_BODY", "SizeRestrictions_QUERYSTRING", "SizeRestrictions_Cookie_HEADER"),
    *("CrossSiteScripting_BODY", "GenericRFI_BODY", "GenericLFI_BODY", "EC2MetaDataSSRF_BODY"),
    "NoUserAgent_HEADER",
)
"""Rules that are counted only. Events hold whatever visitors typed, and URLs; filters stand in the page's
address; the load balancer's session is in cookies of 11 KB; servers send without naming themselves. The app
has limits and checks of its own for all of it (docs/threat_model.md)."""
_HIDDEN = ("authorization", "cookie", "x-write-key")


def firewall(stack: Part, scope: str, per_address: int, key: kms.IKey | None) -> waf.CfnWebACL:
    """A web ACL; ``scope`` is REGIONAL or CLOUDFRONT, ``per_address`` requests of an address in 5 minutes."""
    groups = (
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    )
    acl = _Acl(
        stack,
        "Firewall",
        name=stack.names.called(scope.lower()),
        scope=scope,
        default_action=_Acl.DefaultActionProperty(allow={}),
        visibility_config=_seen("all"),
        rules=[
            _limit(per_address),
            *(_managed(group, priority) for priority, group in enumerate(groups, start=1)),
        ],
    )
    _logged(stack, acl, scope, key)
    return acl


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return _Acl.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, sampled_requests_enabled=False, metric_name=name
    )


def _limit(per_address: int) -> waf.CfnWebACL.RuleProperty:
    rate = _Acl.RateBasedStatementProperty(
        limit=per_address, aggregate_key_type="IP", evaluation_window_sec=300
    )
    return _Acl.RuleProperty(
        name="per-address",
        priority=0,
        action=_Acl.RuleActionProperty(block={}),
        statement=_Acl.StatementProperty(rate_based_statement=rate),
        visibility_config=_seen("per-address"),
    )


def _managed(group: str, priority: int) -> waf.CfnWebACL.RuleProperty:
    counted = [
        _Acl.RuleActionOverrideProperty(name=name, action_to_use=_Acl.RuleActionProperty(count={}))
        for name in (COUNTED if "Common" in group else ())
    ]
    statement = _Acl.ManagedRuleGroupStatementProperty(
        vendor_name="AWS", name=group, rule_action_overrides=counted or None
    )
    return _Acl.RuleProperty(
        name=group,
        priority=priority,
        override_action=_Acl.OverrideActionProperty(none={}),
        statement=_Acl.StatementProperty(managed_rule_group_statement=statement),
        visibility_config=_seen(group),
    )


def _logged(stack: Part, acl: waf.CfnWebACL, scope: str, key: kms.IKey | None) -> None:
    group = logs.LogGroup(
        stack,
        "FirewallLog",
        log_group_name=f"aws-waf-logs-{stack.names.called(scope.lower())}",
        encryption_key=key,
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=RemovalPolicy.DESTROY,
    )
    if key is None:
        skip(
            group,
            CKV_AWS_158="the key is of another region; requests to the collector are logged without keys",
        )
    waf.CfnLoggingConfiguration(
        stack,
        "FirewallLogging",
        resource_arn=acl.attr_arn,
        log_destination_configs=[
            f"arn:aws:logs:{stack.region}:{stack.names.account}:log-group:{group_name(group)}"
        ],
        redacted_fields=[
            waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name}) for name in _HIDDEN
        ],
    ).node.add_dependency(group)


def group_name(group: logs.LogGroup) -> str:
    """A log group's name, which WAF wants without the star that its ARN ends with."""
    return group.log_group_name
