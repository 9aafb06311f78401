"""A file or a stream -> the rows or the JSON value in it, told by its content and its name.

CSV, TSV, JSON, JSON lines, Parquet, Arrow, Excel, a data set folder saved by Hugging Face
`datasets`; each of them also gzipped, and from standard input.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.probes.errors import InputError, MissingError

DATA = files("starprobe.probes") / "data"
"""The files that come with the package."""
STDIN = Path("-")
SUFFIXES = (
    ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".xlsx", ".xlsm", ".eval",
    ".gz", ".zip", ".out",
)  # fmt: skip
"""Files that a folder is searched for."""
EXPORTS = ("conversations.json",)
"""What is read of a zip that a chat service sends."""
SHARED = ("model", "model_name", "model_id")
"""What an object may say once of all its rows."""
Row = tuple[str, dict[str, Any]]
"""Where it stands, and its fields."""


class Content(NamedTuple):
    """What stands in a file: rows, or an object or a log that an importer knows how to read."""

    name: str
    """The file's name, for errors and for what is named after it."""
    rows: list[Row] | None = None
    value: dict[str, Any] | None = None
    log: bytes | None = None
    """An `.eval` log of inspect_ai, as it stands."""


def read_content(path: Path) -> Content:
    """What a file, a saved data set or standard input (`-`) holds.

    Raises:
        InputError: it is not there, or is of no kind that we read; names file and line.
        MissingError: Parquet, Arrow or Excel without the library that reads it.
    """
    if path == STDIN:
        return _content("standard input", "", sys.stdin.buffer.read())
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return Content(str(path), list(_saved_dataset(path)))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return _content(str(path), path.name.lower().removesuffix(".out"), data)


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder is one that `datasets` has saved: a data set or a dictionary of them."""
    return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def rows_of(content: Content) -> list[Row]:
    """The rows of a content: of an object, those of the one list in it, or itself as one row.

    Raises:
        InputError: an object with no list of rows, or with several.
    """
    if content.rows is not None:
        return content.rows
    value = content.value
    if value is None:
        raise InputError(f"{content.name}: is a log of inspect_ai; `starprobe import` reads it")
    lists = {
        name: one
        for name, one in value.items()
        if isinstance(one, list) and one and isinstance(one[0], dict)
    }
    if len(lists) > 1 and "data" in lists:
        lists = {"data": lists["data"]}
    if len(lists) == 1:
        (rows,) = lists.values()
        said = {name: value[name] for name in SHARED if isinstance(value.get(name), str)}
        return [(where, said | row) for where, row in _entries(rows, content.name)]
    if len(value) > 1 and all(isinstance(one, dict) for one in value.values()):
        return [(f"{content.name}, {name!r}", {"id": name} | one) for name, one in value.items()]
    if not lists and len(value) > 1:
        return [(content.name, value)]
    raise InputError(
        f"{content.name}: found an object with the fields {', '.join(value)[:200]}; missing: one "
        f"list of responses or questions in it"
    )


def _content(name: str, low: str, data: bytes) -> Content:
    if data[:2] == b"\x1f\x8b":
        try:
            return _content(name, low.removesuffix(".gz"), gzip.decompress(data))
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name}: not a whole gzip file: {error}") from None
    if data[:4] == b"PAR1" or low.endswith(".parquet"):
        return Content(name, list(_parquet(name, data)))
    if data[:6] == b"ARROW1" or low.endswith(".arrow"):
        return Content(name, list(_arrow(name, data)))
    if data[:4] == b"PK\x03\x04" or low.endswith((".xlsx", ".xlsm", ".eval", ".zip")):
        return _zip(name, data)
    if low.endswith((".csv", ".tsv")):
        return Content(name, list(_csv(name, data, low.endswith(".tsv"))))
    if low.endswith((".jsonl", ".ndjson", ".json")) or data.lstrip()[:1] in {b"{", b"["}:
        return _json(name, data)
    if not low:  # Standard input that is no JSON is a table.
        return Content(name, list(_csv(name, data, False)))
    raise InputError(
        f"{name}: an unknown kind of file; bring a folder or one of {', '.join(SUFFIXES)}"
    )


def _json(name: str, data: bytes) -> Content:
    text = _utf8(name, data)
    if not text.strip():
        return Content(name, [])
    first = text.lstrip().partition("\n")[0]
    try:
        lines = isinstance(json.loads(first), dict) and len(text.strip().splitlines()) > 1
    except (ValueError, RecursionError):
        lines = False
    named = name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    if lines or (text.lstrip()[0] not in "{[" and named):
        return Content(name, list(_json_lines(name, text)))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[0] == "{" and named:
            return Content(name, list(_json_lines(name, text)))  # It names the line.
        raise InputError(f"{name}: not valid JSON: {error}") from None
    if isinstance(value, dict):
        if named and len(text.strip().splitlines()) == 1:
            return Content(name, [(f"{name}, line 1", value)])
        return Content(name, value=value)
    if isinstance(value, list):
        return Content(name, list(_entries(value, name)))
    raise InputError(f"{name}: is neither a list nor an object")


def _json_lines(name: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: is {type(row).__name__}, not an object with fields")
        yield where, row


def _entries(rows: Iterable[Any], name: str) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{name}, entry {number}: not an object with fields")
        yield f"{name}, entry {number}", row


def _utf8(name: str, data: bytes) -> str:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8 text (byte {error.start})") from None


def _csv(name: str, data: bytes, tabs: bool) -> Iterator[Row]:
    """Rows of a table in text; one cell too many, or too few, or an open quote is an error."""
    try:
        text = _utf8(name, data)
    except InputError:
        text = data.decode("cp1252", "replace")  # What Excel writes where UTF-8 is not chosen.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    header = text.partition("\n")[0]
    mark = "\t" if tabs else max(",;\t", key=lambda one: (header.count(one), one == ","))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    names: list[str] = []
    begins = 1
    try:
        for cells in reader:
            where, begins = f"{name}, line {begins}", reader.line_num + 1
            if not any(cells):
                continue
            if not names:
                names = _header(cells, name)
                continue
            if len(cells) != len(names):
                kind = "more" if len(cells) > len(names) else "fewer"
                raise InputError(
                    f"{where}: has {kind} cells than the header names ({len(cells)}, not "
                    f"{len(names)}); is a quote left open or a {mark!r} not quoted?"
                )
            yield where, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise InputError(
            f"{name}, line {begins}: a quote is left open or not doubled ({error})"
        ) from None
    if not names:
        raise InputError(f"{name}: is empty")


def _header(cells: list[str], name: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = next((one for one in names if one and names.count(one) > 1), None)
    if twice:
        raise InputError(f"{name}: two columns are called {twice!r}")
    return [one or f"column {number}" for number, one in enumerate(names, start=1)]


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise MissingError(f"{name}: needs pyarrow: pip install 'starprobe[parquet]'") from None
    return pyarrow


def _parquet(name: str, data: bytes) -> Iterator[Row]:
    _pyarrow(name)
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: not a Parquet file: {error}") from None
    rows = (row for batch in file.iter_batches() for row in batch.to_pylist())
    for number, row in enumerate(rows, start=1):
        yield f"{name}, row {number}", row


def _arrow(name: str, data: bytes) -> Iterator[Row]:
    arrow = _pyarrow(name)
    opened = arrow.ipc.open_file if data[:6] == b"ARROW1" else arrow.ipc.open_stream
    try:
        table = opened(io.BytesIO(data)).read_all()
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: not an Arrow file: {error}") from None
    for number, row in enumerate(table.to_pylist(), start=1):
        yield f"{name}, row {number}", row


def _saved_dataset(path: Path) -> Iterator[Row]:
    if (path / "dataset_dict.json").is_file():
        splits = json.loads((path / "dataset_dict.json").read_bytes()).get("splits", [])
        for split in splits:
            yield from _saved_dataset(path / split)
        return
    state = path / "state.json"
    if not is_saved_dataset(path) or not state.is_file():
        raise InputError(f"{path}: cannot be read as a file, and is no saved data set")
    said = json.loads(state.read_bytes())
    if said.get("_indices_files"):
        raise InputError(f"{path}: was saved with a selection; save it after flatten_indices()")
    for part in said.get("_data_files", []):
        file = path / part["filename"]
        yield from _arrow(str(file), file.read_bytes())


def _zip(name: str, data: bytes) -> Content:
    """A zip is an Excel file, a log of inspect_ai, or what a chat service exports."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            exported = [one for one in names if one.rpartition("/")[2] in EXPORTS]
            if exported:
                return _content(f"{name}/{exported[0]}", ".json", archive.read(exported[0]))
    except zipfile.BadZipFile:
        kind = "not a zip file, which .xlsx, .eval and .zip are"
        raise InputError(f"{name}: {kind}") from None
    if "xl/workbook.xml" in names:
        return Content(name, list(_excel(name, data)))
    if "header.json" in names or "_journal/start.json" in names:
        return Content(name, log=data)
    found = ", ".join(names[:5]) or "nothing"
    raise InputError(f"{name}: found {found}; missing: header.json, or {', '.join(EXPORTS)}")


