"""What all other stacks stand on: the key, the bucket of access logs, the topic of alarms, the images."""

from __future__ import annotations

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.settings import Deployment
from infra.stacks.part import Part, days

_SENDERS = ("cloudwatch", "events", "budgets", "backup")
"""Services that publish to the topic of alarms, or bring events to queues."""


class Base(Part):
    """The key, the bucket of access logs, the topic of alarms and the repository of images."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        """As the deployment says."""
        super().__init__(scope, "base", deployment, "key, access logs, alarms, images")
        self.key = self._key()
        self.logs = self._logs()
        self.alarms = self._alarms()
        self.images = self._images()

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=self.names.called("data"),
            description=f"All data of {self.names.begin}",
            enable_key_rotation=True,
            removal_policy=self.removal,
        )
        group = self.names.arn("logs", "*")
        verbs = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
        self._may_use(
            key, f"logs.{self.region}", verbs, {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": group}}
        )
        for service in _SENDERS:  # their calls of KMS name no source: aws/aws-cdk #11158
            self._may_use(key, service, ("Decrypt", "GenerateDataKey"), {})
        trail = {"ArnEquals": {"aws:SourceArn": self.names.arn("cloudtrail", f"trail/{self.names.begin}")}}
        self._may_use(key, "cloudtrail", ("GenerateDataKey", "Decrypt", "DescribeKey"), trail)
        here = {"StringEquals": {"aws:SourceAccount": self.names.account}}
        self._may_use(key, "config", ("GenerateDataKey", "Decrypt"), here)
        return key

    def _may_use(
        self, key: kms.Key, service: str, verbs: tuple[str, ...], conditions: dict[str, dict[str, str]]
    ) -> None:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                actions=[f"kms:{verb}" for verb in verbs],
                resources=["*"],
                conditions=conditions,
            )
        )

    def _logs(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Logs",
            encryption=s3.BucketEncryption.S3_MANAGED,  # load balancers can write with no other key
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=self.removal,
            server_access_logs_prefix="itself/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=days(self.deployment.keeping.access_logs),
                    noncurrent_version_expiration=days(7),
                    abort_incomplete_multipart_upload_after=days(1),
                )
            ],
        )

    def _alarms(self) -> sns.Topic:
        topic = sns.Topic(
            self, "Alarms", topic_name=self.names.called("alarms"), master_key=self.key, enforce_ssl=True
        )
        for service in _SENDERS:
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": self.names.account}},
                )
            )
        for mail in self.deployment.alarm_mails:
            topic.add_subscription(subscriptions.EmailSubscription(mail))
        return topic

    def _images(self) -> ecr.Repository:
        return ecr.Repository(
            self,
            "Images",
            repository_name=self.names.called("web"),
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self.key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=20)],
            removal_policy=self.removal,
        )
