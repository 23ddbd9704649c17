"""Security findings from files and messages: ASFF, OCSF and Prowler's own formats, read into one shape."""

from pipeline.findings.documents import parse_document
from pipeline.findings.files import read_findings, read_findings_bytes

__all__ = ["parse_document", "read_findings", "read_findings_bytes"]
