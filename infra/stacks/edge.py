"""What trackers reach: CloudFront with the firewall, the tracker's file behind it, and the collector's API.

In us-east-1, where CloudFront's firewalls and certificates have to be. It stands in front of the API since
firewalls cannot be put to HTTP APIs, and it says from which country a request comes.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.alias import alias
from infra.stacks.part import Part, days
from infra.stacks.waf import firewall

REGION = "us-east-1"
EVENTS = ("/v1/events*", "/clickstream")


class Edge(Part):
    """The distribution, its firewall, and the buckets of the file and of access logs."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        """As the deployment says."""
        super().__init__(scope, "edge", deployment, "CloudFront, firewall, tracker", REGION)
        logs = self._bucket("Logs", s3.ObjectOwnership.BUCKET_OWNER_PREFERRED, None)
        self.files = self._bucket("Files", s3.ObjectOwnership.BUCKET_OWNER_ENFORCED, logs)
        acl = firewall(self, "CLOUDFRONT", deployment.collector.requests_per_address, None)
        api = self._api()
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{self.names.begin}: events and the tracker",
            domain_names=[deployment.collector.domain],
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", deployment.collector.edge_certificate
            ),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=acl.attr_arn,
            enable_logging=True,
            log_bucket=logs,
            log_file_prefix="edge/",
            default_behavior=self._tracker(),
            additional_behaviors=dict.fromkeys(EVENTS, api),
        )
        accept(self.distribution, "visitors of the measured sites come from everywhere", "CFR1")
        alias(self, deployment.collector.domain, route53_targets.CloudFrontTarget(self.distribution))
        CfnOutput(self, "TrackerBucket", value=self.files.bucket_name)
        CfnOutput(self, "DistributionId", value=self.distribution.distribution_id)
        CfnOutput(self, "DistributionName", value=self.distribution.distribution_domain_name)

    def _bucket(self, name: str, owner: s3.ObjectOwnership, logs: s3.IBucket | None) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=owner,
            enforce_ssl=True,
            versioned=True,
            removal_policy=self.removal,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="files/" if logs else "itself/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=days(90),
                    abort_incomplete_multipart_upload_after=days(1),
                    expiration=None if logs else days(self.deployment.keeping.access_logs),
                )
            ],
        )

    def _tracker(self) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.files),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            compress=True,
        )

    def _api(self) -> cloudfront.BehaviorOptions:
        """Nothing is kept; the country and the sender's headers go on to the collector."""
        seen = cloudfront.CachePolicy(
            self,
            "Passed",
            comment="Kept for a second at most, by what tells senders apart",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.seconds(1),
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list(
                "Authorization", "CloudFront-Viewer-Country", "Origin"
            ),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
        )
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                self.deployment.collector.origin,
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=seen,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
        )
