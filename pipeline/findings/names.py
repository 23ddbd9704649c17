"""Readable names of what findings are about: the service, the standards and the provider."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PROWLER = re.compile(r"prowler-([a-z0-9]+)_")
_CONTROL = re.compile(r"(?:.*/)?(?:PCI\.)?([A-Za-z][A-Za-z0-9]*)\.[0-9]+")
_CLOUDFORMATION = re.compile(r"AWS::([A-Za-z0-9]+)::")
_TYPE = re.compile(r"Aws([A-Z]{2,}[0-9]*(?![a-z])|[A-Z][a-z0-9]*)")
# Services of two words; in resource types the next word is the kind of resource.
_TWO_WORDS = re.compile(
    r"Aws(ApiGateway|AppSync|AutoScaling|BackUp|CertificateManager|CloudFormation|CloudFront|CloudTrail"
    r"|CloudWatch|CodeBuild|DynamoDb|ElasticBeanstalk|Elasticsearch|EventSchemas|GuardDuty|NetworkFirewall"
    r"|OpenSearchService|SageMaker|SecretsManager|SecurityHub|StepFunction)"
)
_OTHER_NAMES = {"certificatemanager": "acm", "logs": "cloudwatch"}
_STANDARD = re.compile(r"(?:.*[:/])?(?:standards|ruleset)/([a-z0-9-]+)/v/([0-9.]+)")
_STANDARDS = {
    "aws-foundational-security-best-practices": "AWS Foundational Security Best Practices",
    "cis-aws-foundations-benchmark": "CIS AWS Foundations Benchmark",
    "pci-dss": "PCI DSS",
    "nist-800-53": "NIST SP 800-53",
    "nist-800-171": "NIST SP 800-171",
    "aws-resource-tagging-standard": "AWS Resource Tagging Standard",
    "service-managed-aws-control-tower": "AWS Control Tower",
}
_PROVIDERS = {
    "aws/securityhub": "Security Hub",
    "aws/guardduty": "GuardDuty",
    "aws/inspector": "Inspector",
    "aws/macie": "Macie",
    "aws/access-analyzer": "IAM Access Analyzer",
    "aws/config": "Config",
}


def service_of(control: str, generator: str, resource_type: str) -> str:
    """The service, in small letters: by the check's name, else by the resource's type, else ""."""
    match = _PROWLER.match(generator) or _PROWLER.match(control) or _CONTROL.fullmatch(control)
    match = match or _CONTROL.fullmatch(generator) or _CLOUDFORMATION.match(resource_type)
    match = match or _TWO_WORDS.match(resource_type) or _TYPE.match(resource_type)
    name = match[1].lower() if match else ""
    return _OTHER_NAMES.get(name, name)


def standard_of(text: str) -> str:
    """A standard's readable name with its version: ARNs and ids of AWS are spelled out, all else stays."""
    match = _STANDARD.fullmatch(text.strip())
    if not match:
        return text.strip()
    return f"{_STANDARDS.get(match[1], match[1])} v{match[2]}"


def standards_of(names: Iterable[str], requirements: Iterable[str]) -> tuple[str, ...]:
    """The standards, sorted: those named, and those of requirements ("PCI DSS 1.2.1") that none names."""
    found = {name for name in map(standard_of, names) if name}
    for requirement in requirements:
        text = requirement.strip()
        name = text.partition("/")[0] if "/" in text else text.rsplit(" ", 1)[0]
        if name and not any(_same(name, text, other) for other in found):
            found.add(name)
    return tuple(sorted(found))


def provider_of(product_arn: str) -> str:
    """The provider a product ARN of Security Hub names: "GuardDuty", "Prowler"; "" if it names none."""
    slug = product_arn.partition(":product/")[2]
    company, _, product = slug.partition("/")
    if company == product:
        return company.capitalize()
    return _PROVIDERS.get(slug) or (product if company.isdigit() else f"{company} {product}".strip())


def _same(name: str, requirement: str, known: str) -> bool:
    """Whether a known standard is the requirement's: "PCI DSS v3.2.1" is that of "PCI DSS 1.2.1"."""
    low = known.casefold()
    return low.startswith(name.casefold()) or requirement.casefold().startswith(low)
