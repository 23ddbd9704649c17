"""What has to last: the DynamoDB tables with their backups, and the settings in the Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_backup as backup
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from data_access.aws.checks import TABLES
from data_access.aws.tables import TTL, Index, Table
from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.part import Part, days

PASSES = {"counters"}
"""Tables of which nothing is left after days: no backups."""
_CHANGES = (
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "PartiQLUpdate",
    "PartiQLDelete",
    "UpdateTimeToLive",
)
_KINDS = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


class Stores(Part):
    """The tables, as ``data_access`` defines them."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey) -> None:
        """As the deployment says."""
        super().__init__(scope, "stores", deployment, "DynamoDB tables, backups, settings")
        self._key = key
        self.tables = {table.name: self._table(table) for table in TABLES}
        self._backups()
        parameters(self, settings_of(deployment) | dict(deployment.app))

    def _table(self, table: Table) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            table.name.title(),
            table_name=table.of(self.names.begin),
            partition_key=_attribute(table, "pk"),
            sort_key=_attribute(table, "sk"),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self._key),
            global_secondary_indexes=[_index(table, one) for one in table.indexes],
            time_to_live_attribute=None if table.stays else TTL,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=table.stays or self.deployment.protected,
            removal_policy=self.removal,
            resource_policy=self._never_changed(table) if table.stays else None,
        )

    def _never_changed(self, table: Table) -> iam.PolicyDocument:
        """Nobody changes or deletes a record, whatever their own policies say."""
        return iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    sid="NothingIsChanged",
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=[f"dynamodb:{verb}" for verb in _CHANGES],
                    resources=[self.names.table(table.name)],
                )
            ]
        )

    def _backups(self) -> None:
        vault = backup.BackupVault(
            self,
            "Vault",
            backup_vault_name=self.names.called("vault"),
            encryption_key=self._key,
            removal_policy=self.removal,
        )
        plan = backup.BackupPlan(self, "Daily", backup_vault=vault)
        plan.add_rule(
            backup.BackupPlanRule(
                schedule_expression=events.Schedule.cron(hour="5", minute="0"),
                delete_after=days(self.deployment.keeping.backups),
            )
        )
        kept = [table for name, table in self.tables.items() if name not in PASSES]
        selection = plan.add_selection(
            "Tables", resources=[backup.BackupResource.from_dynamo_db_table(table) for table in kept]
        )
        accept(
            selection,
            "AWS Backup's own policy: what it may back up is chosen by the plan",
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup]",
        )


def _attribute(table: Table, name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=_KINDS[(table.kinds or {}).get(name, "S")])


def _index(table: Table, index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    kinds = dynamodb.ProjectionType
    kind = kinds.ALL if index.holds is None else kinds.INCLUDE if index.holds else kinds.KEYS_ONLY
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=index.name,
        partition_key=_attribute(table, index.partition),
        sort_key=_attribute(table, index.sort),
        projection_type=kind,
        non_key_attributes=list(index.holds) if index.holds else None,
    )


def settings_of(deployment: Deployment) -> dict[str, str]:
    """The settings that say where the resources are, for functions and hosts."""
    from infra.names import Names

    names = Names.of(deployment)
    return {
        "form": "aws",
        "aws_name": names.begin,
        "lake_bucket": names.bucket,
        "glue_database": names.database,
        "athena_workgroup": names.questions,
        "athena_curation_workgroup": names.curation,
        "alert_topic": names.topic("alerts"),
    }


def parameters(stack: Part, texts: Mapping[str, str]) -> None:
    """Settings in the Parameter Store, below the deployment's path."""
    for name, text in texts.items():
        ssm.StringParameter(
            stack,
            f"Setting-{name}",
            parameter_name=f"{stack.names.parameters}/{name}",
            string_value=text,
        )
