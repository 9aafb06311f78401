"""Files that lose nothing: appended line by line, or replaced whole; one writer in a folder.

A process killed while it appends leaves at most one torn last line; readers drop it, and the next
append starts after cutting it off.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
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
    return (row for _, row in _placed(path))


def _placed(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(byte at which it begins, row) of each row."""
    if not path.exists():
        return
    place = 0
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
            yield place, row
            place += len(line)


class Rows:
    """The rows of a file of ours that count, by their `id`; they stay on the disk.

    Of rows with one id the first without an `error` counts, else the last. In memory are 16 bytes a
    row: where it stands, and the hash of its id.

    Raises:
        FolderError: a line before the last is not a JSON object.
    """

    def __init__(self, path: Path) -> None:
        marks, starts, failed = array("Q"), array("q"), array("b")
        for start, row in _placed(path):
            marks.append(_mark_of_id(row.get("id")))
            starts.append(start)
            failed.append(row.get("error") is not None)
        mark, place, bad = (np.asarray(found) for found in (marks, starts, failed))
        order = np.lexsort((np.where(bad, -place, place), bad, mark))
        first = np.r_[True, mark[order][1:] != mark[order][:-1]][: len(order)]
        self._path = path
        self._marks = array("Q", mark[order][first].tobytes())
        self._starts = array("q", place[order][first].tobytes())
        self._file = path.open("rb") if len(marks) else None
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        """Rows that count."""
        return len(self._marks)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows in the order of the file."""
        wanted = iter(np.sort(np.asarray(self._starts)).tolist())
        start = next(wanted, None)
        for place, row in _placed(self._path):
            if place == start:
                yield row
                start = next(wanted, None)

    def __contains__(self, name: object) -> bool:
        """Whether there is a row of this id."""
        mark = _mark_of_id(name)
        at = bisect_left(self._marks, mark)
        return at < len(self._marks) and self._marks[at] == mark

    def find(self, name: str) -> dict[str, Any] | None:
        """The row of this id, or None; lone surrogates may be escaped, as a frame has them."""
        mark = _mark_of_id(name)
        at = bisect_left(self._marks, mark)
        if self._file is None or at == len(self._marks) or self._marks[at] != mark:
            return None
        self._file.seek(self._starts[at])
        row: dict[str, Any] = json.loads(self._file.readline())
        return row if _plain(row.get("id")) == _plain(name) else None


def _plain(name: object) -> bytes:
    return str(name).encode("utf-8", "backslashreplace")


def _mark_of_id(name: object) -> int:
    return int.from_bytes(blake2b(_plain(name), digest_size=8).digest(), "little")


def mark_of(text: str) -> int:
    """64 bits of a hash of a text."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


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


def write_atomic(path: Path, content: str | bytes | Iterable[bytes]) -> None:
    """Replaces a file as a whole: after a kill there is the old one or the new one.

    What comes in pieces is written piece by piece.

    Raises:
        FolderError: the disk is full or the folder cannot be written.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    pieces = [content] if isinstance(content, bytes) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise FolderError(_cannot_write(path, error)) from None


def write_json(path: Path, value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Replaces a JSON file, indented for people."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, records: Iterable[BaseModel | dict[str, Any]]) -> None:
    """Replaces a JSON-lines file."""
    write_atomic(path, (dump_line(record) for record in records))


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

    Args:
        path: the folder.
        wait: for another process to end its block, instead of refusing.

    Raises:
        FolderError: another process is writing to it now.
    """

    def __init__(self, path: Path, wait: bool = False) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = FileLock(path / ".lock", timeout=-1 if wait else 0)

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
