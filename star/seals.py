"""What a finished iteration's files held, so that a change behind our back is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from starprobe.bench.models.fingerprint import folder_fingerprint
from starprobe.probes.schema import Record

SEALED = (
    "samples.jsonl",
    "rationalized.jsonl",
    "train.jsonl",
    "training.json",
    "validation.jsonl",
    "metrics.json",
    "adapter",
)
"""What no later stage writes to."""


class Seal(Record):
    """DONE: file or folder -> a fingerprint of what it holds."""

    files: dict[str, str]


def seal(folder: Path) -> Seal:
    """The seal of an iteration's folder as it is."""
    found = {name: fingerprint(folder / name) for name in SEALED}
    return Seal(files={name: digest for name, digest in found.items() if digest is not None})


def broken(folder: Path, files: Mapping[str, str]) -> str | None:
    """Which file was changed behind our back, and how; None where none was."""
    for name, digest in files.items():
        now = fingerprint(folder / name)
        if now != digest:
            return f"{folder / name} {'is gone' if now is None else 'was changed'}"
    return None


def fingerprint(path: Path) -> str | None:
    """Of a file or a folder of weights; None where it is not there."""
    if path.is_dir():
        return folder_fingerprint(path)
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
