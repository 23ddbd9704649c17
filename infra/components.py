"""Every component of the systems to be replaced, and what provides it; ``infra.check`` prints the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Templates = Mapping[str, Mapping[str, Any]]
"""Templates of a deployment by stack, without the deployment's name."""


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a seed: the stack, the kind of resource, and a text in its id or properties."""

    seed: str
    what: str
    stack: str
    kind: str
    named: str = ""

    def found(self, templates: Templates) -> list[str]:
        """The logical ids of what provides it."""
        resources = templates[self.stack]["Resources"].items()
        return [
            one for one, it in resources if it["Type"] == f"AWS::{self.kind}" and self.named in f"{one} {it}"
        ]


def _all(seed: str, *rows: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[Component, ...]:
    return tuple(Component(seed, *row) for row in rows)


COMPONENTS = (
    *_all(
        "000",
        ("Kinesis stream, 10 shards, 7 days", "stream", "Kinesis::Stream"),
        ("Kinesis Firehose", "delivery", "KinesisFirehose::DeliveryStream"),
        ("S3 bucket, time-partitioned", "lake", "S3::Bucket"),
        ("Lambda function of events", "functions", "Lambda::Function", "live"),
        ("DynamoDB table", "stores", "DynamoDB::GlobalTable", "counters"),
        ("API Gateway", "collector", "ApiGatewayV2::Api"),
        ("EventBridge bus", "stream", "Events::EventBus"),
        ("EventBridge rule", "stream", "Events::Rule"),
        ("SQS queue", "stream", "SQS::Queue", "findings"),
        ("SNS topic", "stream", "SNS::Topic", "critical"),
        ("VPC", "network", "EC2::VPC"),
        ("IAM roles and policies", "functions", "IAM::Role"),
        ("Security groups", "web", "EC2::SecurityGroup"),
        ("Monitoring systems", "observe", "CloudWatch::Alarm"),
    ),
    *_all(
        "001",
        ("CDN of static files", "edge", "CloudFront::Distribution"),
        ("S3 media assets (the tracker)", "edge", "S3::Bucket", "Files"),
        ("Lambda ingestion", "functions", "Lambda::Function", "pipeline.lambdas.ingest"),
        ("S3 raw layer", "delivery", "KinesisFirehose::DeliveryStream", "raw_events"),
        ("S3 processed layer", "lake", "Glue::Database"),
        ("EventBridge, every 60 minutes", "functions", "Events::Rule", "curate-hourly"),
        ("ETL Lambda", "functions", "Lambda::Function", "pipeline.lambdas.curate"),
        ("Data warehouse on EC2", "lake", "Athena::WorkGroup", "Questions"),
        ("R Shiny server on EC2, private", "web", "AutoScaling::AutoScalingGroup"),
        ("Private subnets", "network", "EC2::Subnet", "private"),
        ("S3 gateway endpoint", "network", "EC2::VPCEndpoint", "Gateway"),
        ("Amazon Cognito", "identity", "Cognito::UserPool"),
        ("CloudWatch", "observe", "CloudWatch::Dashboard"),
        ("SNS alerts", "base", "SNS::Topic", "Alarms"),
    ),
    *_all(
        "003",
        ("Cognito hosted sign-in", "identity", "Cognito::UserPoolDomain"),
        ("API Gateway throttle", "collector", "ApiGatewayV2::Stage", "ThrottlingRateLimit"),
        ("SQS events queue (overflow)", "stream", "SQS::Queue", "overflow"),
        ("Dead letters, 14 days", "stream", "SQS::Queue", "dead"),
        ("Worker Lambda (transform)", "functions", "Lambda::Function", "pipeline.lambdas.transform"),
        ("Query Lambda (web hosts)", "web", "EC2::LaunchTemplate"),
        ("Realtime Lambda (web hosts)", "web", "ElasticLoadBalancingV2::TargetGroup"),
        ("Stream processor", "functions", "Lambda::EventSourceMapping", "TRIM_HORIZON"),
        ("Counters with TTL", "stores", "DynamoDB::GlobalTable", "expires_at"),
        ("Firehose backup, gzip", "delivery", "KinesisFirehose::DeliveryStream", "GZIP"),
        ("Glue catalogue (no crawler)", "lake", "Glue::Database"),
        ("Athena workgroup with a cap", "lake", "Athena::WorkGroup", "BytesScannedCutoffPerQuery"),
        ("Athena output", "lake", "S3::Bucket", "answers/"),
        ("Named queries", "lake", "Athena::NamedQuery"),
        ("Parameter Store", "stores", "SSM::Parameter"),
        ("CloudWatch alarms", "observe", "CloudWatch::Alarm", "live-behind"),
        ("Reconciliation (its open limit)", "functions", "Lambda::Function", "pipeline.lambdas.reconcile"),
        ("Idempotency table (its open limit)", "stores", "DynamoDB::GlobalTable", "-log"),
        ("Answer cache (its open limit)", "web", "ElastiCache::ReplicationGroup"),
    ),
    *_all(
        "004",
        ("CloudFront", "edge", "CloudFront::Distribution"),
        ("WAF: common rules, 2000 in 5 min", "web", "WAFv2::WebACL", "CommonRuleSet"),
        ("WAF of the API", "edge", "WAFv2::WebACL", "CommonRuleSet"),
        ("API of findings (web hosts)", "web", "ElasticLoadBalancingV2::Listener"),
        ("Findings table with indexes", "stores", "DynamoDB::GlobalTable", "findings"),
        ("Scanner Lambda", "functions", "Lambda::Function", "pipeline.lambdas.findings"),
        ("Sync, 6 hours", "functions", "Events::Rule", "sync-begins"),
        ("Archiver Lambda, daily", "functions", "Events::Rule", "archive-daily"),
        ("Archive: IA, Glacier, Deep Archive", "lake", "S3::Bucket", "DEEP_ARCHIVE"),
        ("Rule of Security Hub's findings", "stream", "Events::Rule", "Imported"),
        ("EventBridge dead letters", "stream", "Events::Rule", "DeadLetterConfig"),
        ("Security Hub", "governance", "SecurityHub::Hub"),
        ("GuardDuty", "governance", "GuardDuty::Detector"),
        ("Macie", "governance", "Macie::Session"),
        ("Config", "governance", "Config::ConfigRule"),
        ("CloudTrail", "governance", "CloudTrail::Trail"),
        ("KMS keys", "base", "KMS::Key"),
        ("Backup: daily at 5, 35 days", "stores", "Backup::BackupPlan"),
        ("SNS standard and critical", "stream", "SNS::Topic"),
        ("Log groups with retention", "functions", "Logs::LogGroup"),
        ("DynamoDB gateway endpoint", "network", "EC2::VPCEndpoint", "dynamodb"),
        ("X-Ray", "observe", "XRay::Group"),
    ),
    *_all(
        "SPEC 8",
        ("SFTP drop", "drop", "Transfer::Server"),
        ("Column tags of personal data", "governance", "LakeFormation::TagAssociation"),
        ("Audit table without expiry", "stores", "DynamoDB::GlobalTable", "audit"),
        ("Budget", "cost", "Budgets::Budget"),
    ),
)
"""The systems' own words, with what is another thing here in brackets."""


def table(templates: Templates) -> tuple[list[str], int]:
    """The lines of the table, and how many components nothing provides."""
    lines, missing = [], 0
    for one in COMPONENTS:
        found = one.found(templates)
        missing += not found
        shown = f"{found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}" if found else "MISSING"
        lines.append(f"  {one.seed:<7}{one.what:<38}{one.stack:<11}{one.kind:<38}{shown}")
    return lines, missing
