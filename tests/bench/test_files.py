"""Appended and replaced files lose nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from starprobe.bench.files import Appender, Rows, read_jsonl, write_atomic, write_jsonl
from starprobe.probes.errors import FolderError


def test_rows_come_back_as_they_were_appended(tmp_path: Path) -> None:
    rows = [{"text": "tabs\tand \u2028 lines\n"}, {"text": "\ud800 alone"}, {"text": "naïve 🙂"}]
    with Appender(tmp_path / "a.jsonl") as appender:
        appender.append(rows[:1])
        appender.append(rows[1:])
    assert list(read_jsonl(tmp_path / "a.jsonl")) == rows


def test_a_torn_last_line_is_dropped_and_the_next_append_starts_clean(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2')
    assert list(read_jsonl(path)) == [{"a": 1}]
    with Appender(path) as appender:
        appender.append([{"a": 3}])
    assert list(read_jsonl(path)) == [{"a": 1}, {"a": 3}]


def test_a_file_that_is_one_torn_line_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": ' + b"1" * 200_000)
    Appender(path).close()
    assert path.read_bytes() == b""


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\nnot json\n{"a": 2}\n')
    with pytest.raises(FolderError, match=r"a\.jsonl, line 2"):
        list(read_jsonl(path))


def test_a_full_disk_undoes_the_part_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Appender(path) as appender:
        appender.append([{"a": 1}])
        whole = appender._file

        class Full:
            def __getattr__(self, name: str) -> object:
                return getattr(whole, name)

            def write(self, data: memoryview) -> int:
                whole.write(data[:3])
                raise OSError(errno.ENOSPC, "No space left on device")

        appender._file = Full()
        with pytest.raises(FolderError, match=r"No space left.*run the same command again"):
            appender.append([{"a": 2}])
        appender._file = whole
        appender.append([{"a": 3}])
    assert list(read_jsonl(path)) == [{"a": 1}, {"a": 3}]


def test_an_atomic_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    write_jsonl(path, [{"a": 1}])

    def rows():
        yield {"a": 2}
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_jsonl(path, rows())
    assert list(read_jsonl(path)) == [{"a": 1}]
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.jsonl"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot write"):
        write_atomic(tmp_path / "file" / "x.json", "{}")


def test_of_rows_with_one_id_the_first_success_counts_else_the_last_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"id": "a", "error": {"kind": "timeout"}},
        {"id": "b", "error": {"kind": "first"}},
        {"id": "a", "error": None, "text": "kept"},
        {"id": "\ud800", "error": None},
        {"id": "a", "error": None, "text": "again"},
        {"id": "b", "error": {"kind": "last"}},
    ]
    write_jsonl(path, rows)
    path.write_bytes(path.read_bytes() + b'{"id": "torn"')
    found = Rows(path)
    assert list(found) == [rows[2], rows[3], rows[5]]
    assert len(found) == 3
    assert found.find("a") == rows[2] and found.find("b") == rows[5]
    assert found.find("\ud800") == found.find("\\ud800") == rows[3]
    assert found.find("torn") is None and "torn" not in found and "b" in found
    assert list(Rows(tmp_path / "none.jsonl")) == [] and "a" not in Rows(tmp_path / "none.jsonl")