def _excel(name: str, data: bytes) -> Iterator[Row]:
    """Rows of the one sheet that holds any."""
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise MissingError(
            f"{name}: needs openpyxl: pip install 'starprobe[excel]', or save it as CSV"
        ) from None
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    sheets = {
        sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book
    }
    filled = {title: rows for title, rows in sheets.items() if any(any(row) for row in rows)}
    if len(filled) != 1:
        held = ", ".join(filled) or "none"
        raise InputError(f"{name}: one sheet must hold the rows; these do: {held}. Save it alone")
    (rows,) = filled.values()
    start = next(index for index, row in enumerate(rows) if any(row))
    width = max(index for index, cell in enumerate(rows[start]) if cell is not None) + 1
    names = _header([str(cell or "") for cell in rows[start][:width]], name)
    for number, row in enumerate(rows[start + 1 :], start=start + 2):
        if any(cell is not None for cell in row):
            cells = [*row, *[None] * width][:width]
            yield f"{name}, row {number}", dict(zip(names, cells, strict=True))


def read_toml(path: str | Path | Traversable, text: str | None = None) -> dict[str, Any]:
    """The tables of a TOML file, or of a text that is to stand in it.

    Raises:
        InputError: it cannot be read, or is no TOML; names the file.
    """
    try:
        found = Path(path) if isinstance(path, str) else path
        return tomllib.loads(found.read_text(encoding="utf-8") if text is None else text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error


def plain_json(value: Any) -> Any:
    """The value in JSON's own types: NaN is null, dates and bytes are text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(name): plain_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
