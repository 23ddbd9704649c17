"""Files by SFTP: Transfer Family into a bucket, a queue of what came, and a web host that imports it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from infra import permissions
from infra.accepted import skip
from infra.permissions import Allow
from infra.settings import Deployment
from infra.stacks.base import Base
from infra.stacks.part import Part, days

KEPT_DAYS = 30
"""A file that was imported is in the lake; it is kept to be looked at."""


class Drop(Part):
    """The server, its users, the bucket and the queue that hosts work off (``host.sh``)."""

    def __init__(self, scope: Construct, deployment: Deployment, base: Base) -> None:
        """As the deployment says."""
        super().__init__(scope, "drop", deployment, "SFTP into the importer")
        self._base = base
        self._bucket()
        self._queue()
        server = self._server()
        for name, public in deployment.drop_keys:
            self._user(server, name, public)

    def _bucket(self) -> None:
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.names.drop_bucket,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._base.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=self.removal,
            server_access_logs_bucket=self._base.logs,
            server_access_logs_prefix="drop/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=days(KEPT_DAYS),
                    noncurrent_version_expiration=days(7),
                    abort_incomplete_multipart_upload_after=days(1),
                )
            ],
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what a bucket is made of
        resource.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def _queue(self) -> None:
        given_up = self._one("drop-dead", None)
        queue = self._one("drop", sqs.DeadLetterQueue(max_receive_count=5, queue=given_up))
        events.Rule(
            self,
            "Dropped",
            rule_name=self.names.called("dropped"),
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.names.drop_bucket]}},
            ),
            targets=[targets.SqsQueue(queue, dead_letter_queue=given_up)],
        )

    def _one(self, name: str, dead: sqs.DeadLetterQueue | None) -> sqs.Queue:
        return sqs.Queue(
            self,
            f"Queue-{name}",
            queue_name=self.names.called(name),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._base.key,
            enforce_ssl=True,
            retention_period=days(14),
            visibility_timeout=Duration.hours(1),
            dead_letter_queue=dead,
        )

    def _server(self) -> transfer.CfnServer:
        group = self.log_group("Log", f"/{self.names.begin}/drop", self._base.key)
        server = transfer.CfnServer(
            self,
            "Server",
            domain="S3",
            endpoint_type="PUBLIC",
            identity_provider_type="SERVICE_MANAGED",
            protocols=["SFTP"],
            security_policy_name="TransferSecurityPolicy-2024-01",
            structured_log_destinations=[group.log_group_arn],
        )
        skip(server, CKV_AWS_164="partners send files from outside; each has a key and a folder of its own")
        return server

    def _user(self, server: transfer.CfnServer, name: str, public: str) -> None:
        """A user sees a folder of their own name, which is the site that their files are of."""
        bucket = f"arn:aws:s3:::{self.names.drop_bucket}"
        allowed = [
            Allow(("s3:PutObject", "s3:GetObject", "s3:DeleteObject"), (f"{bucket}/{name}/*",)),
            Allow(("s3:ListBucket",), (bucket,), {"StringLike": {"s3:prefix": [f"{name}/*", name]}}),
            Allow(("s3:GetBucketLocation",), (bucket,)),
            permissions.key(self._base.key.key_arn),
        ]
        transfer.CfnUser(
            self,
            f"User-{name}",
            server_id=server.attr_server_id,
            user_name=name,
            role=self.role(f"Role-{name}", "transfer.amazonaws.com", allowed).role_arn,
            home_directory_type="LOGICAL",
            home_directory_mappings=[
                transfer.CfnUser.HomeDirectoryMapEntryProperty(
                    entry="/", target=f"/{self.names.drop_bucket}/{name}"
                )
            ],
            ssh_public_keys=[public],
        )
