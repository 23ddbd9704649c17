"""Where events come in: an HTTP API with one route to λ ingest, throttled by its stage."""

from __future__ import annotations

import json

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53_targets as route53_targets
from constructs import Construct

from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.alias import alias
from infra.stacks.part import Part

_LINE = {
    "at": "$context.requestTime",
    "id": "$context.requestId",
    "address": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "ms": "$context.responseLatency",
    "error": "$context.integrationErrorMessage",
}
"""A line of the access log: no headers, no query, where keys could stand."""


class Collector(Part):
    """The API under its own name; CloudFront with the firewall stands in front (``Edge``)."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey) -> None:
        """As the deployment says."""
        super().__init__(scope, "collector", deployment, "API Gateway in front of λ ingest")
        wanted = deployment.collector
        self.api = gateway.HttpApi(
            self,
            "Api",
            api_name=self.names.called("collector"),
            description="Events come in here",
            create_default_stage=False,
            disable_execute_api_endpoint=True,
            default_integration=self._ingest(),
        )
        group = self.log_group("Log", f"/aws/apigateway/{self.names.called('collector')}", key)
        domain = self._domain()
        stage = gateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=gateway.ThrottleSettings(
                rate_limit=wanted.requests_per_second, burst_limit=wanted.burst
            ),
            domain_mapping=gateway.DomainMappingOptions(domain_name=domain),
            detailed_metrics_enabled=True,
        )
        resource = stage.node.default_child
        assert isinstance(resource, gateway.CfnStage)  # noqa: S101 - what a stage is made of
        resource.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(_LINE)
        )
        why = "visitors' browsers send to it: each request has a site's write key, which λ ingest checks"
        accept(self.api, why, "APIG4")
        origin = route53_targets.ApiGatewayv2DomainProperties(
            domain.regional_domain_name, domain.regional_hosted_zone_id
        )
        alias(self, wanted.origin, origin)
        CfnOutput(self, "OriginName", value=domain.regional_domain_name)

    def _ingest(self) -> integrations.HttpLambdaIntegration:
        function = lambda_.Function.from_function_attributes(
            self, "Ingest", function_arn=self.names.function("ingest"), same_environment=True
        )
        return integrations.HttpLambdaIntegration(
            "IngestCall", function, payload_format_version=gateway.PayloadFormatVersion.VERSION_2_0
        )

    def _domain(self) -> gateway.DomainName:
        wanted = self.deployment.collector
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", wanted.certificate)
        return gateway.DomainName(
            self,
            "Domain",
            domain_name=wanted.origin,
            certificate=certificate,
            security_policy=gateway.SecurityPolicy.TLS_1_2,
        )
