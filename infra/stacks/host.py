"""A web host: what it may do, and what it does when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_ec2 as ec2

from infra import permissions
from infra.names import Names
from infra.permissions import Allow
from infra.settings import Deployment

PORT = 8050
_HERE = Path(__file__).resolve().parents[1]
_AGENT = (
    *("ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
    *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel", "ecr:GetAuthorizationToken"),
    *("ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage"),
    *("ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"),
)
"""What the agent of Systems Manager (sessions, commands) and signing in at ECR take: without resources."""
_PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")


def may(deployment: Deployment, names: Names) -> list[Allow]:
    """What a host may do, without what needs the ARN of something just made."""
    imports = deployment.switches.drop
    found = [*permissions.web(names), permissions.settings(names), Allow(_AGENT, ("*",))]
    if deployment.web.recount or imports:
        found += permissions.curate(names)
    if imports:
        found += [
            Allow(("s3:GetObject",), (f"arn:aws:s3:::{names.drop_bucket}/*",)),
            Allow(("sqs:ReceiveMessage", "sqs:DeleteMessage"), (names.queue("drop"),)),
        ]
    group = names.arn("logs", f"log-group:{names.host_log}:*")
    return [
        *found,
        Allow(_PULL, (names.arn("ecr", f"repository/{names.called('web')}"),)),
        Allow(("logs:CreateLogStream", "logs:PutLogEvents"), (group,)),
    ]


def settings(deployment: Deployment, own: Mapping[str, str]) -> str:
    """The environment of the app, beside what it reads from the Parameter Store."""
    found = {
        "form": "aws",
        "aws_region": deployment.region,
        "aws_parameters": Names.of(deployment).parameters,
        "host": "0.0.0.0",  # noqa: S104 - its security group lets in the load balancer only
        "port": str(PORT),
        "web_processes": str(deployment.web.processes),
        "data_dir": "/data",
        "log_format": "json",
        "sign_in": "cognito",
        "public_url": f"https://{deployment.web.domain}",
        **own,
    }
    return "\n".join(f"STREAMGAUGE_{name.upper()}={text}" for name, text in found.items())


def starts(
    deployment: Deployment, own: Mapping[str, str], cache_secret: str, cache_host: str
) -> ec2.UserData:
    """The commands of a host's first start; what follows ``exit`` is not run, so signals come on exit."""
    names = Names.of(deployment)
    registry = f"{names.account}.dkr.ecr.{names.region}.amazonaws.com"
    words = {
        "IMPORTER": _importer(deployment, names),
        "SETTINGS": settings(deployment, own),
        "CACHE_SECRET": cache_secret,
        "CACHE_HOST": cache_host,
        "REGISTRY": registry,
        "IMAGE": f"{registry}/{names.called('web')}:{deployment.web.image_tag}",
        "LOG_GROUP": names.host_log,
        "REGION": names.region,
        "PORT": str(PORT),
    }
    data = ec2.UserData.for_linux()
    data.add_commands(_filled((_HERE / "host.sh").read_text("utf-8"), words))
    return data


def _importer(deployment: Deployment, names: Names) -> str:
    if not deployment.switches.drop:
        return ""
    queue = f"https://sqs.{names.region}.amazonaws.com/{names.account}/{names.called('drop')}"
    text = (_HERE / "importer.sh").read_text("utf-8")
    return _filled(text, {"QUEUE": queue, "BUCKET": names.drop_bucket})


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text
