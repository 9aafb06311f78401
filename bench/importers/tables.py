"""Rows of CSV, TSV, JSONL, JSON and Parquet files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starprobe.probes.errors import InputError, MissingError

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, row) of every row of a table.

    Raises:
        InputError: naming file and line.
        MissingError: Parquet without pyarrow.
    """
    if path.suffix in {".csv", ".tsv"}:
        yield from _read_csv(path)
    elif path.suffix == ".parquet":
        yield from _read_parquet(path)
    elif path.suffix == ".json":
        yield from rows_of_json(load_json(path), path)
    else:
        yield from read_json_lines(path)


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSONL file."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where}: not valid JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{where}: is {type(row).__name__}, not an object with fields")
            yield where, row


def load_json(path: Path) -> Any:
    """The value in a JSON file."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None


def rows_of_json(value: Any, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, or of the one list that an object holds; or an object as one row."""
    if isinstance(value, dict):
        lists = [
            one
            for one in value.values()
            if isinstance(one, list) and one and isinstance(one[0], dict)
        ]
        if not lists and len(value) > 1:
            # One response on its own; which of its fields say what is found out like any row's.
            yield str(path), value
            return
        if len(lists) != 1:
            raise InputError(
                f"{path}: found an object with the fields {', '.join(value)[:200]}; missing: one "
                f"list of responses in it"
            )
        value = lists[0]
    if not isinstance(value, list):
        raise InputError(f"{path}: is neither a list nor an object")
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{path}, entry {number}: not an object with fields")
        yield f"{path}, entry {number}", row


def _read_csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as file:
        header = file.readline()
        file.seek(0)
        reader = csv.DictReader(file, delimiter=_delimiter(path, header))
        if not reader.fieldnames:
            raise InputError(f"{path}: is empty")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row:
                raise InputError(f"{where}: has more cells than the header names")
            yield where, dict(row)


def _delimiter(path: Path, header: str) -> str:
    """Spreadsheets write .csv with semicolons wherever the comma marks decimals."""
    if path.suffix == ".tsv":
        return "\t"
    return max(",;\t", key=lambda mark: (header.count(mark), mark == ","))


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingError(f"{path}: needs pyarrow: pip install 'starprobe[parquet]'") from None
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from None
    number = 0
    for batch in file.iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield f"{path}, row {number}", row
