"""Our own files, held against their records as they are read, and folders put in place whole."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from starprobe.bench.files import read_jsonl
from starprobe.probes.errors import FolderError
from starprobe.probes.schema import Record

AnyRecord = TypeVar("AnyRecord", bound=Record)


def records(path: Path, kind: type[AnyRecord]) -> list[AnyRecord]:
    """The rows of one of our files; none where it is not there.

    Raises:
        FolderError: a row is not of this kind: the file was changed behind our back.
    """
    found = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            found.append(kind.model_validate(row))
        except ValidationError as error:
            raise FolderError(f"{path}, line {number}: {_first(error)}") from None
    return found


def whole_records(path: Path, kind: type[AnyRecord]) -> list[AnyRecord]:
    """The rows of a file that was written whole.

    Raises:
        FolderError: it was cut off, or a row is not of this kind.
    """
    with suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            raise FolderError(
                f"{path} is cut off: it was changed or the disk is damaged; remove it to have it "
                f"made again"
            )
    return records(path, kind)


def replace_folder(made: Path, target: Path) -> None:
    """Puts a finished folder in its place, whole; what stood there goes."""
    if target.exists():
        shutil.rmtree(target)
    made.rename(target)


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord | None:
    """One of our JSON files; None where it is not there.

    Raises:
        FolderError: it is not of this kind.
    """
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise FolderError(f"{path}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"]) or "the record"
    return f"{field}: {detail['msg']} (got {detail['input']!r:.80})"
