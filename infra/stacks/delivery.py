"""Firehose: the stream's records as rows into the raw table, and a second time as they came.

A stack of its own: it takes λ transform and the raw table, which λ curate makes when it first runs.
"""

from __future__ import annotations

from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import permissions
from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.part import Part

_Stream = firehose.CfnDeliveryStream


class Delivery(Part):
    """The delivery stream of the raw table."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey) -> None:
        """As the deployment says."""
        super().__init__(scope, "delivery", deployment, "Firehose into the raw table")
        allowed = [*permissions.delivery(self.names), permissions.key(key.key_arn)]
        self._role_arn = self.role("Role", "firehose.amazonaws.com", allowed).role_arn
        group = self.log_group("Log", self.names.delivery_log, key)
        line = logs.LogStream(self, "Line", log_group=group, log_stream_name="raw")
        self._logged = _Stream.CloudWatchLoggingOptionsProperty(
            enabled=True, log_group_name=group.log_group_name, log_stream_name=line.log_stream_name
        )
        self._made()

    def _made(self) -> None:
        made = _Stream(
            self,
            "Raw",
            delivery_stream_name=self.names.delivery,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=_Stream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=self.names.stream_arn, role_arn=self._role_arn
            ),
            iceberg_destination_configuration=_Stream.IcebergDestinationConfigurationProperty(
                role_arn=self._role_arn,
                append_only=True,
                catalog_configuration=_Stream.CatalogConfigurationProperty(
                    catalog_arn=self.names.arn("glue", "catalog")
                ),
                destination_table_configuration_list=[
                    _Stream.DestinationTableConfigurationProperty(
                        destination_database_name=self.names.database,
                        destination_table_name="raw_events",
                        s3_error_output_prefix="errors/rows/",
                    )
                ],
                buffering_hints=_Stream.BufferingHintsProperty(interval_in_seconds=300, size_in_m_bs=128),
                retry_options=_Stream.RetryOptionsProperty(duration_in_seconds=7200),
                processing_configuration=self._transform(),
                s3_backup_mode="AllData" if self.deployment.stream.backup else "FailedDataOnly",
                s3_configuration=self._objects(),
                cloud_watch_logging_options=self._logged,
            ),
        )
        accept(made, "it keeps nothing: what it reads is the encrypted stream", "KDF1")

    def _transform(self) -> firehose.CfnDeliveryStream.ProcessingConfigurationProperty:
        """With 1 MB at a time: an answer of λ has at most 6, and rows are up to five times what came."""
        told = {
            "LambdaArn": f"{self.names.function('transform')}:$LATEST",
            "RoleArn": self._role_arn,
            "BufferSizeInMBs": "1",
            "BufferIntervalInSeconds": "60",
            "NumberOfRetries": "3",
        }
        values = [
            _Stream.ProcessorParameterProperty(parameter_name=name, parameter_value=text)
            for name, text in told.items()
        ]
        return _Stream.ProcessingConfigurationProperty(
            enabled=True, processors=[_Stream.ProcessorProperty(type="Lambda", parameters=values)]
        )

    def _objects(self) -> firehose.CfnDeliveryStream.S3DestinationConfigurationProperty:
        return _Stream.S3DestinationConfigurationProperty(
            bucket_arn=self.names.bucket_arn,
            role_arn=self._role_arn,
            prefix="backup/!{timestamp:yyyy/MM/dd/HH}/",
            error_output_prefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/",
            compression_format="GZIP",
            buffering_hints=_Stream.BufferingHintsProperty(interval_in_seconds=300, size_in_m_bs=64),
            cloud_watch_logging_options=self._logged,
        )
