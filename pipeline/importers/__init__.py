"""Import of files: CSV, TSV, Parquet, NDJSON, stored events of both contracts and access logs."""

from pipeline.importers.model import KINDS, FileSummary, ImportOptions, Kind, Progress, Summary
from pipeline.importers.run import import_paths

__all__ = ["KINDS", "FileSummary", "ImportOptions", "Kind", "Progress", "Summary", "import_paths"]
