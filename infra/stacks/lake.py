"""The lake: its bucket, its Glue database and the workgroups of Athena.

Its Iceberg tables are made by λ curate, with the code that reads them: CloudFormation can make such a table,
but any update of it takes its metadata away (aws-cloudformation/cloudformation-coverage-roadmap #1919).
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted import skip
from infra.settings import Deployment
from infra.stacks.part import Part, days

QUERIES = Path(__file__).resolve().parents[1] / "queries"
"""A file each; its first line says what it answers."""
_COLD = ((30, "INFREQUENT_ACCESS"), (90, "GLACIER"), (365, "DEEP_ARCHIVE"))


class Lake(Part):
    """The bucket, the database, the workgroups and named queries."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey, logs: s3.IBucket) -> None:
        """As the deployment says; access to the bucket is logged in ``logs``."""
        super().__init__(scope, "lake", deployment, "bucket, Glue database, Athena workgroups")
        self._key = key
        self.bucket = self._bucket(logs)
        self._database()
        most = int(deployment.question_gigabytes * 1_000_000_000)
        self.questions = self._workgroup("Questions", self.names.questions, most)
        self.curation = self._workgroup("Curation", self.names.curation, None)
        self._queries()

    def _bucket(self, logs: s3.IBucket) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.names.bucket,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=False,
            removal_policy=self.removal,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="lake/",
            lifecycle_rules=self._lifecycle(),
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ArchivedFindingsStay",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
                resources=[self.names.objects("archive")],
            )
        )
        skip(bucket, CKV_AWS_21="Iceberg keeps versions; S3's would keep what VACUUM deletes")
        return bucket

    def _lifecycle(self) -> list[s3.LifecycleRule]:
        keeping = self.deployment.keeping
        gone = {
            "answers": keeping.answers,
            "rejects": keeping.rejects,
            "errors": keeping.errors,
            "backup": keeping.backup,
        }
        cold = [
            s3.Transition(storage_class=getattr(s3.StorageClass, name), transition_after=days(after))
            for after, name in _COLD
        ]
        return [
            s3.LifecycleRule(id="parts", abort_incomplete_multipart_upload_after=days(1)),
            *(s3.LifecycleRule(id=name, prefix=f"{name}/", expiration=days(n)) for name, n in gone.items()),
            s3.LifecycleRule(
                id="archive", prefix="archive/", transitions=cold, expiration=days(keeping.archive)
            ),
        ]

    def _database(self) -> None:
        glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.names.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.names.database,
                description="Streamgauge's tables; made and kept by its function curate",
                location_uri=f"s3://{self.names.bucket}/lake/",
            ),
        )

    def _workgroup(self, name: str, called: str, most_bytes: int | None) -> athena.CfnWorkGroup:
        encrypted = athena.CfnWorkGroup.EncryptionConfigurationProperty(
            encryption_option="SSE_KMS", kms_key=self._key.key_arn
        )
        return athena.CfnWorkGroup(
            self,
            name,
            name=called,
            recursive_delete_option=not self.deployment.protected,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=most_bytes,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.names.bucket}/answers/", encryption_configuration=encrypted
                ),
            ),
        )

    def _queries(self) -> None:
        for path in sorted(QUERIES.glob("*.sql")):
            first, _, text = path.read_text("utf-8").partition("\n")
            query = athena.CfnNamedQuery(
                self,
                f"Query-{path.stem}",
                name=path.stem.replace("_", " "),
                description=first.removeprefix("-- "),
                database=self.names.database,
                work_group=self.names.questions,
                query_string=text,
            )
            query.add_resource_dependency(self.questions)
