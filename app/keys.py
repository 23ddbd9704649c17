"""The key that signs session cookies."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from data_access.settings import Settings


def secret_key(settings: Settings) -> str:
    """The key from the settings, else one made once and kept in the data folder, readable by us only."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir.resolve() / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    draft = path.with_name(f"secret_key.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    try:
        # A hard link fails if another process was first: both then read the same key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
