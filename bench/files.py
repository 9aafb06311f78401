"""Files that lose nothing: appended line by line, or replaced whole; one writer in a folder.

A process killed while it appends leaves at most one torn last line; readers drop it, and the next
append starts after cutting it off.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from starprobe.probes.errors import FolderError


def dump_line(record: BaseModel | dict[str, Any]) -> bytes:
    """One JSON line with its newline; lone surrogates survive as escapes."""
    if isinstance(record, BaseModel):
        record = record.model_dump(mode="json")
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(record, ensure_ascii=True) + "\n").encode()


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of ours; a torn last line is dropped, none at all where no file is.

    Raises:
        FolderError: a line before the last is not a JSON object.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
            except ValueError as error:
                raise FolderError(
                    f"{path}, line {number}: not JSON ({error}); the file was changed or the disk "
                    f"is damaged: remove the line to go on without it"
                ) from None
            if not isinstance(row, dict):
                raise FolderError(f"{path}, line {number}: not a JSON object")
            yield row


class Appender:
    """Appends lines to a file, each flushed to the system when `append` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        _cut_torn_line(path)
        # Unbuffered: a line is in the system's hands at once, so kill -9 loses none of it.
        self._file = path.open("ab", buffering=0)

    def append(self, records: Iterable[BaseModel | dict[str, Any]]) -> None:
        """Writes all of them in one call of the system; a part written on a full disk is undone.

        Raises:
            FolderError: the disk is full or the file cannot be written.
        """
        payload = b"".join(dump_line(record) for record in records)
        start = self._file.tell()
        try:
            view = memoryview(payload)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._file.truncate(start)
            raise FolderError(_cannot_write(self.path, error)) from None

    def close(self) -> None:
        """Hands everything to the disk."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Appender:
        """The appender itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replaces a file as a whole: after a kill there is the old one or the new one.

    Raises:
        FolderError: the disk is full or the folder cannot be written.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise FolderError(_cannot_write(path, error)) from None


def write_json(path: Path, value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Replaces a JSON file, indented for people."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, records: Iterable[BaseModel | dict[str, Any]]) -> None:
    """Replaces a JSON-lines file."""
    write_atomic(path, b"".join(dump_line(record) for record in records))


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _cannot_write(path: Path, error: OSError) -> str:
    return (
        f"cannot write {path}: {error.strerror or error}; free some space or name another "
        f"--out folder, and run the same command again: it goes on where it stopped"
    )


def may_write(path: Path) -> bool:
    """Whether a folder is a run, empty or not there yet."""
    if not path.exists():
        return True
    return path.is_dir() and ((path / "run.json").is_file() or not any(path.iterdir()))


class only_writer:
    """A block in which this process alone writes to a run folder.

    Raises:
        FolderError: another process is writing to it now.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = FileLock(path / ".lock", timeout=0)

    def __enter__(self) -> None:
        """Takes the lock."""
        try:
            self._lock.acquire()
        except Timeout:
            raise FolderError(
                f"another process is writing to {self._path}; wait for it, or name another --out"
            ) from None

    def __exit__(self, *_: object) -> None:
        """Gives it back."""
        self._lock.release()
