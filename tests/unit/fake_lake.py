"""A lake in memory, for tests of what is written to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from data_access.ports import CurateResult
from pipeline.importers import ImportOptions, Progress, Summary, import_paths


class FakeLake:
    """Keeps what is appended; curation counts distinct (site, event_id)."""

    def __init__(self) -> None:
        self.tables: list[Any] = []
        self.curated: dict[tuple[str, str], dict[str, Any]] = {}
        self.curations = 0
        self.fail_after: int | None = None

    def append(self, events: pa.Table) -> None:
        if self.fail_after is not None and len(self.tables) >= self.fail_after:
            raise KeyboardInterrupt
        self.tables.append(events)

    def ingested(self, prefix: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for table in self.tables:
            name = table["ingest_id"][0].as_py()
            if name.startswith(prefix):
                found[name] = found.get(name, 0) + table.num_rows
        return found

    def curate(self) -> CurateResult:
        before, self.curations = len(self.curated), self.curations + 1
        for row in self.rows:
            self.curated.setdefault((row["site"], row["event_id"]), row)
        return CurateResult(len(self.rows), len(self.curated) - before, 0)

    @property
    def raw(self) -> Any:
        return pa.concat_tables(self.tables)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.raw.to_pylist() if self.tables else []


class Importing:
    """Imports into one lake, with everything a test may look at afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake = folder, FakeLake()
        self.progress: list[Progress] = []

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *paths: Path, **options: Any) -> Summary:
        if isinstance(options.get("mapping"), str):
            options["mapping"] = self.file("mapping.toml", options["mapping"])
        chosen = ImportOptions(rejects_dir=self.folder / "rejects", **options)
        return import_paths(self.lake, paths, chosen, self.progress.append)

    def rejects(self, summary: Summary) -> list[str]:
        assert summary.rejects_file is not None
        return summary.rejects_file.read_text("utf-8").splitlines()[1:]
