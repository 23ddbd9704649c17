"""The rules of the HTTPS listener, as docs/sign_in.md has them."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_elasticloadbalancingv2_actions as actions

from infra.settings import Deployment
from infra.stacks.identity import Identity

OPEN = ["/v1/*", "/clickstream", "/assets/tracker.js"]
"""Trackers and scripts have no session: they send keys or tokens."""
CALLS = ["/_dash-*"]
"""What a page asks for by itself: it cannot follow to the sign-in page, so it is told 401."""


def listener(
    balancer: elb.ApplicationLoadBalancer,
    targets: elb.ApplicationTargetGroup,
    deployment: Deployment,
    identity: Identity,
) -> elb.ApplicationListener:
    """The listener: people are signed in, trackers and scripts are let through."""

    def signed_in(otherwise: elb.UnauthenticatedAction) -> elb.ListenerAction:
        return actions.AuthenticateCognitoAction(
            user_pool=identity.pool,
            user_pool_client=identity.client,
            user_pool_domain=identity.domain,
            scope="openid email",
            session_cookie_name="AWSELBAuthSessionCookie",
            session_timeout=Duration.hours(deployment.sign_in.session_hours),
            on_unauthenticated_request=otherwise,
            next=forward,
        )

    forward = elb.ListenerAction.forward([targets])
    certificate = acm.Certificate.from_certificate_arn(balancer, "Certificate", deployment.web.certificate)
    made = balancer.add_listener(
        "Https",
        port=443,
        open=False,
        certificates=[certificate],
        ssl_policy=elb.SslPolicy.TLS13_RES,
        default_action=signed_in(elb.UnauthenticatedAction.AUTHENTICATE),
    )
    made.add_action(
        "Open", priority=10, conditions=[elb.ListenerCondition.path_patterns(OPEN)], action=forward
    )
    made.add_action(
        "Calls",
        priority=20,
        conditions=[elb.ListenerCondition.path_patterns(CALLS)],
        action=signed_in(elb.UnauthenticatedAction.DENY),
    )
    return made
