"""Who did what, and whether all is as it should be: each part is a switch, several are of the account."""

from __future__ import annotations

from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_config as config
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_iam as iam
from aws_cdk import aws_macie as macie
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_securityhub as securityhub
from constructs import Construct

from infra.settings import Deployment
from infra.stacks.base import Base
from infra.stacks.part import Part, days
from infra.stacks.personal import tag_columns

RULES = (
    *("CLOUD_TRAIL_ENABLED", "DYNAMODB_PITR_ENABLED", "DYNAMODB_TABLE_ENCRYPTED_KMS", "ENCRYPTED_VOLUMES"),
    *("S3_BUCKET_PUBLIC_READ_PROHIBITED", "S3_BUCKET_PUBLIC_WRITE_PROHIBITED", "S3_BUCKET_SSL_REQUESTS_ONLY"),
    *("S3_BUCKET_SERVER_SIDE_ENCRYPTION_ENABLED", "INCOMING_SSH_DISABLED", "VPC_FLOW_LOGS_ENABLED"),
    *("EC2_IMDSV2_CHECK", "ALB_WAF_ENABLED", "KINESIS_STREAM_ENCRYPTED", "SNS_ENCRYPTED_KMS"),
    *("IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS", "CMK_BACKING_KEY_ROTATION_ENABLED"),
)
"""Rules of AWS Config."""
_RECORDER = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"


def governs(deployment: Deployment) -> bool:
    """Whether any of it is wanted."""
    wanted = deployment.switches
    return any(
        (wanted.trail, wanted.config, wanted.lake_tags, wanted.guard_duty, wanted.macie, wanted.security_hub)
    )


class Governance(Part):
    """CloudTrail, Config, Lake Formation's tags, GuardDuty, Macie, Security Hub."""

    def __init__(self, scope: Construct, deployment: Deployment, base: Base) -> None:
        """What the deployment's switches say."""
        super().__init__(scope, "governance", deployment, "audit, rules, tags of personal data")
        self._base, wanted = base, deployment.switches
        if wanted.trail:
            self._trail()
        if wanted.config:
            self._config()
        if wanted.lake_tags:
            tag_columns(self)
        if wanted.guard_duty:
            guardduty.CfnDetector(
                self, "GuardDuty", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES"
            )
        if wanted.macie:
            macie.CfnSession(self, "Macie", status="ENABLED", finding_publishing_frequency="FIFTEEN_MINUTES")
        if wanted.security_hub:
            securityhub.CfnHub(self, "SecurityHub", control_finding_generator="SECURITY_CONTROL")

    def _bucket(self, name: str) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._base.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=self.removal,
            server_access_logs_bucket=self._base.logs,
            server_access_logs_prefix=f"{name.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=days(self.deployment.keeping.archive),
                    noncurrent_version_expiration=days(30),
                    abort_incomplete_multipart_upload_after=days(1),
                )
            ],
        )

    def _trail(self) -> None:
        """Calls of the account, and each write to the audit log, the documents and the lake."""
        trail = cloudtrail.Trail(
            self,
            "Trail",
            trail_name=self.names.begin,
            bucket=self._bucket("TrailBucket"),
            encryption_key=self._base.key,
            enable_file_validation=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            send_to_cloud_watch_logs=True,
            cloud_watch_log_group=self.log_group("TrailLog", f"/{self.names.begin}/trail", self._base.key),
            management_events=cloudtrail.ReadWriteType.ALL,
        )
        resource = trail.node.default_child
        assert isinstance(resource, cloudtrail.CfnTrail)  # noqa: S101 - what a trail is made of
        resource.event_selectors = [self._noted(True), self._noted(False)]

    def _noted(self, calls: bool) -> cloudtrail.CfnTrail.EventSelectorProperty:
        """All calls and whatever is done to the archive; or who writes to the audit log and the documents."""
        of = cloudtrail.CfnTrail.DataResourceProperty
        tables = [self.names.table("audit"), self.names.table("documents")]
        archive = of(type="AWS::S3::Object", values=[f"{self.names.bucket_arn}/archive/"])
        return cloudtrail.CfnTrail.EventSelectorProperty(
            include_management_events=calls,
            read_write_type="All" if calls else "WriteOnly",
            data_resources=[archive if calls else of(type="AWS::DynamoDB::Table", values=tables)],
        )

    def _config(self) -> None:
        """A recorder by the service's own role, and the rules."""
        bucket = self._bucket("ConfigBucket")
        service = iam.ServicePrincipal("config.amazonaws.com")
        here = {"StringEquals": {"aws:SourceAccount": self.names.account}}
        for actions, resource in (
            (["s3:GetBucketAcl", "s3:ListBucket"], bucket.bucket_arn),
            (["s3:PutObject"], bucket.arn_for_objects(f"AWSLogs/{self.names.account}/*")),
        ):
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[service], actions=actions, resources=[resource], conditions=here
                )
            )
        recorder = config.CfnConfigurationRecorder(
            self,
            "Recorder",
            role_arn=f"arn:aws:iam::{self.names.account}:role/{_RECORDER}",
            recording_group=config.CfnConfigurationRecorder.RecordingGroupProperty(
                all_supported=True, include_global_resource_types=True
            ),
        )
        channel = config.CfnDeliveryChannel(self, "Channel", s3_bucket_name=bucket.bucket_name)
        for rule in RULES:
            made = config.ManagedRule(self, rule.title().replace("_", ""), identifier=rule)
            made.node.add_dependency(recorder, channel)
