"""What the demo's scanner looks at: kinds of resources of a made-up shop, and its checks of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

STANDARDS = {
    "cis": "CIS AWS Foundations 3.0",
    "pci": "PCI DSS 4.0",
    "best": "AWS Foundational Security Best Practices",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its type in ASFF, its ARN, the names of three, and where it is documented.

    One that is ``everywhere`` belongs to an account, not to a region.
    """

    type: str
    arn: str
    names: tuple[str, ...]
    guide: str
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """A check: what should be, what is wrong where it is not (of ``{name}``), and the steps to mend it."""

    name: str
    kind: str
    severity: str
    standards: tuple[str, ...]
    title: str
    wrong: str
    steps: tuple[str, ...]

    @property
    def remediation(self) -> str:
        """The steps as Markdown, with a link to read on."""
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, 1))
        return f"{steps}\n\nRead on in the [guide]({self.guide})."

    @property
    def guide(self) -> str:
        """Where the service is documented."""
        return f"https://docs.aws.amazon.com/{KINDS[self.kind].guide}/"


_IAM, _EC2 = "IAM/latest/UserGuide", "AWSEC2/latest/UserGuide"
_HERE = "{region}:{account}"
KINDS = {
    "bucket": Kind(
        "AwsS3Bucket",
        "arn:aws:s3:::shop-{name}-{account}-{region}",
        ("invoices", "pictures", "exports"),
        "AmazonS3/latest/userguide",
    ),
    "user": Kind(
        "AwsIamUser", "arn:aws:iam::{account}:user/{name}", ("deploy", "reports", "support"), _IAM, True
    ),
    "root": Kind("AwsIamUser", "arn:aws:iam::{account}:{name}", ("root",), _IAM, True),
    "role": Kind(
        "AwsIamRole", "arn:aws:iam::{account}:role/{name}", ("build", "orders", "warehouse"), _IAM, True
    ),
    "instance": Kind(
        "AwsEc2Instance", f"arn:aws:ec2:{_HERE}:instance/i-{{name}}", ("search", "import", "bastion"), _EC2
    ),
    "group": Kind(
        "AwsEc2SecurityGroup",
        f"arn:aws:ec2:{_HERE}:security-group/sg-{{name}}",
        ("web", "search", "office"),
        _EC2,
    ),
    "volume": Kind(
        "AwsEc2Volume", f"arn:aws:ec2:{_HERE}:volume/vol-{{name}}", ("search", "import", "spare"), _EC2
    ),
    "vpc": Kind("AwsEc2Vpc", f"arn:aws:ec2:{_HERE}:vpc/vpc-{{name}}", ("shop",), "vpc/latest/userguide"),
    "database": Kind(
        "AwsRdsDbInstance",
        f"arn:aws:rds:{_HERE}:db:{{name}}",
        ("orders", "stock", "customers"),
        "AmazonRDS/latest/UserGuide",
    ),
    "function": Kind(
        "AwsLambdaFunction",
        f"arn:aws:lambda:{_HERE}:function:{{name}}",
        ("thumbnails", "mail", "stock-sync"),
        "lambda/latest/dg",
    ),
    "trail": Kind(
        "AwsCloudTrailTrail",
        f"arn:aws:cloudtrail:{_HERE}:trail/{{name}}",
        ("audit",),
        "awscloudtrail/latest/userguide",
    ),
    "key": Kind(
        "AwsKmsKey", f"arn:aws:kms:{_HERE}:key/{{name}}", ("orders", "exports"), "kms/latest/developerguide"
    ),
    "service": Kind(
        "AwsEcsService",
        f"arn:aws:ecs:{_HERE}:service/shop/{{name}}",
        ("storefront", "basket", "search"),
        "AmazonECS/latest/developerguide",
    ),
    "task": Kind(
        "AwsEcsTaskDefinition",
        f"arn:aws:ecs:{_HERE}:task-definition/{{name}}:4",
        ("storefront", "basket", "search"),
        "AmazonECS/latest/developerguide",
    ),
    "table": Kind(
        "AwsDynamoDbTable",
        f"arn:aws:dynamodb:{_HERE}:table/{{name}}",
        ("baskets", "sessions", "vouchers"),
        "amazondynamodb/latest/developerguide",
    ),
    "topic": Kind(
        "AwsSnsTopic", f"arn:aws:sns:{_HERE}:{{name}}", ("order-placed", "stock-low"), "sns/latest/dg"
    ),
    "queue": Kind(
        "AwsSqsQueue",
        f"arn:aws:sqs:{_HERE}:{{name}}",
        ("orders", "mails", "returns"),
        "AWSSimpleQueueService/latest/SQSDeveloperGuide",
    ),
    "distribution": Kind(
        "AwsCloudFrontDistribution",
        "arn:aws:cloudfront::{account}:distribution/{name}",
        ("storefront", "pictures"),
        "AmazonCloudFront/latest/DeveloperGuide",
        True,
    ),
    "balancer": Kind(
        "AwsElbv2LoadBalancer",
        f"arn:aws:elasticloadbalancing:{_HERE}:loadbalancer/app/{{name}}/1",
        ("storefront", "office"),
        "elasticloadbalancing/latest/application",
    ),
    "repository": Kind(
        "AwsEcrRepository",
        f"arn:aws:ecr:{_HERE}:repository/{{name}}",
        ("storefront", "basket"),
        "AmazonECR/latest/userguide",
    ),
    "secret": Kind(
        "AwsSecretsManagerSecret",
        f"arn:aws:secretsmanager:{_HERE}:secret:{{name}}",
        ("database", "mail-gateway", "parcel-service"),
        "secretsmanager/latest/userguide",
    ),
}


def load_controls() -> tuple[Control, ...]:
    """The checks of ``demo_controls.toml``."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return tuple(
        Control(
            name,
            values["kind"],
            values["severity"],
            tuple(STANDARDS[short] for short in values["standards"]),
            values["title"],
            values["wrong"],
            tuple(values["steps"]),
        )
        for name, values in table.items()
    )
