"""A revision for a model that has none: what its files hold, cheaply."""

from __future__ import annotations

import hashlib
from pathlib import Path

EDGE = 1 << 20
"""Bytes read at each end of a large file."""


def folder_fingerprint(folder: Path | str) -> str | None:
    """12 hex digits over the weights and configs of a folder; None where it is no folder.

    Large files count by their size and their two ends, so that it takes milliseconds.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".safetensors", ".json", ".jinja", ".bin", ".gguf"}:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}:".encode())
            with path.open("rb") as file:
                digest.update(file.read(EDGE))
                file.seek(max(0, size - EDGE))
                digest.update(file.read(EDGE))
    return digest.hexdigest()[:12]
